/** What a command that does not serve has to say: text for stdout or stderr, and the exit code. */
export interface Answer {
  readonly out?: string;
  readonly err?: string;
  readonly code: number;
}

/** A call with a wrong command or wrong options. */
export function usageError(problem: string): Answer {
  return { err: `muster: ${problem}\nTry: muster --help\n`, code: 2 };
}
