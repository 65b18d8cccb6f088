/** Options that several commands share. */
import type { Option } from "./command.ts";

export const outputOption: Option = {
  name: "output",
  short: "o",
  value: "FORMAT",
  choices: ["table", "json", "yaml"],
  what: "how the answer is shown; streams give one JSON line or YAML document an item",
};

export const watchOption: Option = { name: "watch", short: "w", what: "stay and show every change, until Ctrl-C" };

/** How to reach the server and who calls. */
export const connectionOptions: readonly Option[] = [
  { name: "address", value: "HOST:PORT", variable: "MUSTER_ADDRESS", what: "the server, also as http://… or https://…" },
  { name: "token", value: "TOKEN", variable: "MUSTER_TOKEN", what: "who calls; others see it in the list of processes" },
  { name: "token-file", value: "FILE", what: "the same, from a file" },
  { name: "tls", what: "speak TLS, and check the server's certificate" },
  { name: "tls-ca", value: "FILE", variable: "MUSTER_CLIENT_CA", what: "authorities (PEM) to check it against; implies --tls" },
  { name: "tls-cert", value: "FILE", variable: "MUSTER_CLIENT_CERT", what: "certificate (PEM) to show to the server" },
  { name: "tls-key", value: "FILE", variable: "MUSTER_CLIENT_KEY", what: "its key (PEM)" },
  { name: "timeout", value: "DURATION", what: "give up after this long, such as 500ms or 2m" },
];

export const helpOption: Option = { name: "help", short: "h", what: "show this" };

/** What every command that calls the server takes beside its own. */
export const callOptions: readonly Option[] = [outputOption, ...connectionOptions];
