import type { ClientVariable } from "../../config/client.ts";
import type { Terminal } from "./terminal.ts";

/** One `--name`; without `value` it is a switch. */
export interface Option {
  readonly name: string;
  readonly short?: string;
  /** Placeholder of its value in the help: `HOST:PORT`. */
  readonly value?: string;
  /** It may be given several times. */
  readonly many?: true;
  readonly choices?: readonly string[];
  /** What it does, as a clause without a full stop. */
  readonly what: string;
  /** The variable used when it is not given. */
  readonly variable?: ClientVariable;
}

/** A positional argument. Optional ones come last, and only the last may be `many`. */
export interface Argument {
  readonly name: string;
  readonly what: string;
  readonly optional?: true;
  readonly many?: true;
  readonly choices?: readonly string[];
}

export interface Example {
  /** A whole command line. */
  readonly run: string;
  readonly what: string;
}

/** The values of a command line, already validated against the command's row. */
export interface Input {
  readonly args: readonly string[];
  text(option: string): string | undefined;
  texts(option: string): readonly string[];
  on(option: string): boolean;
}

/** Runs a command; resolves to the exit code. What it throws becomes a message and an exit code (`failure.ts`). */
export type Run = (input: Input, terminal: Terminal) => Promise<number>;

/** A row of the table of commands. It has no imports of the command, so that `--help` loads only the table. */
export interface Command {
  /** One or two words: `schema get`. */
  readonly name: string;
  readonly what: string;
  /** Further text in the command's own help: lines of at most 80 characters. */
  readonly more?: readonly string[];
  readonly args: readonly Argument[];
  readonly options: readonly Option[];
  readonly examples: readonly [Example, ...Example[]];
  /** `serve` belongs to the process. */
  readonly load: (() => Promise<Run>) | "serve";
}

/** An invalid command line: one line per problem. */
export class UsageError extends Error {
  readonly problems: readonly string[];
  /** The first word of commands, whose help is named. */
  readonly group: string | undefined;
  constructor(problems: readonly string[], group?: string) {
    super(problems.join("; "));
    this.name = "UsageError";
    this.problems = problems;
    this.group = group;
  }
}
