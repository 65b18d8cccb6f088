/** What the parent and the checking child say to each other. Types only: the child may read few files of ours. */
import type { Dialect } from "../../schema-diff/schema-text.ts";

export interface CheckRequest {
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

/** What the child finds of its own confinement when it starts. */
export interface Confinement {
  readonly type: "ready";
  /** What it can do of the things it must not be able to; empty when confined. */
  readonly powers: readonly string[];
}
