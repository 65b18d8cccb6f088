/** The feed on a store in memory, by a clock that the test moves, with what it asks of the log counted. */
import { startEventFeed, type Watched } from "../../src/delivery/event-feed.ts";
import { pruneEvents } from "../../src/delivery/retention.ts";
import type { Store } from "../../src/kernel/ports.ts";
import type { EventLog, LogFilter } from "../../src/kernel/records.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { manualClock } from "./manual-clock.ts";

export const everything: LogFilter = { types: [], subject: undefined };
const never = new AbortController().signal;

export interface FeedSceneOptions {
  /** Whether no other process can use the store; so it is by default. */
  readonly exclusive?: boolean;
  readonly after?: Promise<void>;
  /** Changes what the feed sees of the log. */
  readonly change?: (log: EventLog) => Partial<EventLog>;
}

interface Committed {
  readonly type?: string;
  readonly kind?: string;
  readonly id?: string;
  readonly at?: number;
}

export async function openFeed({ exclusive = true, after, change = () => ({}) }: FeedSceneOptions = {}) {
  const clock = manualClock();
  const store = await openSqliteStore({ path: ":memory:" });
  const calls = { read: 0, ends: 0, number: 0 };
  const counted = (log: EventLog): EventLog => ({
    ...log,
    read: (query) => ((calls.read += 1), log.read(query)),
    ends: () => ((calls.ends += 1), log.ends()),
    number: (limit) => ((calls.number += 1), log.number(limit)),
  });
  const seenByFeed: Store = {
    ...store,
    exclusive,
    tx: (work) => store.tx((tx) => work({ ...tx, eventLog: { ...counted(tx.eventLog), ...change(counted(tx.eventLog)) } })),
  };
  const feed = startEventFeed({ store: seenByFeed, clock, log: () => undefined, ...(after ? { after } : {}) });
  const settle = async (): Promise<void> => {
    for (let turns = 0; turns < 12; turns++) await clock.pass(0);
  };
  let committed = 0;
  /** Commits so many events in one transaction, without a nudge. */
  async function commit(count: number, { type = "Happened", kind = "thing", id = "s", at = 1 }: Committed = {}): Promise<void> {
    await store.tx(async (tx) => {
      for (let n = 0; n < count; n++) {
        await tx.outbox.insert({ id: `e${(committed += 1)}`, key: "k", subject: { kind, id }, payload: { type }, at, traceparent: undefined });
      }
    });
  }
  const scene = {
    clock,
    store,
    feed,
    calls,
    settle,
    commit,
    /** As this replica commits: the feed learns of it. */
    async commitHere(count: number, what?: Committed) {
      await commit(count, what);
      feed.nudge();
      await settle();
    },
    /** As another replica commits and numbers. */
    async commitElsewhere(count: number, what?: Committed) {
      await commit(count, what);
      await store.tx((tx) => tx.eventLog.number(10_000));
    },
    prune: (before: number) => pruneEvents({ store, clock: { ...clock, now: () => before }, retentionMs: 0, hasSink: false }, never),
    last: async () => (await store.tx((tx) => tx.eventLog.ends())).last,
    follow(filter: LogFilter = everything, from?: number) {
      const over = new AbortController();
      const items: Watched[] = [];
      const run = async (): Promise<void> => {
        for await (const item of feed.watch(filter, from, over.signal)) items.push(item);
      };
      const ended = run().catch((error: unknown) => error);
      return {
        items,
        ended,
        positions: () => items.flatMap(({ events }) => events.map(({ position }) => position)),
        scanned: () => items.map(({ scanned }) => scanned),
        end: () => (over.abort(new Error("enough")), ended),
      };
    },
    async [Symbol.asyncDispose]() {
      await feed.stop();
      await store[Symbol.asyncDispose]();
    },
  };
  await settle();
  return scene;
}
