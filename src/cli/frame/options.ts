/** Options that several commands share. */
import type { Option } from "./command.ts";

export const outputOption: Option = {
  name: "output",
  short: "o",
  value: "FORMAT",
  choices: ["table", "json", "yaml"],
  what: "output format; streams give one JSON line or YAML document per item",
};

export const watchOption: Option = { name: "watch", short: "w", what: "keep running and show every change, until Ctrl-C" };

/** The server's address and the caller's credentials. */
export const connectionOptions: readonly Option[] = [
  { name: "address", value: "HOST:PORT", variable: "MUSTER_ADDRESS", what: "the server, also as http://… or https://…" },
  { name: "token", value: "TOKEN", variable: "MUSTER_TOKEN", what: "the caller's token; visible in the process list" },
  { name: "token-file", value: "FILE", what: "the token, from a file" },
  { name: "as", value: "NAME", variable: "MUSTER_PRINCIPAL", what: "the caller's name, for a server in open mode" },
  { name: "as-groups", value: "GROUPS", variable: "MUSTER_GROUPS", what: "the caller's groups there, with commas between" },
  { name: "as-roles", value: "ROLES", variable: "MUSTER_ROLES", what: "the caller's roles for policies there, with commas between" },
  { name: "tls", what: "use TLS, and verify the server's certificate" },
  { name: "tls-ca", value: "FILE", variable: "MUSTER_CLIENT_CA", what: "authorities (PEM) to verify it against; implies --tls" },
  { name: "tls-cert", value: "FILE", variable: "MUSTER_CLIENT_CERT", what: "client certificate (PEM)" },
  { name: "tls-key", value: "FILE", variable: "MUSTER_CLIENT_KEY", what: "its key (PEM)" },
  { name: "timeout", value: "DURATION", what: "give up after this long, such as 500ms or 2m" },
];

export const helpOption: Option = { name: "help", short: "h", what: "show this help" };

/** Options of every command that calls the server. */
export const callOptions: readonly Option[] = [outputOption, ...connectionOptions];
