/** The messages between parent and sandbox child. Types only. */
import type { BoundedComparison } from "../../registration/schemas/schema-records.ts";
import type { Dialect } from "../../schema-diff/schema-text.ts";

/** The child's jobs: each is a program that it loads at first use. */
export interface Programs {
  readonly check: { readonly job: CheckJob; readonly result: Verdict };
  readonly compare: { readonly job: CompareJob; readonly result: BoundedComparison };
}

export interface CheckJob {
  /** As given: what is held against the rules of the dialect. */
  readonly text: string;
  /** Places in it that are schemas only because references lead there, as JSON pointers. */
  readonly entered: readonly string[];
  /** The same schema as it is compiled. */
  readonly compilable: string;
  readonly dialect: Dialect;
  /** The schema's regular expressions. */
  readonly patterns: readonly string[];
}

export interface CompareJob {
  readonly former: string;
  readonly next: string;
}

export type Verdict =
  /** With the indices of patterns that no ECMAScript engine takes. */
  | { readonly type: "valid"; readonly foreign: readonly number[] }
  /** Breaks a rule of the dialect at `pointer`, which begins at the place `within`. */
  | { readonly type: "invalid"; readonly within: string; readonly pointer: string; readonly detail: string }
  /** Refers to something that is not there. */
  | { readonly type: "dangling"; readonly ref: string }
  /** The pattern with this index is no regular expression at all, cannot be matched in linear time, or repeats too much. */
  | {
      readonly type: "pattern";
      readonly index: number;
      readonly fault: "malformed" | "not linear" | "too large";
      readonly detail: string;
    }
  | { readonly type: "too_complex" };

export interface Request<P extends keyof Programs = keyof Programs> {
  readonly program: P;
  /** Absent: only load the program. */
  readonly job?: Programs[P]["job"];
  /** How long the job may take unless the child is killed earlier. */
  readonly watchdogMs: number;
}

/** The answer to a request: the job's result, or nothing when there was no job. Undefined is no JSON, hence the object. */
export interface Reply<P extends keyof Programs = keyof Programs> {
  readonly result?: Programs[P]["result"];
}

/** The child's report on its own confinement when it starts. */
export interface Confinement {
  /** Forbidden operations that it can do; empty when confined. */
  readonly powers: readonly string[];
}
