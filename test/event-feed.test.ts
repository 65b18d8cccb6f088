/** The log of events as its readers see it, on each database: live, from the past, filtered, pruned, and after a failure. */
import { describe, expect, test } from "vitest";
import { systemClock } from "../src/adapters/system/clock.ts";
import { notingCommits } from "../src/delivery/event-commits.ts";
import { startEventFeed, type EventFeed, type Watched } from "../src/delivery/event-feed.ts";
import { pruneEvents } from "../src/delivery/retention.ts";
import { unavailable } from "../src/kernel/errors.ts";
import type { Clock, Store } from "../src/kernel/ports.ts";
import type { EventLog, LogFilter } from "../src/kernel/records.ts";
import { openMysqlStore } from "../src/store/mysql.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { manualClock } from "./support/manual-clock.ts";
import { createDatabase } from "./support/muster.ts";
import { describeReal } from "./support/real-servers.ts";

const silent = () => undefined;
const everything: LogFilter = { types: [], subject: undefined };
const never = new AbortController().signal;

interface Site extends AsyncDisposable {
  /** A replica's store and feed. */
  replica(wrap?: (store: Store) => Store, clock?: Clock): Promise<Replica>;
}

interface Replica {
  readonly feed: EventFeed;
  /** Commits events, each in a transaction of its own. */
  commit(ids: readonly string[], options?: CommitOptions): Promise<void>;
  prune(before: number): Promise<void>;
  ends(): ReturnType<EventLog["ends"]>;
}

interface CommitOptions {
  readonly type?: string;
  readonly subject?: string;
  readonly at?: number;
  /** False: as a replica that dies before it can number them. */
  readonly isNoted?: boolean;
  /** All in one transaction. */
  readonly together?: boolean;
}

/** Replicas on stores that `open` opens. */
function siteOf(open: () => Promise<Store>, stack: AsyncDisposableStack): Site {
  return {
    async replica(wrap = (store) => store, clock = systemClock) {
      const store = stack.use(wrap(await open()));
      const feed = startEventFeed({ store, clock, log: silent });
      stack.defer(() => feed.stop());
      const noting = notingCommits(store, { onEvents: () => feed.nudge() });
      return {
        feed,
        async commit(ids, { type = "Happened", subject = "s", at = 1, isNoted = true, together = false } = {}) {
          const eventOf = (id: string) => ({ id, key: subject, subject: { kind: "thing", id: subject }, payload: { type }, at, traceparent: undefined });
          for (const part of together ? [ids] : ids.map((id) => [id])) {
            await (isNoted ? noting : store).tx(async (tx) => {
              for (const id of part) await tx.outbox.insert(eventOf(id));
            });
          }
        },
        ends: () => store.tx((tx) => tx.eventLog.ends()),
        prune: (before) => pruneEvents({ store, clock: { ...systemClock, now: () => before }, retentionMs: 0, hasSink: false }, never),
      };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function sqliteSite(): Promise<Site> {
  return siteOf(() => openSqliteStore({ path: ":memory:" }), new AsyncDisposableStack());
}

async function mysqlSite(server: string): Promise<Site> {
  const stack = new AsyncDisposableStack();
  const database = await createDatabase(server);
  stack.defer(() => database.drop());
  return siteOf(() => openMysqlStore({ url: database.url, clock: systemClock }), stack);
}

/** Follows a watch: what came so far, and its end. */
function follow(feed: EventFeed, filter: LogFilter = everything, after?: number) {
  const over = new AbortController();
  const seen: string[] = [];
  const positions: number[] = [];
  const scanned: number[] = [];
  const run = async (): Promise<void> => {
    for await (const item of feed.watch(filter, after, over.signal)) {
      scanned.push(item.scanned);
      seen.push(...item.events.map(({ id }) => id));
      positions.push(...item.events.map(({ position }) => position));
    }
  };
  const ended = run().catch((error: unknown) => error);
  return { seen, positions, scanned, ended, end: () => (over.abort(new Error("enough")), ended) };
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const ids = (from: number, to: number) => numbers(from, to).map((n) => `e${n}`);
const soon = { timeout: 20_000, interval: 5 };

describe("the feed on SQLite", () => {
  feedTests(sqliteSite);

  test("events are numbered when their commit is answered", async () => {
    await using site = await sqliteSite();
    // Of its own accord it never looks.
    const { commit, ends } = await site.replica(undefined, manualClock());
    for (const id of ids(1, 5)) {
      await commit([id]);
      expect(await ends()).toMatchObject({ hasUnnumbered: false });
    }
  });
});

describeReal("the feed on MySQL", (servers) => {
  const open = () => mysqlSite(servers.mysql);
  feedTests(open);

  test("a watcher at one replica is given what another commits, in the one order", async () => {
    await using site = await open();
    const [one, two] = [await site.replica(), await site.replica()];
    const watches = [follow(one.feed), follow(two.feed)];
    await expect.poll(() => watches.map(({ scanned }) => scanned.length), soon).toEqual([1, 1]);
    await Promise.all([one.commit(ids(1, 150)), two.commit(ids(151, 300))]);
    await expect.poll(() => watches.map(({ seen }) => seen.length), soon).toEqual([300, 300]);
    for (const { positions, seen } of watches) {
      expect(positions).toEqual(numbers(1, 300));
      expect(seen).toEqual(watches[0]?.seen);
    }
    await Promise.all(watches.map(({ end }) => end()));
  });
});

function feedTests(open: () => Promise<Site>): void {
  test("a watcher is given what is committed from now on, another all from a position on", async () => {
    await using site = await open();
    const { feed, commit } = await site.replica();
    await commit(ids(1, 5));
    await expect.poll(async () => (await feed.list(everything, undefined, 10)).last, soon).toBe(5);
    const now = follow(feed);
    const past = follow(feed, everything, 3);
    await expect.poll(() => [now.scanned[0], past.scanned[0]], soon).toEqual([5, 3]);
    await commit(ids(6, 8));
    await expect.poll(() => [now.seen, past.seen], soon).toEqual([ids(6, 8), ids(4, 8)]);
    expect(past.positions).toEqual(numbers(4, 8));
    expect(await now.end()).toEqual(new Error("enough"));
    await past.end();
  });

  test("one that begins far behind while more is committed misses nothing and sees nothing twice", { timeout: 120_000 }, async () => {
    await using site = await open();
    const { feed, commit } = await site.replica();
    await commit(ids(1, 1_500), { together: true });
    const late = follow(feed, everything, 0);
    await commit(ids(1_501, 1_700));
    await commit(ids(1_701, 2_000), { together: true });
    await expect.poll(() => late.seen.length, { ...soon, timeout: 60_000 }).toBe(2_000);
    expect(late.seen).toEqual(ids(1, 2_000));
    expect(late.positions).toEqual(numbers(1, 2_000));
    await late.end();
  });

  test("one that reads slowly is given everything", { timeout: 120_000 }, async () => {
    await using site = await open();
    const { feed, commit } = await site.replica();
    const slow = feed.watch(everything, undefined, never);
    await slow.next();
    await commit(ids(1, 1_300), { together: true });
    await expect.poll(async () => (await feed.list(everything, undefined, 1)).last, soon).toBe(1_300);
    const seen: string[] = [];
    while (seen.length < 1_300) {
      const { value } = (await slow.next()) as IteratorYieldResult<Watched>;
      seen.push(...value.events.map(({ id }) => id));
    }
    expect(seen).toEqual(ids(1, 1_300));
    await slow.return(undefined);
  });

  test("a filter leaves out events and not positions", async () => {
    await using site = await open();
    const { feed, commit } = await site.replica();
    await commit(["a"], { type: "Wanted", subject: "x" });
    const byType = follow(feed, { types: ["Wanted"], subject: undefined }, 0);
    const bySubject = follow(feed, { types: [], subject: { kind: "thing", id: "x" } }, 0);
    const byKind = follow(feed, { types: [], subject: { kind: "other" } }, 0);
    await expect.poll(() => [byType.seen, bySubject.seen], soon).toEqual([["a"], ["a"]]);
    await commit(["b"], { type: "Unwanted", subject: "x" });
    await commit(["c"], { type: "Wanted", subject: "y" });
    const watches = [byType, bySubject, byKind];
    await expect.poll(() => watches.map(({ scanned }) => scanned.at(-1)), soon).toEqual([3, 3, 3]);
    expect(watches.map(({ seen }) => seen)).toEqual([["a", "c"], ["a", "b"], []]);
    await Promise.all(watches.map(({ end }) => end()));
    expect((await feed.list({ types: ["Wanted"], subject: undefined }, 0, 1)).events.map(({ id }) => id)).toEqual(["a"]);
    expect(await feed.list({ types: ["Wanted"], subject: undefined }, 1, 9)).toMatchObject({ events: [{ id: "c", position: 3 }], scanned: 3, last: 3 });
  });

  test("a page of one who may not see some events neither has them, nor ends because of them", async () => {
    await using site = await open();
    const { feed, commit } = await site.replica();
    await commit(ids(1, 30), { subject: "hidden", together: true });
    await commit(ids(31, 33), { subject: "seen" });
    await commit(["e34"], { subject: "hidden" });
    await expect.poll(async () => (await feed.list(everything, undefined, 1)).last, soon).toBe(34);
    const page = async (filter: LogFilter, after: number, limit: number) => {
      const { events, scanned } = await feed.list(filter, after, limit, ({ subject }) => subject.id !== "hidden");
      return [events.map(({ id }) => id), scanned];
    };
    const of = (id: string): LogFilter => ({ types: [], subject: { kind: "thing", id } });
    expect(await page(of("hidden"), 0, 1)).toEqual(await page(of("no such"), 0, 1));
    expect(await page(of("hidden"), 0, 1)).toEqual([[], 34]);
    expect(await page(everything, 0, 2)).toEqual([["e31", "e32"], 32]);
    expect(await page(everything, 32, 2)).toEqual([["e33"], 34]);
    expect(await page(everything, 0, 3)).toEqual([["e31", "e32", "e33"], 34]);
  });

  test("events of a replica that died before it could number them are numbered by another", async () => {
    await using site = await open();
    const { feed, commit } = await site.replica();
    const watch = follow(feed);
    await expect.poll(() => watch.scanned, soon).toEqual([0]);
    await commit(ids(1, 3), { isNoted: false });
    await expect.poll(() => watch.seen, soon).toEqual(ids(1, 3));
    await watch.end();
  });

  test("a commit is seen without a look at the log's end", async () => {
    await using site = await open();
    // Of its own accord it never looks again.
    const { feed, commit } = await site.replica(undefined, manualClock());
    const watch = follow(feed);
    await expect.poll(() => watch.scanned, soon).toEqual([0]);
    await commit(ids(1, 3));
    await expect.poll(() => watch.seen, soon).toEqual(ids(1, 3));
    await watch.end();
  });

  test("when the store was away watchers go on", async () => {
    await using site = await open();
    let away = false;
    const wrap = (store: Store): Store => ({ ...store, tx: (work) => (away ? Promise.reject(unavailable("store", "away")) : store.tx(work)) });
    const { feed, commit } = await site.replica(wrap);
    const watch = follow(feed);
    await commit(ids(1, 1));
    await expect.poll(() => watch.seen, soon).toEqual(ids(1, 1));
    const [before] = [watch.seen.length];
    away = true;
    feed.nudge();
    await expect(feed.list(everything, undefined, 1)).rejects.toMatchObject({ kind: "unavailable" });
    away = false;
    await commit(ids(2, 4));
    await expect.poll(() => watch.seen.slice(before), soon).toEqual(ids(2, 4));
    await watch.end();
  });

  test("a position of which later events were pruned, or that is not there yet, is out of range", async () => {
    await using site = await open();
    const { feed, commit, prune } = await site.replica();
    await commit(ids(1, 4), { at: 100 });
    await commit(ids(5, 6), { at: 200 });
    await expect.poll(async () => (await feed.list(everything, undefined, 9)).last, soon).toBe(6);
    await prune(150);
    const pruned = { kind: "out_of_range", reason: "POSITION_OUT_OF_RANGE", metadata: { position: "3", first_position: "5", last_position: "6" } };
    await expect(feed.list(everything, 3, 9)).rejects.toMatchObject(pruned);
    await expect(feed.watch(everything, 3, never).next()).rejects.toMatchObject(pruned);
    await expect(feed.list({ types: ["Nobody"], subject: undefined }, 3, 9)).rejects.toMatchObject(pruned);
    await expect(feed.list(everything, 7, 9)).rejects.toMatchObject({ kind: "out_of_range", message: expect.stringContaining("6 is the last") as string });
    await expect(feed.watch(everything, 7, never).next()).rejects.toMatchObject({ kind: "out_of_range" });
    for (const after of [undefined, 4]) expect((await feed.list(everything, after, 9)).events.map(({ id }) => id)).toEqual(ids(5, 6));
    const rest = follow(feed, everything, 4);
    await expect.poll(() => rest.seen, soon).toEqual(ids(5, 6));
    await rest.end();
  });

  test("a watcher that is so slow that what comes next is pruned learns it", { timeout: 120_000 }, async () => {
    await using site = await open();
    const { feed, commit, prune } = await site.replica();
    const slow = feed.watch(everything, undefined, never);
    await slow.next();
    await commit(ids(1, 1_100), { at: 100, together: true });
    await expect.poll(async () => (await feed.list(everything, undefined, 1)).last, soon).toBe(1_100);
    await prune(150);
    await expect(
      (async () => {
        for await (const _item of slow);
      })(),
    ).rejects.toMatchObject({ kind: "out_of_range" });
  });
}
