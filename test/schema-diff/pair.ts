/** Pairs of schemas whose comparison was worked out by hand. */
import type { Verdict } from "../../src/schema-diff/comparison.ts";
import type { JsonValue } from "../../src/schema-diff/json.ts";

export interface Pair {
  readonly name: string;
  readonly former: JsonValue;
  readonly next: JsonValue;
  readonly verdict: Verdict;
  /** Pointer and keyword of the change that decides; none for NONE. */
  readonly decides?: readonly [pointer: string, keyword: string];
  /**
   * BREAKING: at least one, each valid before and invalid after. COMPATIBLE and NONE: valid before, so also after.
   * UNKNOWN: valid before and invalid after, to show that it may break; none where it breaks nothing.
   */
  readonly instances: readonly JsonValue[];
}

type Make = (name: string, former: JsonValue, next: JsonValue, at: string | readonly [string, string], ...instances: JsonValue[]) => Pair;

/** `at` alone stands for a pointer whose last part is the keyword. */
function maker(verdict: Verdict): Make {
  return (name, former, next, at, ...instances) => {
    const decides = typeof at === "string" ? ([at, at.slice(at.lastIndexOf("/") + 1)] as const) : at;
    return { name, former, next, verdict, decides, instances };
  };
}

export const breaking = maker("BREAKING");
export const compatible = maker("COMPATIBLE");
export const unknown = maker("UNKNOWN");

export function none(name: string, former: JsonValue, next: JsonValue, ...instances: JsonValue[]): Pair {
  return { name, former, next, verdict: "NONE", instances };
}

/** A schema in the dialect of a `$schema`. */
export function inDialect(dialect: "draft-04" | "draft-06" | "draft-07" | "2019-09", schema: { readonly [key: string]: JsonValue }): JsonValue {
  return { $schema: dialect === "2019-09" ? "https://json-schema.org/draft/2019-09/schema" : `http://json-schema.org/${dialect}/schema#`, ...schema };
}
