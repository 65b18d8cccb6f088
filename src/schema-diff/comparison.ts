/** The result of comparing two versions of a schema. */
import type { JsonValue } from "./json.ts";

/**
 * NONE and COMPATIBLE are proofs, the other two are not:
 *
 * - `NONE`: accepts the same values; annotations, and the way in which constraints are written, may have changed.
 * - `COMPATIBLE`: accepts every value the former version accepts.
 * - `BREAKING`: a constraint refuses what the former version did not refuse by the same keyword. That is the plain reading;
 *   it may be that something else there refused those values before (a pattern, say, or a contradiction that is not seen).
 * - `UNKNOWN`: none of these. So are, when they change: `not`, `if`, a pattern into another, alternatives that overlap,
 *   `unevaluated…` beside other applicators, `$dynamicRef`; a new `format` or `content…`, and what stands beside a `$ref` in
 *   draft-07, where validators differ; a dialect in which a keyword at hand means something else; references that cannot be
 *   followed or form a loop; and what takes too much work.
 */
export type Verdict = "NONE" | "COMPATIBLE" | "BREAKING" | "UNKNOWN";

export interface SchemaChange {
  /** JSON pointer of the keyword in the next version; for a removed keyword, in the former one. */
  readonly pointer: string;
  /** The innermost schema keyword; empty for the schema as a whole. */
  readonly keyword: string;
  /** The compatibility of this change alone. */
  readonly kind: Verdict;
  /** The keyword's values in the two versions; absent where a version has none. */
  readonly before?: JsonValue;
  readonly after?: JsonValue;
  /** One line, without the place. */
  readonly message: string;
}

export interface SchemaComparison {
  readonly verdict: Verdict;
  /** Decisive ones first: BREAKING, UNKNOWN, COMPATIBLE, NONE. */
  readonly changes: readonly SchemaChange[];
  /** Number of omitted changes. */
  readonly omitted: number;
}
