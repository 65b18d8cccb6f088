/**
 * Deferred work of a transaction: claimed with a lease, run by its kind outside any transaction,
 * then deleted, or due again after a pause (1 s doubling to 60 s).
 *
 * Guarantees: at least once, so a kind must tolerate repetition. At most `poolSize` tasks run at once in a process (one for
 * each kind, if there are more kinds), and some of these places are reserved for each kind: any number of slow tasks of one
 * kind do not delay the first ones of another. A kind with places of its own has no part in these. A run ends at its kind's limit, or `graceMs` later when it
 * ignores its signal; its lease is longer than both. Kinds that this program does not know are not claimed and so are left
 * to newer replicas. A task that cannot be read, or that fails when its kind gives up, is parked, with an error in the log.
 */
import type { CoreTx, Task } from "../kernel/records.ts";
import type { TaskKind } from "../kernel/task-kind.ts";
import type { Log } from "../kernel/log.ts";
import type { Clock, Store } from "../kernel/ports.ts";
import { startLoop } from "./loop.ts";
import { graceMs, runTask, type TaskEnd } from "./run-task.ts";

export interface Tasks {
  /**
   * Has a task run now, here or by the replica that claimed it first. True when it succeeded within five seconds;
   * otherwise it is retried later.
   */
  run(taskId: string): Promise<boolean>;
  /** To be called when tasks were inserted that are due: looks for them now. */
  nudge(): void;
  /** Aborts running tasks, and resolves when they have settled and are due for another replica, or after five seconds. */
  stop(): Promise<void>;
}

const poolSize = 16;
/** The lease of a task ends this long after the limit of its kind; the tasks of a dead process are claimed again then. */
const leaseMarginMs = 15_000;
const waitLimitMs = 5_000;
const stopLimitMs = graceMs + 2_000;
const lookEveryMs = 200;

/** Starts running tasks of the given kinds, whose names differ. */
export function startTasks({
  store,
  clock,
  log,
  kinds,
  after,
}: {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly kinds: readonly TaskKind[];
  /** As of a loop. */
  readonly after?: Promise<void>;
}): Tasks {
  if (new Set(kinds.map(({ kind }) => kind)).size < kinds.length) throw new Error("two kinds of tasks have the same name");
  const waiters = new Map<string, (done: boolean) => void>();
  const underWay = new Map<string, { readonly kind: string; readonly settled: Promise<void> }>();
  const stopping = new AbortController();
  const sharing = kinds.filter(({ places }) => places === undefined).length;
  const reserved = Math.max(1, Math.floor(poolSize / (2 * sharing)));
  /** Places reserved for a kind. */
  const ownOf = ({ places = reserved }: TaskKind): number => places;
  /** There may be due tasks for which no place was free. */
  let isCrowded = false;

  /** Claims due tasks of each kind that has some: as many as there are free places, reserved ones and shared ones. */
  async function claimDue(tx: CoreTx): Promise<{ readonly due: readonly (readonly [TaskKind, Task])[]; readonly isCrowded: boolean }> {
    const busyOf = ({ kind }: TaskKind): number => [...underWay.values()].filter((it) => it.kind === kind).length;
    let shared = poolSize - reserved * sharing;
    for (const kind of kinds) shared -= Math.max(0, busyOf(kind) - ownOf(kind));
    const due: (readonly [TaskKind, Task])[] = [];
    let crowded = false;
    const waiting = new Set(await tx.tasks.due(kinds.map(({ kind }) => kind)));
    for (const kind of kinds.filter((each) => waiting.has(each.kind))) {
      const ownFree = Math.max(0, ownOf(kind) - busyOf(kind));
      const room = ownFree + (kind.places === undefined ? Math.max(0, shared) : 0);
      const tasks = room === 0 ? [] : await tx.tasks.claim(kind.kind, kind.limitMs + leaseMarginMs, room);
      shared -= Math.max(0, tasks.length - ownFree);
      crowded ||= tasks.length === room;
      due.push(...tasks.map((task) => [kind, task] as const));
    }
    return { due, isCrowded: crowded };
  }

  function begin(kind: TaskKind, task: Task): void {
    // Its lease expired while this process was suspended: the current run continues alone.
    if (underWay.has(task.id)) return;
    const settled = carryOut(kind, task).finally(() => {
      underWay.delete(task.id);
      if (isCrowded) loop.nudge();
    });
    underWay.set(task.id, { kind: kind.kind, settled });
  }

  /** Does not reject: a task whose end could not be recorded is due again when its lease ends. */
  async function carryOut(kind: TaskKind, task: Task): Promise<void> {
    const end = await runTask(kind, task, { clock, stopping: stopping.signal });
    const fields = { task: task.id, kind: kind.kind, attempts: task.attempts };
    if (end.is === "failed") log("warn", "task.failed", { ...fields, reason: end.error.reason, error: end.error });
    if (end.is === "parked") log("error", "task.parked", { ...fields, why: end.why, error: end.error });
    const recorded = await store
      .tx((tx) => record(tx, task, end))
      .then(
        () => true,
        (error: unknown) => (log("warn", "task.not-recorded", { ...fields, end: end.is, error }), false),
      );
    waiters.get(task.id)?.(recorded && end.is === "done");
    if (end.is === "again" && end.inMs <= 0) loop.nudge();
  }

  /** Resolves to true when the task is gone; rejects with the signal's reason. An unavailable store is retried. */
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
    round: async () => {
      // A task that ends meanwhile frees a place that this round does not see.
      isCrowded = true;
      const claimed = await store.tx(claimDue);
      isCrowded = claimed.isCrowded;
      for (const [kind, task] of claimed.due) begin(kind, task);
      return false;
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

    nudge: () => loop.nudge(),

    async stop() {
      stopping.abort(new Error("the server is stopping"));
      const over = new AbortController();
      const settled = loop.stop().then(() => Promise.all([...underWay.values()].map((it) => it.settled)));
      await Promise.race([settled, clock.sleep(stopLimitMs, over.signal)]);
      over.abort();
    },
  };
}

function record({ tasks }: CoreTx, { id, attempts }: Task, end: TaskEnd): Promise<void> {
  switch (end.is) {
    case "done":
      return tasks.done(id);
    case "again":
      return tasks.retryIn(id, end.inMs, "");
    case "failed":
      return tasks.retryIn(id, Math.min(1_000 * 2 ** attempts, 60_000), `${end.error.reason}: ${end.error.message}`);
    case "stopped":
      return tasks.retryIn(id, 0, "the server that ran it has stopped");
    case "parked":
      return tasks.park(id, `${end.why}: ${end.error.message}`);
  }
}
