/**
 * Compares schemas in the sandbox: UNKNOWN when it takes longer than the limit or more memory than allowed. Equal texts are
 * compared without it.
 */
import type { SchemaCompare } from "../../registration/schemas/schema-records.ts";
import { notCompared, unchanged } from "../../registration/schemas/bounded-comparison.ts";
import type { SchemaSandbox } from "./sandbox.ts";

export interface SchemaCompareOptions {
  /** Time limit for one pair, in milliseconds. */
  readonly limitMs?: number;
}

/** A comparison in `sandbox`. */
export function createSchemaCompare(sandbox: SchemaSandbox, { limitMs = 2_000 }: SchemaCompareOptions = {}): SchemaCompare {
  return async (former, next, share, signal) => {
    signal.throwIfAborted();
    if (former === next) return unchanged;
    const outcome = await sandbox.turn(share, signal, (run) => run("compare", { former, next }, limitMs));
    if (outcome.type === "done") return outcome.result;
    return notCompared(outcome.type === "killed" ? `it took longer than ${limitMs} ms` : "it took more memory than allowed");
  };
}
