/**
 * Checks schemas that nobody vouches for. Guarantees: what can hang or exhaust memory happens in the child alone; one
 * check at a time, in the order asked, each ended at the limit; a schema that kills its child costs the others only the
 * start of a new one; a caller whose signal is aborted is answered at once. Verdicts are remembered by content, but not
 * those of a dead child: on a busy machine an innocent schema may run into the limit. Not guaranteed: fairness between
 * callers, beyond the bound on how many may wait.
 */
import { createHash } from "node:crypto";
import { DomainError } from "../../kernel/errors.ts";
import { compilableText } from "../../schema-diff/compilable.ts";
import { requireSoundReferences } from "../../schema-diff/references.ts";
import { pointerOf } from "../../schema-diff/schema-place.ts";
import { type AcceptedSchema, type InspectedSchema, type SchemaCheck, inspectSchema, withoutByteOrderMark } from "../../schema-diff/schema-text.ts";
import { type CheckingChild, startCheckingChild } from "./child-process.ts";
import { verdictOf } from "./verdict.ts";

export interface SchemaCheckOptions {
  /** Most time for one schema, in milliseconds. */
  readonly limitMs?: number;
  /** Most time for a child to get ready. */
  readonly startMs?: number;
  /** Heap of the child, in MiB. */
  readonly memoryMb?: number;
  /** How many may wait; who comes on top is refused as `exhausted`. */
  readonly queueLength?: number;
  /** Schemas after which a child is replaced. */
  readonly checksPerChild?: number;
  /** How long a child without work is kept. */
  readonly idleMs?: number;
  /** How many verdicts are remembered. */
  readonly remembered?: number;
}

/** A check with a process behind it: started at the first use, ended when idle and by disposal. */
export function createSchemaCheck(options: SchemaCheckOptions = {}): SchemaCheck & AsyncDisposable {
  const { limitMs = 2_000, startMs = 10_000, memoryMb = 96, queueLength = 64, checksPerChild = 1_000, idleMs = 30_000, remembered = 256 } = options;
  /** Insertion order is order of use. */
  const verdicts = new Map<string, AcceptedSchema | DomainError>();
  let child: { readonly process: CheckingChild; checks: number } | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let uses = 0;
  const disposed = new AbortController();

  const check: SchemaCheck = async (text, signal) => {
    signal.throwIfAborted();
    disposed.signal.throwIfAborted();
    const inspected = inspectSchema(text);
    requireSoundReferences(inspected.scan, inspected.references);
    const id = createHash("sha256").update(text).digest("base64");
    if (!verdicts.has(id) && waiting >= queueLength) throw queueFull();
    const verdict = recall(id) ?? (await abandonable(enqueue(id, text, inspected, signal), AbortSignal.any([signal, disposed.signal])));
    if (verdict instanceof DomainError) throw verdict;
    return verdict;
  };

  function recall(id: string): AcceptedSchema | DomainError | undefined {
    const verdict = verdicts.get(id);
    if (!verdict) return undefined;
    verdicts.delete(id);
    verdicts.set(id, verdict);
    return verdict;
  }

  function enqueue(id: string, text: string, inspected: InspectedSchema, signal: AbortSignal): Promise<AcceptedSchema | DomainError> {
    waiting += 1;
    const result = last.then(async () => {
      waiting -= 1;
      signal.throwIfAborted();
      disposed.signal.throwIfAborted();
      return recall(id) ?? run(id, text, inspected);
    });
    last = result.catch(() => undefined);
    return result;
  }

  async function run(id: string, text: string, inspected: InspectedSchema): Promise<AcceptedSchema | DomainError> {
    uses += 1;
    const { process } = await warmChild();
    const result = await process.check({
      text: withoutByteOrderMark(text),
      entered: inspected.references.entered.map(pointerOf),
      compilable: compilableText(inspected),
      dialect: inspected.dialect,
      patterns: inspected.scan.patterns.map((pattern) => pattern.text),
    });
    const verdict = verdictOf(result, inspected, limitMs);
    if (result.type === "killed" || result.type === "crashed") return verdict;
    verdicts.set(id, verdict);
    const oldest = verdicts.size > remembered ? verdicts.keys().next().value : undefined;
    if (oldest !== undefined) verdicts.delete(oldest);
    endWhenIdle(uses);
    return verdict;
  }

  async function warmChild(): Promise<{ readonly process: CheckingChild }> {
    if (child && (!child.process.alive() || child.checks >= checksPerChild)) await endChild();
    child ??= {
      process: await startCheckingChild({ limitMs, startMs, memoryMb }).catch(notStarted),
      checks: 0,
    };
    child.checks += 1;
    return child;
  }

  function endWhenIdle(usesNow: number): void {
    AbortSignal.timeout(idleMs).addEventListener("abort", () => {
      if (uses === usesNow) void endChild();
    });
  }

  async function endChild(): Promise<void> {
    const ending = child;
    child = undefined;
    await ending?.process.kill();
  }

  return Object.assign(check, {
    [Symbol.asyncDispose]: async () => {
      disposed.abort(
        new DomainError({
          kind: "unavailable",
          reason: "SHUTTING_DOWN",
          message: "the schema check is shutting down",
        }),
      );
      await endChild();
      await last;
      await endChild();
    },
  });
}

/** `work`, or the signal's reason when that comes first; the work goes on then and its failure is nobody's. */
async function abandonable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function notStarted(cause: unknown): never {
  throw new DomainError({
    kind: "unavailable",
    reason: "DEPENDENCY_UNAVAILABLE",
    message: "schema check unavailable: its process does not start",
    metadata: { dependency: "schema check" },
    retryAfterMs: 2_000,
    cause,
  });
}

function queueFull(): DomainError {
  return new DomainError({
    kind: "exhausted",
    reason: "TOO_MANY_ATTEMPTS",
    message: "too many schemas wait for their check",
    retryAfterMs: 2_000,
  });
}
