/**
 * Runs jobs on untrusted schemas. Guarantees: what can hang or exhaust memory runs only in a child process;
 * one job at a time, in call order, each ended at its limit; a job that ends its child costs the others only the
 * start of a new one; a caller whose signal is aborted is answered immediately, and has left the queue by then.
 * Not guaranteed: fairness between callers, beyond the bound on how many may wait.
 */
import { DomainError } from "../../kernel/errors.ts";
import { orAborted } from "../../kernel/or-aborted.ts";
import { createGate } from "../gate.ts";
import type { Programs } from "./protocol.ts";
import { type JobResult, type SandboxChild, startSandboxChild } from "./sandbox-child.ts";

export interface SandboxOptions {
  /** Most time for a child to get ready, in milliseconds. */
  readonly startMs?: number;
  /** Heap of the child, in MiB. */
  readonly memoryMb?: number;
  /** How many may wait; further ones are refused as `exhausted`. */
  readonly queueLength?: number;
  /** Jobs after which a child is replaced. */
  readonly jobsPerChild?: number;
  /** How long a child without work is kept. */
  readonly idleMs?: number;
}

/** Runs one job in the child, for at most `limitMs`. */
export type RunJob = <P extends keyof Programs>(program: P, job: Programs[P]["job"], limitMs: number) => Promise<JobResult<P>>;

export interface SchemaSandbox extends AsyncDisposable {
  /**
   * Calls `work` when no other work runs, with a function that runs jobs. Settles as `work` does. Rejects with `exhausted` when
   * too many wait, with `unavailable` when no child starts or after disposal, or with the signal's reason.
   */
  turn<T>(signal: AbortSignal, work: (run: RunJob) => Promise<T>): Promise<T>;
}

/** A sandbox whose process is started at the first use, and ended when idle and by disposal. */
export function createSchemaSandbox(options: SandboxOptions = {}): SchemaSandbox {
  const { startMs = 10_000, memoryMb = 128, queueLength = 64, jobsPerChild = 1_000, idleMs = 30_000 } = options;
  const queue = createGate(1);
  const disposed = new AbortController();
  let child: SandboxChild | undefined;
  /** Jobs of this child; jobs of all. */
  let jobs = 0;
  let uses = 0;

  const run: RunJob = async (program, job, limitMs) => {
    uses += 1;
    const use = uses;
    const { run: runIn } = await warmChild();
    const result = await runIn(program, job, limitMs).catch(notStarted);
    AbortSignal.timeout(idleMs).addEventListener("abort", () => {
      if (uses === use) void endChild();
    });
    return result;
  };

  async function warmChild(): Promise<SandboxChild> {
    if (child && (!child.alive() || jobs >= jobsPerChild)) await endChild();
    if (!child) {
      child = await startSandboxChild({ startMs, memoryMb }).catch(notStarted);
      jobs = 0;
    }
    jobs += 1;
    return child;
  }

  async function endChild(): Promise<void> {
    const ending = child;
    child = undefined;
    await ending?.kill();
  }

  return {
    async turn(signal, work) {
      const either = AbortSignal.any([signal, disposed.signal]);
      either.throwIfAborted();
      if (queue.waiting() >= queueLength) throw queueFull();
      // An aborted caller's job goes on to its end, within its limit.
      return orAborted(
        queue.run(either, () => work(run)),
        either,
      );
    },
    async [Symbol.asyncDispose]() {
      disposed.abort(new DomainError({ kind: "unavailable", reason: "SHUTTING_DOWN", message: "schemas are not checked any more: shutting down" }));
      await endChild();
      // Behind the work in progress, which may just have started a child.
      await queue.run(new AbortController().signal, endChild);
    },
  };
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
    message: "too many schemas wait to be checked or compared",
    retryAfterMs: 2_000,
  });
}
