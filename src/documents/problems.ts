/** What is wrong with the text of a document, and where. */
import { printable } from "../kernel/log.ts";

/** A place in a text; both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface Problem extends Place {
  /** Of the field, such as `stages[0].requirements[1].need`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
  /** A document with an error is refused; a warning is legal and probably not intended. */
  readonly severity: "error" | "warning";
}

/** So many are kept; further ones are dropped. */
export const mostProblems = 100;

export type Report = (at: { readonly place: Place; readonly path: string }, message: string, severity?: Problem["severity"]) => void;

export interface Problems {
  readonly report: Report;
  /** In the order of the text, each once. */
  sorted(): readonly Problem[];
  hasErrors(): boolean;
}

export function collectProblems(): Problems {
  const found = new Map<string, Problem>();
  let errors = 0;
  return {
    report({ place, path }, message, severity = "error") {
      if (severity === "error") errors += 1;
      const problem = { ...place, path: printable(path, 200), message: printable(message, 300), severity };
      const id = `${problem.line}:${problem.column}:${problem.path}:${problem.message}`;
      // The first error has room always, so that a refusal never comes without one.
      if (found.size < mostProblems || (severity === "error" && errors === 1)) found.set(id, problem);
    },
    sorted: () => [...found.values()].toSorted((a, b) => a.line - b.line || a.column - b.column),
    hasErrors: () => errors > 0,
  };
}

/** `stages[0].id: it is required (line 3, column 5)`. */
export function problemText({ path, message, line, column }: Problem): string {
  return `${path === "" ? "" : `${path}: `}${message} (line ${line}, column ${column})`;
}
