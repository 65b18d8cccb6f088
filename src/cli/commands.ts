/** The commands of `muster`, as one table. `serve` is the process itself and lives in main.ts. */
import { usageError, type Answer } from "./answer.ts";
import { tokenCommand } from "./token.ts";

interface Command {
  readonly usage: string;
  readonly what: string;
  readonly run: (args: readonly string[]) => Answer | "serve";
}

const commands: Readonly<Record<string, Command>> = {
  serve: {
    usage: "serve",
    what: "run the server (also without a command)",
    run: ([extra]) =>
      extra === undefined ? "serve" : usageError(`serve takes no arguments, and "${extra}" is one: the server is configured by its environment`),
  },
  token: {
    usage: "token --principal NAME --role ROLE [--role ROLE …]",
    what: "make a token for a caller, and its entry for the token file",
    run: tokenCommand,
  },
};

/** The answer to a command line, or `serve` when the server is to run. */
export function answerTo(argv: readonly string[], version: string): Answer | "serve" {
  const [name = "serve", ...args] = argv;
  if (name === "--help" || name === "-h" || name === "help" || args.includes("--help")) return { out: helpText(version), code: 0 };
  if (name === "--version") return { out: `muster ${version}\n`, code: 0 };
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  return command ? command.run(args) : usageError(`"${name}" is not a command; there is: ${Object.keys(commands).join(", ")}`);
}

function helpText(version: string): string {
  const lines = Object.values(commands).map(({ usage, what }) => `  muster ${usage}\n      ${what}`);
  return [
    `muster ${version}: registration of services and modules over gRPC`,
    "",
    ...lines,
    "  muster --version",
    "  muster --help",
    "",
    "The server is configured by MUSTER_* variables: docs/operations.md lists them.",
    "Exit codes: 0 done, 1 failed, 2 wrong command or options.",
    "",
  ].join("\n");
}
