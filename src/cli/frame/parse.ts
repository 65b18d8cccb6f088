/** Parses a command line by a row of the table. */
import { parseArgs } from "node:util";
import { nearest } from "../../kernel/nearest.ts";
import { UsageError, type Argument, type Command, type Input, type Option } from "./command.ts";
import { connectionOptions, helpOption, outputOption } from "./options.ts";

export interface Found {
  readonly command: Command;
  readonly argv: readonly string[];
}

/**
 * The command that a line names, and the rest of the line. Options that all commands share may precede the command.
 * Throws UsageError with a suggestion when there is no such command.
 */
export function findCommand(commands: readonly Command[], argv: readonly string[]): Found {
  const leading = leadingOptions(argv);
  const rest = argv.slice(leading.length);
  const [first = "", second = ""] = rest;
  const two = commands.find(({ name }) => name === `${first} ${second}`);
  if (two) return { command: two, argv: [...leading, ...rest.slice(2)] };
  const one = commands.find(({ name }) => name === first);
  if (one) return { command: one, argv: [...leading, ...rest.slice(1)] };
  const group = commandsBelow(commands, first);
  if (group.length > 0) {
    const words = group.map(({ name }) => name.slice(first.length + 1));
    const near = nearest(second, words);
    const problem = second === "" || second.startsWith("-") ? `"${first}" needs one more word` : `"${first} ${second}" is not a command`;
    throw new UsageError([`${problem}: ${words.join(", ")}${near ? `; did you mean "${first} ${near}"?` : ""}`], first);
  }
  if (first.startsWith("-")) throw new UsageError([`${first.replace(/=.*/s, "")} is not an option that may precede a command`]);
  const near = nearest(first, [...new Set(commands.flatMap(({ name }) => [name, name.replace(/ .*/, "")]))]);
  throw new UsageError([`"${first}" is not a command${near ? `; did you mean "${near}"?` : ""}`]);
}

/** The commands of two words that begin with this one. */
export function commandsBelow(commands: readonly Command[], first: string): readonly Command[] {
  return commands.filter(({ name }) => name.startsWith(`${first} `));
}

function leadingOptions(argv: readonly string[]): readonly string[] {
  const shared = [outputOption, ...connectionOptions];
  let end = 0;
  for (;;) {
    const word = argv[end] ?? "";
    const name = word.replace(/=.*/s, "");
    const option = shared.find((it) => name === `--${it.name}` || (it.short !== undefined && name === `-${it.short}`));
    if (!option) return argv.slice(0, end);
    end += option.value !== undefined && !word.includes("=") ? 2 : 1;
  }
}

/** Parses the words after the command's name. Throws UsageError with all problems. */
export function parseInput(command: Command, argv: readonly string[]): Input {
  const options = [...command.options, helpOption];
  const problems: string[] = [];
  const { tokens, positionals } = parseArgs({
    args: [...argv],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      options.map(({ name, short, value }) => [name, { type: value === undefined ? "boolean" : "string", ...(short ? { short } : {}) } as const]),
    ),
  });
  const given = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const option = options.find(({ name }) => name === token.name);
    const problem = option ? valueProblem(option, token.rawName, token.value, token.inlineValue === true) : unknownOption(token.rawName, options);
    if (problem !== undefined) problems.push(problem);
    else given.set(token.name, [...(given.get(token.name) ?? []), token.value ?? ""]);
  }
  if (problems.length === 0) problems.push(...argumentProblems(command.args, positionals));
  if (problems.length > 0) throw new UsageError(problems);
  return {
    args: positionals,
    text: (option) => given.get(option)?.at(-1),
    texts: (option) => given.get(option) ?? [],
    on: (option) => given.has(option),
  };
}

function unknownOption(rawName: string, options: readonly Option[]): string {
  const near = nearest(
    rawName.replace(/^--?/, ""),
    options.map(({ name }) => name),
  );
  return `${rawName} is not an option${near ? `; did you mean --${near}?` : ""}`;
}

function valueProblem(option: Option, rawName: string, value: string | undefined, isInline: boolean): string | undefined {
  if (option.value === undefined) return value === undefined ? undefined : `${rawName} takes no value`;
  if (value === undefined || (!isInline && value.startsWith("--"))) return `${rawName} needs a value: ${rawName} ${option.value}`;
  if (option.choices && !option.choices.includes(value)) {
    const near = nearest(value, option.choices);
    return `${rawName}: "${value}" must be one of ${option.choices.join(", ")}${near ? `; did you mean ${near}?` : ""}`;
  }
  return undefined;
}

function argumentProblems(args: readonly Argument[], given: readonly string[]): readonly string[] {
  const missing = args.filter(({ optional }, i) => !optional && given[i] === undefined).map(({ name, what }) => `${name} is missing: ${what}`);
  const extra = args.at(-1)?.many ? [] : given.slice(args.length).map((word) => `"${word}" is one argument too many`);
  const wrong = args.flatMap(({ name, choices }, i) => {
    const value = given[i];
    if (value === undefined || choices === undefined || choices.includes(value)) return [];
    return [`${name}: "${value}" must be one of ${choices.join(", ")}`];
  });
  return [...missing, ...wrong, ...extra];
}
