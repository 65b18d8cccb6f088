/**
 * Checks schemas in the sandbox. Verdicts are cached by content, except those of a killed child: on a busy machine a
 * valid schema may exceed the limit.
 */
import { createHash } from "node:crypto";
import { DomainError } from "../../kernel/errors.ts";
import { compilableText } from "../../schema-diff/compilable.ts";
import { requireSoundReferences } from "../../schema-diff/references.ts";
import { pointerOf } from "../../schema-diff/schema-place.ts";
import { inspectSchema, withoutByteOrderMark, type AcceptedSchema, type SchemaCheck } from "../../schema-diff/schema-text.ts";
import type { SchemaSandbox } from "./sandbox.ts";
import { verdictOf } from "./verdict.ts";
import type { RunJob } from "./warm-child.ts";

export interface SchemaCheckOptions {
  /** Time limit for one schema, in milliseconds. */
  readonly limitMs?: number;
  /** Maximum number of cached verdicts. */
  readonly remembered?: number;
}

/** A check in `sandbox`; a cached verdict is returned without it. */
export function createSchemaCheck(sandbox: SchemaSandbox, { limitMs = 2_000, remembered = 256 }: SchemaCheckOptions = {}): SchemaCheck {
  /** Insertion order is order of use. */
  const verdicts = new Map<string, AcceptedSchema | DomainError>();

  function recall(id: string): AcceptedSchema | DomainError | undefined {
    const verdict = verdicts.get(id);
    if (verdict === undefined) return undefined;
    verdicts.delete(id);
    verdicts.set(id, verdict);
    return verdict;
  }

  async function judged(run: RunJob, id: string, text: string): Promise<AcceptedSchema | DomainError> {
    // A call before this one in the queue may have been for the same text.
    const known = recall(id);
    if (known !== undefined) return known;
    const inspected = inspectSchema(text);
    requireSoundReferences(inspected.scan, inspected.references);
    const { dialect, references, scan } = inspected;
    const entered = references.entered.map(pointerOf);
    const patterns = scan.patterns.map((pattern) => pattern.text);
    const job = { text: withoutByteOrderMark(text), entered, compilable: compilableText(inspected), dialect, patterns };
    const result = await run("check", job, limitMs);
    const verdict = verdictOf(result.type === "done" ? result.result : result, inspected, limitMs);
    if (result.type !== "done") return verdict;
    verdicts.set(id, verdict);
    const oldest = verdicts.size > remembered ? verdicts.keys().next().value : undefined;
    if (oldest !== undefined) verdicts.delete(oldest);
    return verdict;
  }

  return async (text, share, signal) => {
    signal.throwIfAborted();
    const id = createHash("sha256").update(text).digest("base64");
    // Inspecting it takes this process some time, so that it has to wait for its turn, too.
    const verdict = recall(id) ?? (await sandbox.turn(share, signal, (run) => judged(run, id, text)));
    if (verdict instanceof DomainError) throw verdict;
    return verdict;
  };
}
