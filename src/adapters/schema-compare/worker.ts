/** The program of the comparing thread: one pair of schemas after the other, the result cut to what is kept and sent. */
import { parentPort } from "node:worker_threads";
import { DomainError } from "../../kernel/errors.ts";
import type { ToldComparison } from "../../registration/schemas/schema-records.ts";
import { compareSchemas } from "../../schema-diff/compare-schemas.ts";
import { boundedComparison, notCompared } from "../../registration/schemas/told-comparison.ts";

export interface Pair {
  readonly former: string;
  readonly next: string;
}

function compare({ former, next }: Pair): ToldComparison {
  try {
    return boundedComparison(compareSchemas(former, next));
  } catch (error) {
    // A version of somebody else's may break rules that ours have kept; a deep one may take too much stack.
    if (error instanceof DomainError) return notCompared(error.message);
    if (error instanceof RangeError) return notCompared("they are too intricate");
    throw error;
  }
}

// oxlint-disable-next-line require-post-message-target-origin -- that is for windows
parentPort?.on("message", (pair: Pair) => parentPort?.postMessage(compare(pair)));
