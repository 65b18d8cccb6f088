/** Tasks carried out on the real SQLite store, in memory, by a clock that the test moves. */
import { startTasks, type Tasks } from "../../src/delivery/tasks.ts";
import type { Log } from "../../src/kernel/log.ts";
import type { Store } from "../../src/kernel/ports.ts";
import type { TaskKind, TaskType } from "../../src/kernel/task-kind.ts";
import type { MusterStore } from "../../src/store/parts.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { manualClock, type ManualClock } from "./manual-clock.ts";

/** When the clock of a scene begins. */
export const someTime = 1_795_000_000_000;

/** A kind whose payload is a number. */
export function kindOf(
  kind: string,
  run: TaskKind<number>["run"],
  limits: Partial<Pick<TaskKind, "limitMs" | "giveUpAfterMs" | "places">> = {},
): TaskKind<number> {
  return { kind, parse: numberFrom, limitMs: 30_000, ...limits, run };
}

function numberFrom(json: unknown): number {
  if (typeof json !== "number") throw new Error("not a number");
  return json;
}

/** Never ends before its signal is aborted. */
export const hang = (_payload: number, signal: AbortSignal) =>
  new Promise<void>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));

export interface TaskScene extends AsyncDisposable {
  readonly store: MusterStore;
  readonly clock: ManualClock;
  /** `level event task` of each line of the log. */
  readonly logged: string[];
  start(kinds: readonly TaskKind[], on?: Store): Tasks;
  insert<P>(type: TaskType<P>, payload: P, ...ids: readonly string[]): Promise<void>;
  /** Ids of the tasks there are, of those given. */
  left(...ids: readonly string[]): Promise<readonly string[]>;
}

export async function openTaskScene(): Promise<TaskScene> {
  await using stack = new AsyncDisposableStack();
  const clock = manualClock(someTime);
  const store = stack.use(await openSqliteStore({ path: ":memory:", clock }));
  const logged: string[] = [];
  const log: Log = (level, event, fields) => void logged.push([level, event, fields?.["task"]].filter(Boolean).join(" "));
  const owned = stack.move();
  return {
    store,
    clock,
    logged,
    start(kinds, on = store) {
      const tasks = startTasks({ store: on, clock, log, kinds });
      owned.defer(async () => {
        const stopped = tasks.stop();
        await clock.pass(10_000);
        await stopped;
      });
      return tasks;
    },
    insert: (type, payload, ...ids) =>
      store.tx(async (tx) => {
        for (const id of ids) await tx.tasks.insert(type, { id, payload });
      }),
    left: (...ids) =>
      store.tx(async (tx) => {
        const there = [];
        for (const id of ids) if (await tx.tasks.exists(id)) there.push(id);
        return there;
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** So many ids that begin with `prefix`. */
export const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, number) => `${prefix}${number}`);
