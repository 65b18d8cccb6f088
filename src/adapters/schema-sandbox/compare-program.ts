/** Compares one pair of schemas; the result is truncated to what is stored and sent. */
import { DomainError } from "../../kernel/errors.ts";
import type { BoundedComparison } from "../../registration/schemas/schema-records.ts";
import { boundedComparison, notCompared } from "../../registration/schemas/bounded-comparison.ts";
import { compareSchemas } from "../../schema-diff/compare-schemas.ts";
import type { CompareJob } from "./protocol.ts";

/** UNKNOWN where the two cannot be compared. */
export function run({ former, next }: CompareJob): BoundedComparison {
  try {
    return boundedComparison(compareSchemas(former, next));
  } catch (error) {
    // A foreign version may violate rules that ours obey; a deep one may take too much stack.
    if (error instanceof DomainError) return notCompared(error.message);
    if (error instanceof RangeError) return notCompared("they are too intricate");
    throw error;
  }
}
