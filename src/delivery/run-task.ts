/** One run of one task, with a time limit. */
import { DomainError, toDomainError } from "../kernel/errors.ts";
import type { Clock } from "../kernel/ports.ts";
import type { Task } from "../kernel/records.ts";
import type { Again, TaskKind } from "../kernel/task-kind.ts";

/** The result of a run. */
export type TaskEnd =
  | { readonly is: "done" }
  /** It has more to do. */
  | { readonly is: "again"; readonly inMs: number }
  /** To be retried later. */
  | { readonly is: "failed"; readonly error: DomainError }
  /** Aborted because this process ends. */
  | { readonly is: "stopped" }
  /** Not to be retried: the payload cannot be read, or it has failed for as long as its kind allows. */
  | { readonly is: "parked"; readonly why: "unreadable" | "given up"; readonly error: DomainError };

/** How long a run may take to settle after its signal was aborted; later it is counted as failed although it continues. */
export const graceMs = 3_000;

interface Limits {
  readonly clock: Clock;
  /** Aborted when this process ends. */
  readonly stopping: AbortSignal;
}

/** Reads the payload and runs the kind, at most `limitMs` and a grace. Does not reject. */
export async function runTask(kind: TaskKind, task: Task, limits: Limits): Promise<TaskEnd> {
  const { clock, stopping } = limits;
  if (stopping.aborted) return { is: "stopped" };
  let payload: unknown;
  try {
    payload = kind.parse(JSON.parse(task.payload));
  } catch (cause) {
    return { is: "parked", why: "unreadable", error: new DomainError({ kind: "internal", reason: "INTERNAL", message: "the payload cannot be read", cause }) };
  }
  const startedAt = clock.now();
  try {
    const again = await runWithin(kind, payload, limits);
    return again ? { is: "again", inMs: again.againInMs } : { is: "done" };
  } catch (thrown) {
    if (stopping.aborted) return { is: "stopped" };
    const error = toDomainError(thrown);
    const ageMs = task.ageMs + (clock.now() - startedAt);
    if (kind.giveUpAfterMs !== undefined && ageMs >= kind.giveUpAfterMs) return { is: "parked", why: "given up", error };
    return { is: "failed", error };
  }
}

/** As the run settles; rejects with its signal's reason when it has not settled `graceMs` after that was aborted. */
async function runWithin(kind: TaskKind, payload: unknown, { clock, stopping }: Limits): Promise<Again | void> {
  const settled = new AbortController();
  const late = new AbortController();
  const signal = AbortSignal.any([stopping, late.signal]);
  const outstayed = new Promise<never>((_resolve, reject) => {
    const afterGrace = (): void =>
      void clock.sleep(graceMs, settled.signal).then(
        () => reject(signal.reason),
        () => undefined,
      );
    signal.addEventListener("abort", afterGrace, { once: true });
  });
  const timeout = new DomainError({ kind: "timeout", reason: "DEADLINE_EXCEEDED", message: `not done within ${kind.limitMs} ms` });
  clock.sleep(kind.limitMs, settled.signal).then(
    () => late.abort(timeout),
    () => undefined,
  );
  try {
    return await Promise.race([kind.run(payload, signal), outstayed]);
  } finally {
    settled.abort();
  }
}
