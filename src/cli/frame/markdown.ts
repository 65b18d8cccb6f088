/** docs/cli.md, from the table. A test checks that the file equals this. */
import { clientVariables } from "../../config/client.ts";
import type { Command, Option } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { argumentText, optionText, optionUsage, usage } from "./help.ts";
import { connectionOptions } from "./options.ts";

const variableMeanings: Readonly<Record<keyof typeof clientVariables, string>> = {
  MUSTER_ADDRESS: "the server: `host:port`, or with `http://` or `https://` before it",
  MUSTER_TOKEN: "the caller's token. **Secret**: also as `MUSTER_TOKEN_FILE`, the path of a file that contains it",
  MUSTER_PRINCIPAL: "the caller's name, for a server in [open mode](operations.md#who-may-call)",
  MUSTER_GROUPS: "the caller's groups there, with commas between",
  MUSTER_ROLES: "the caller's roles for policies there, with commas between",
  MUSTER_CLIENT_CA: "authorities (PEM file) that the server's certificate is verified against, and no others; turns on TLS",
  MUSTER_CLIENT_CERT: "client certificate (PEM file)",
  MUSTER_CLIENT_KEY: "its key (PEM file)",
};

export function cliReference(commands: readonly Command[]): string {
  return [
    "# The command line",
    "",
    "Generated from the table of commands by `npm run clidocs`; `muster COMMAND --help` has the same content.",
    "In a checkout, `npx muster` is what this page calls `muster` ([README](../README.md#from-the-command-line)).",
    "",
    "Commands that call a server use the same RPCs as any other client. Results go to stdout, errors to stderr. `-o json` prints",
    "the contract's own JSON with every field, `-o yaml` the same as YAML; streaming commands write one line of JSON, or one",
    "YAML document, per item. Colours appear on a terminal only, and not with `NO_COLOR`.",
    "",
    "An error is shown with its [reason](errors.md), its message, every invalid field, and whether a retry can help; with `-o json`",
    "as one JSON object on stderr.",
    "",
    "## Exit codes",
    "",
    "| code | meaning |",
    "|---|---|",
    ...Object.values(exitCodes).map(({ code, what }) => `| ${code} | ${cell(what)} |`),
    "",
    "## Where the server is",
    "",
    "| variable | default | meaning |",
    "|---|---|---|",
    ...Object.entries(clientVariables).map(([name, { fallback }]) => {
      const meaning = variableMeanings[name as keyof typeof clientVariables];
      return `| \`${name}\` | ${fallback === "" ? "" : `\`${fallback}\``} | ${meaning} |`;
    }),
    "",
    "Every command that calls a server takes these options; they take precedence over the variables:",
    "",
    ...optionTable(connectionOptions),
    "",
    "## Commands",
    "",
    ...commands.flatMap(section),
  ]
    .join("\n")
    .replace(/\n+$/, "\n");
}

function section(command: Command): readonly string[] {
  const own = command.options.filter((option) => !connectionOptions.includes(option));
  const calls = command.options.some((option) => connectionOptions.includes(option));
  return [
    `### ${command.name}`,
    "",
    `\`${usage(command)}\`: ${command.what}.`,
    "",
    ...(command.more ? [...command.more, ""] : []),
    ...(command.args.length > 0
      ? ["| argument | meaning |", "|---|---|", ...command.args.map((arg) => `| \`${arg.name}\` | ${cell(argumentText(arg))} |`), ""]
      : []),
    ...(own.length > 0 ? [...optionTable(own), ""] : []),
    ...(calls ? ["And the connection's options.", ""] : []),
    "```sh",
    ...command.examples.flatMap(({ run, what }) => [`# ${what}`, run]),
    "```",
    "",
  ];
}

function optionTable(options: readonly Option[]): readonly string[] {
  return ["| option | meaning |", "|---|---|", ...options.map((option) => `| \`${optionUsage(option)}\` | ${cell(optionText(option))} |`)];
}

function cell(text: string): string {
  return text.replace(/(?<!\\)\|/g, "\\|");
}
