/**
 * Work that a transaction left to be done after it: leased, handled outside any transaction, then done or tried again
 * later, for ever, with growing pauses (1 s doubling to 60 s). At least once: handlers are safe to repeat.
 */
import type { Task } from "../kernel/records.ts";
import { toDomainError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import type { Clock, Store } from "../kernel/ports.ts";
import { startLoop } from "./loop.ts";

export type TaskHandlers = Readonly<Record<Task["kind"], (payload: string, signal: AbortSignal) => Promise<void>>>;

export interface Tasks {
  /**
   * Has a task carried out now, here or by the replica that took it first. True when that succeeded within five seconds;
   * it is tried again later when not.
   */
  run(taskId: string): Promise<boolean>;
  stop(): Promise<void>;
}

/** What a dead process was at is begun again after this time; longer than a handler may take. */
const leaseMs = 45_000;
const handlerLimitMs = 30_000;
const batchSize = 16;
const waitLimitMs = 5_000;
const lookEveryMs = 200;

export function startTasks({
  store,
  clock,
  log,
  handlers,
  after,
}: {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly handlers: TaskHandlers;
  /** As of a loop. */
  readonly after?: Promise<void>;
}): Tasks {
  const waiters = new Map<string, (done: boolean) => void>();

  async function handle(task: Task, signal: AbortSignal): Promise<void> {
    try {
      await handlers[task.kind](task.payload, AbortSignal.any([signal, AbortSignal.timeout(handlerLimitMs)]));
      await store.tx((tx) => tx.tasks.done(task.id));
      waiters.get(task.id)?.(true);
    } catch (error) {
      const { reason, message } = toDomainError(error);
      log("warn", "task.failed", { task: task.id, kind: task.kind, attempts: task.attempts, reason, error });
      waiters.get(task.id)?.(false);
      await store.tx((tx) => tx.tasks.retryIn(task.id, Math.min(1_000 * 2 ** task.attempts, 60_000), `${reason}: ${message}`));
    }
  }

  /** Resolves to true when the task is gone; rejects with the signal's reason. A store that is away is asked again. */
  async function isDoneElsewhere(taskId: string, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      await clock.sleep(lookEveryMs, signal);
      const exists = await store.tx((tx) => tx.tasks.exists(taskId)).catch(() => true);
      if (!exists) return true;
    }
  }

  const loop = startLoop({
    name: "tasks",
    everyMs: 1_000,
    ...(after ? { after } : {}),
    clock,
    log,
    round: async (signal) => {
      const due = await store.tx((tx) => tx.tasks.claim(leaseMs, batchSize));
      await Promise.all(due.map((task) => handle(task, signal)));
      return due.length === batchSize;
    },
  });

  return {
    async run(taskId) {
      const over = new AbortController();
      const done = new Promise<boolean>((resolve) => waiters.set(taskId, resolve));
      loop.nudge();
      try {
        return await Promise.race([done, isDoneElsewhere(taskId, over.signal), clock.sleep(waitLimitMs, over.signal).then(() => false)]);
      } finally {
        over.abort();
        waiters.delete(taskId);
      }
    },
    stop: () => loop.stop(),
  };
}
