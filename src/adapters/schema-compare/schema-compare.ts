/**
 * Compares schemas in a thread of its own, so that no pair of them holds up the server.
 *
 * Guarantees: one pair at a time, in the order asked; each ends within the limit, as UNKNOWN when it took longer or more
 * memory, and that costs the others only the start of a new thread; a caller whose signal is aborted is answered at once;
 * at most `queueLength` wait, who comes on top is refused as `exhausted`. Equal texts are compared without a thread. The
 * thread ends when it was idle for a while. Not guaranteed: fairness between callers.
 */
import { Worker } from "node:worker_threads";
import { DomainError } from "../../kernel/errors.ts";
import { orAborted } from "../../kernel/or-aborted.ts";
import type { SchemaCompare, ToldComparison } from "../../registration/schemas/schema-records.ts";
import { notCompared, unchanged } from "../../registration/schemas/told-comparison.ts";
import type { Pair } from "./worker.ts";

export interface SchemaCompareOptions {
  /** Most time for one pair, in milliseconds. */
  readonly limitMs?: number;
  /** Most time for a thread to get ready. */
  readonly startMs?: number;
  /** Heap of the thread, in MiB. */
  readonly memoryMb?: number;
  readonly queueLength?: number;
  readonly idleMs?: number;
}

const program = new URL("worker.ts", import.meta.url);

/** A comparison with a thread behind it: started at the first use, ended when idle and by disposal. */
export function createSchemaCompare(options: SchemaCompareOptions = {}): SchemaCompare & AsyncDisposable {
  const { limitMs = 2_000, startMs = 10_000, memoryMb = 128, queueLength = 64, idleMs = 30_000 } = options;
  let thread: Worker | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let uses = 0;
  const disposed = new AbortController();

  async function start(): Promise<Worker> {
    const worker = new Worker(program, { resourceLimits: { maxOldGenerationSizeMb: memoryMb, stackSizeMb: 4 }, env: {} });
    worker.on("error", () => undefined);
    const ready = await outcome(worker, "online", startMs);
    if (ready.type !== "online") {
      await worker.terminate();
      throw new DomainError({
        kind: "unavailable",
        reason: "DEPENDENCY_UNAVAILABLE",
        message: "schema comparison unavailable: its thread does not start",
        metadata: { dependency: "schema comparison" },
        cause: ready.value,
      });
    }
    return worker;
  }

  async function run(pair: Pair): Promise<ToldComparison> {
    uses += 1;
    const use = uses;
    thread ??= await start();
    thread.ref();
    const answer = outcome(thread, "message", limitMs);
    // oxlint-disable-next-line require-post-message-target-origin -- that is for windows
    thread.postMessage(pair);
    const { type, value } = await answer;
    if (type === "message") {
      thread.unref();
      AbortSignal.timeout(idleMs).addEventListener("abort", () => {
        if (uses === use) void end();
      });
      return value as ToldComparison;
    }
    await end();
    return notCompared(type === "late" ? `it took longer than ${limitMs} ms` : "it took more memory than allowed");
  }

  async function end(): Promise<void> {
    const ending = thread;
    thread = undefined;
    await ending?.terminate();
  }

  const compare: SchemaCompare = async (former, next, signal) => {
    signal.throwIfAborted();
    disposed.signal.throwIfAborted();
    if (former === next) return unchanged;
    if (waiting >= queueLength) {
      throw new DomainError({ kind: "exhausted", reason: "TOO_MANY_ATTEMPTS", message: "too many schemas wait for their comparison", retryAfterMs: 2_000 });
    }
    waiting += 1;
    const either = AbortSignal.any([signal, disposed.signal]);
    const result = last.then(() => {
      waiting -= 1;
      either.throwIfAborted();
      return run({ former, next });
    });
    last = result.catch(() => undefined);
    return orAborted(result, either);
  };

  return Object.assign(compare, {
    [Symbol.asyncDispose]: async () => {
      disposed.abort(new DomainError({ kind: "unavailable", reason: "SHUTTING_DOWN", message: "the schema comparison is shutting down" }));
      await end();
      await last;
      await end();
    },
  });
}

/** The first of: the awaited event, the thread's failure or end, the limit. */
function outcome(
  worker: Worker,
  event: "online" | "message",
  limitMs: number,
): Promise<{ readonly type: "online" | "message" | "late" | "over"; readonly value?: unknown }> {
  return new Promise((resolve) => {
    const limit = AbortSignal.timeout(limitMs);
    const done = (value?: unknown) => settle({ type: event, value });
    const over = (value?: unknown) => settle({ type: "over", value });
    const late = () => settle({ type: "late" });
    const settle = (result: Parameters<typeof resolve>[0]) => {
      worker.off(event, done).off("error", over).off("exit", over);
      limit.removeEventListener("abort", late);
      resolve(result);
    };
    worker.on(event, done).on("error", over).on("exit", over);
    limit.addEventListener("abort", late);
  });
}
