/** `--help`, from the table. */
import { worded } from "./called-as.ts";
import type { Argument, Command, Option } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { connectionOptions, helpOption } from "./options.ts";
import type { Style } from "./style.ts";
import type { Terminal } from "./terminal.ts";
import { wrapped } from "./wrapped.ts";

/** All commands, a line each. */
export function overview(commands: readonly Command[], { version, program }: Pick<Terminal, "version" | "program">, style: Style): string {
  return [
    `muster ${version}: registrations and approvals over gRPC`,
    "",
    style.bold("Commands"),
    ...columns(commands.map((command) => [command.name, command.what])),
    "",
    ...columns([
      [`${program} COMMAND --help`, "arguments and options of a command, with an example"],
      [`${program} --version`, ""],
    ]),
    "",
    style.bold("Exit codes"),
    ...columns(Object.values(exitCodes).map(({ code, what }) => [String(code), what])),
    "",
    "The server is configured by MUSTER_* variables: docs/operations.md lists them.",
    "Full reference: docs/cli.md.",
    "",
  ].join("\n");
}

/** The commands that begin with one word. */
export function groupHelp(first: string, group: readonly Command[], program: string, style: Style): string {
  return [style.bold(`${program} ${first} …`), ...columns(group.map((command) => [usage(command, program), command.what])), ""].join("\n");
}

/** One command: what it does, its arguments and options, examples, worded as the `program` was called. */
export function commandHelp(command: Command, program: string, style: Style): string {
  const shared = command.options.filter((option) => connectionOptions.includes(option));
  const own = command.options.filter((option) => !connectionOptions.includes(option));
  const section = (head: string, lines: readonly string[]): readonly string[] => (lines.length === 0 ? [] : ["", style.bold(head), ...lines]);
  return [
    `${style.bold(usage(command, program))}`,
    ...columns([["", command.what]]).map((line) => line.trimStart()),
    ...section("About", command.more ?? []),
    ...section("Arguments", columns(command.args.map((arg) => [arg.name, argumentText(arg)]))),
    ...section("Options", columns([...own, helpOption].map((option) => [optionUsage(option), optionText(option)]))),
    ...section("Connection", columns(shared.map((option) => [optionUsage(option), optionText(option)]))),
    ...section(
      "Examples",
      command.examples.flatMap(({ run, what }) => [`  ${style.dim(`# ${what}`)}`, `  ${worded(run, program)}`]),
    ),
    "",
  ].join("\n");
}

/** `muster schema get MODULE [options]` */
export function usage(command: Command, program = "muster"): string {
  const args = command.args.map(({ name, optional, many }) => {
    const word = many ? `${name} …` : name;
    return optional ? `[${word}]` : word;
  });
  return [program, command.name, ...args, ...(command.options.length > 0 ? ["[options]"] : [])].join(" ");
}

export function optionUsage({ name, short, value }: Option): string {
  return `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
}

export function optionText({ what, choices, many, variable }: Option): string {
  const notes = [choices === undefined ? "" : choices.join(", "), many ? "may be repeated" : "", variable ?? ""].filter((note) => note !== "");
  return notes.length === 0 ? what : `${what} (${notes.join("; ")})`;
}

export function argumentText({ what, choices }: Argument): string {
  return choices === undefined ? what : `${what} (${choices.join(", ")})`;
}

const lineWidth = 80;

/** Two columns, wrapped at 80 characters. A left column that is too wide has its own line. */
function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.min(30, Math.max(0, ...rows.map(([left]) => left.length)));
  return rows.flatMap(([left, right]) => {
    const lines = wrapped(right, lineWidth - width - 4);
    const [first = ""] = lines;
    const head = left.length > width ? [`  ${left}`, `  ${" ".repeat(width)}  ${first}`] : [`  ${left.padEnd(width)}  ${first}`];
    return [...head, ...lines.slice(1).map((line) => `  ${" ".repeat(width)}  ${line}`)].map((line) => line.trimEnd());
  });
}
