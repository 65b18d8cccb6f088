/** What the parent and the checking child say to each other. Types only: the child may read no other file of ours. */
import type { Dialect } from "../../schema-diff/schema-text.ts";

export interface CheckRequest {
  readonly text: string;
  readonly dialect: Dialect;
  /** The schema's regular expressions. */
  readonly patterns: readonly string[];
}

export type Verdict =
  | { readonly type: "valid" }
  /** Breaks a rule of the dialect at `pointer`. */
  | { readonly type: "invalid"; readonly pointer: string; readonly detail: string }
  /** Refers to something that is not there. */
  | { readonly type: "dangling"; readonly ref: string }
  /** The pattern with this index is no regular expression at all, or one that cannot be matched in linear time. */
  | {
      readonly type: "pattern";
      readonly index: number;
      readonly malformed: boolean;
      readonly detail: string;
    }
  | { readonly type: "too_complex" };

/** What the child finds of its own confinement when it starts. */
export interface Confinement {
  readonly type: "ready";
  /** What it can do of the things it must not be able to; empty when confined. */
  readonly powers: readonly string[];
}
