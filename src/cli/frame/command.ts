import type { ClientVariable } from "../../config/client.ts";
import type { Terminal } from "./terminal.ts";

/** One `--name`; without `value` it is a switch. */
export interface Option {
  readonly name: string;
  readonly short?: string;
  /** What stands for its value in the help: `HOST:PORT`. */
  readonly value?: string;
  /** It may be given several times. */
  readonly many?: true;
  readonly choices?: readonly string[];
  /** What it does, as a clause without a full stop. */
  readonly what: string;
  /** The variable that stands in for it. */
  readonly variable?: ClientVariable;
}

/** What stands on the command line without a name. Optional ones come last, and only the last may be `many`. */
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

/** What a command line holds, already checked against the command's row. */
export interface Input {
  readonly args: readonly string[];
  text(option: string): string | undefined;
  texts(option: string): readonly string[];
  on(option: string): boolean;
}

/** Carries a command out; resolves to the exit code. What it throws becomes a message and an exit code (`failure.ts`). */
export type Run = (input: Input, terminal: Terminal) => Promise<number>;

/** A row of the table of commands. It stands alone, so that `--help` loads nothing but the table. */
export interface Command {
  /** One or two words: `schema get`. */
  readonly name: string;
  readonly what: string;
  /** What else there is to know, in the command's own help: lines of at most 80 characters. */
  readonly more?: readonly string[];
  readonly args: readonly Argument[];
  readonly options: readonly Option[];
  readonly examples: readonly [Example, ...Example[]];
  /** `serve` belongs to the process. */
  readonly load: (() => Promise<Run>) | "serve";
}

/** A command line that cannot be carried out as it is: one line a problem. */
export class UsageError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("; "));
    this.name = "UsageError";
    this.problems = problems;
  }
}
