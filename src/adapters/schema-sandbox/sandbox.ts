/**
 * Runs jobs on untrusted schemas. Guarantees: what can hang or exhaust memory runs only in child processes, each of which does
 * one job at a time, ended at its limit; a job that ends its child costs the others only the start of a new one; callers take
 * turns, and one alone never has all children (`kernel/fair-queue.ts`); a caller whose signal is aborted is answered immediately,
 * and has left the queue by then.
 */
import { DomainError } from "../../kernel/errors.ts";
import { orAborted } from "../../kernel/or-aborted.ts";
import { createFairQueue } from "../../kernel/fair-queue.ts";
import { shareFull } from "../../kernel/shares.ts";
import { createWarmChild, type RunJob, type WarmChild, type WarmChildOptions } from "./warm-child.ts";

export interface SandboxOptions extends WarmChildOptions {
  /** Children, each started when it is needed: two, so that who keeps one busy leaves one. */
  readonly places?: number;
  /** How many may wait; further ones are refused as `exhausted`, as are those of a caller whose share is full. */
  readonly queueLength?: number;
}

export interface SchemaSandbox extends AsyncDisposable {
  /**
   * Calls `work` when a child is free, with a function that runs jobs in it. Settles as `work` does. Rejects with `exhausted` when
   * too many wait, of this share or of all, with `unavailable` when no child starts or after disposal, or with the signal's reason.
   */
  turn<T>(share: string, signal: AbortSignal, work: (run: RunJob) => Promise<T>): Promise<T>;
}

/** A sandbox whose processes are started when they are needed, and ended when idle and by disposal. */
export function createSchemaSandbox(options: SandboxOptions = {}): SchemaSandbox {
  const { places = 2, queueLength = 64 } = options;
  const queue = createFairQueue({
    places,
    waiting: queueLength,
    refusal: (inside, share) => shareFull(inside, share, { reason: "TOO_MANY_REQUESTS", what: "schemas wait to be checked or compared", retryAfterMs: 2_000 }),
  });
  const disposed = new AbortController();
  const all = Array.from({ length: places }, () => createWarmChild(options));
  /** The one used last is used next, so that the others may end. */
  const idle = [...all];
  const underWay = new Set<Promise<unknown>>();

  async function inChild<T>(work: (run: RunJob) => Promise<T>): Promise<T> {
    const child = idle.pop() as WarmChild;
    try {
      return await work(child.run);
    } finally {
      idle.push(child);
    }
  }

  return {
    async turn(share, signal, work) {
      const either = AbortSignal.any([signal, disposed.signal]);
      either.throwIfAborted();
      // An aborted caller's job goes on to its end, within its limit.
      const running = queue.run(share, either, () => inChild(work));
      underWay.add(running);
      const forget = () => void underWay.delete(running);
      running.then(forget, forget);
      return orAborted(running, either);
    },
    async [Symbol.asyncDispose]() {
      disposed.abort(new DomainError({ kind: "unavailable", reason: "SHUTTING_DOWN", message: "schemas are not checked any more: shutting down" }));
      const end = () => Promise.all(all.map((child) => child.end()));
      await end();
      // Work in progress may just have started a child.
      await Promise.allSettled(underWay);
      await end();
    },
  };
}
