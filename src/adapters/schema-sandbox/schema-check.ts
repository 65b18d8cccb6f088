/**
 * Checks schemas in the sandbox. Verdicts are cached by content, except those of a killed child: on a busy machine a
 * valid schema may exceed the limit.
 */
import { createHash } from "node:crypto";
import type { DomainError } from "../../kernel/errors.ts";
import { inspectSchema, type InspectedSchema, type SchemaCheck } from "../../schema-diff/schema-text.ts";
import type { RunJob, SchemaSandbox } from "./sandbox.ts";
import { verdictError } from "./verdict.ts";

export interface SchemaCheckOptions {
  /** Time limit for one schema, in milliseconds. */
  readonly limitMs?: number;
  /** Maximum number of cached verdicts. */
  readonly remembered?: number;
}

/** A check in `sandbox`; a cached verdict is returned without it. */
export function createSchemaCheck(sandbox: SchemaSandbox, { limitMs = 2_000, remembered = 256 }: SchemaCheckOptions = {}): SchemaCheck {
  /** Insertion order is order of use. */
  const verdicts = new Map<string, DomainError | undefined>();

  function recall(id: string): DomainError | undefined {
    const verdict = verdicts.get(id);
    verdicts.delete(id);
    verdicts.set(id, verdict);
    return verdict;
  }

  async function judged(run: RunJob, id: string, text: string, inspected: InspectedSchema): Promise<DomainError | undefined> {
    // An earlier call in the queue may have checked the same.
    if (verdicts.has(id)) return recall(id);
    const { dialect, patterns } = inspected;
    const result = await run("check", { text, dialect, patterns: patterns.map((pattern) => pattern.text) }, limitMs);
    const verdict = verdictError(result.type === "done" ? result.result : result, inspected, limitMs);
    if (result.type !== "done") return verdict;
    verdicts.set(id, verdict);
    const oldest = verdicts.size > remembered ? verdicts.keys().next().value : undefined;
    if (oldest !== undefined) verdicts.delete(oldest);
    return verdict;
  }

  return async (text, signal) => {
    signal.throwIfAborted();
    const inspected = inspectSchema(text);
    const id = createHash("sha256").update(text).digest("base64");
    const verdict = verdicts.has(id) ? recall(id) : await sandbox.turn(signal, (run) => judged(run, id, text, inspected));
    if (verdict) throw verdict;
  };
}
