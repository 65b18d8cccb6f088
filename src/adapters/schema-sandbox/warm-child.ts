/** One place of the sandbox: a child that is started when it is needed, replaced when it is dead or worn, and ended when idle. */
import { DomainError } from "../../kernel/errors.ts";
import type { Programs } from "./protocol.ts";
import { type JobResult, type SandboxChild, startSandboxChild } from "./sandbox-child.ts";

export interface WarmChildOptions {
  /** Most time for a child to get ready, in milliseconds. */
  readonly startMs?: number;
  /** Heap of the child, in MiB. */
  readonly memoryMb?: number;
  /** See `ChildOptions`. */
  readonly niceness?: number;
  /** Jobs after which a child is replaced. */
  readonly jobsPerChild?: number;
  /** How long a child without work is kept. */
  readonly idleMs?: number;
}

/** Runs one job in the child, for at most `limitMs`. */
export type RunJob = <P extends keyof Programs>(program: P, job: Programs[P]["job"], limitMs: number) => Promise<JobResult<P>>;

export interface WarmChild {
  /** One job at a time. Rejects with `unavailable` when no child starts. */
  readonly run: RunJob;
  /** Resolves when the child, if there is one, is gone. */
  end(): Promise<void>;
}

export function createWarmChild({ startMs = 10_000, memoryMb = 128, niceness, jobsPerChild = 1_000, idleMs = 30_000 }: WarmChildOptions): WarmChild {
  let child: SandboxChild | undefined;
  /** Jobs of this child; jobs of all. */
  let jobs = 0;
  let uses = 0;

  async function started(): Promise<SandboxChild> {
    if (child && (!child.alive() || jobs >= jobsPerChild)) await end();
    if (!child) {
      child = await startSandboxChild({ startMs, memoryMb, ...(niceness === undefined ? {} : { niceness }) }).catch(notStarted);
      jobs = 0;
    }
    jobs += 1;
    return child;
  }

  async function end(): Promise<void> {
    const ending = child;
    child = undefined;
    await ending?.kill();
  }

  return {
    async run(program, job, limitMs) {
      uses += 1;
      const use = uses;
      const { run } = await started();
      const result = await run(program, job, limitMs).catch(notStarted);
      AbortSignal.timeout(idleMs).addEventListener("abort", () => {
        if (uses === use) void end();
      });
      return result;
    },
    end,
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
