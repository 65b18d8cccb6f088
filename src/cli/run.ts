/** One command line from its words to its exit code. */
import { printable } from "../kernel/log.ts";
import { commands } from "./commands.ts";
import { UsageError, type Command } from "./frame/command.ts";
import { exitCodes } from "./frame/exit-codes.ts";
import { commandHelp, groupHelp, overview } from "./frame/help.ts";
import { commandsBelow, findCommand, parseInput } from "./frame/parse.ts";
import { styleFor } from "./frame/style.ts";
import { Interrupted, type Terminal } from "./frame/terminal.ts";

/** Characters of a problem of a command line that are shown. */
const longestProblem = 8_192;

/** Runs a command line; resolves to the exit code, or to `serve` when the server is to run. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number | "serve"> {
  let command: Command | undefined;
  try {
    if (argv[0] === "--version") return say(terminal, `muster ${terminal.version}\n`);
    const wanted = argv.length === 0 ? [] : helpWanted(argv);
    if (wanted) return help(wanted, terminal);
    const found = findCommand(commands, argv);
    command = found.command;
    const input = parseInput(command, found.argv);
    if (command.load === "serve") return "serve";
    const carryOut = await command.load();
    return await carryOut(input, terminal);
  } catch (error) {
    return await report(error, command, argv, terminal);
  }
}

function say(terminal: Terminal, text: string): number {
  terminal.out(text);
  return exitCodes.done.code;
}

/** The words whose help is requested; undefined when none is. Words after `--` do not request help. */
function helpWanted(words: readonly string[]): readonly string[] | undefined {
  const own = words.includes("--") ? words.slice(0, words.indexOf("--")) : words;
  if (own[0] === "help") return own.slice(1);
  return own.some((word) => word === "--help" || word === "-h") ? own.filter((word) => word !== "--help" && word !== "-h") : undefined;
}

async function help(words: readonly string[], terminal: Terminal): Promise<number> {
  const style = styleFor(terminal.colour.out);
  if (words.length === 0) return say(terminal, overview(commands, terminal, style));
  if (words[0] === "--markdown") {
    const { cliReference } = await import("./frame/markdown.ts");
    return say(terminal, cliReference(commands));
  }
  const group = commandsBelow(commands, words[0] ?? "");
  const isGroup = group.length > 0 && !group.some(({ name }) => name === words.slice(0, 2).join(" "));
  const text = isGroup ? groupHelp(words[0] ?? "", group, terminal.program, style) : commandHelp(findCommand(commands, words).command, terminal.program, style);
  return say(terminal, text);
}

async function report(error: unknown, command: Command | undefined, argv: readonly string[], terminal: Terminal): Promise<number> {
  if (terminal.signal.aborted && terminal.signal.reason instanceof Interrupted) {
    return terminal.signal.reason.by === "closed" ? exitCodes.done.code : exitCodes.interrupted.code;
  }
  if (error instanceof UsageError) {
    const lines = error.problems.map((problem) => `muster${command ? ` ${command.name}` : ""}: ${printable(problem, longestProblem)}\n`);
    const about = command?.name ?? error.group;
    terminal.err(`${lines.join("")}Try: ${terminal.program} ${about === undefined ? "" : `${about} `}--help\n`);
    return exitCodes.usage.code;
  }
  const { reportFailure } = await import("./frame/report-failure.ts");
  return reportFailure(error, command, argv, terminal);
}
