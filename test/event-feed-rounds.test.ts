/** The feed by a clock that the test moves: when it looks, what it reads for how many watchers, and where its memory ends. */
import { expect, test } from "vitest";
import type { Watched } from "../src/delivery/event-feed.ts";
import { pruneEvents } from "../src/delivery/retention.ts";
import type { Store } from "../src/kernel/ports.ts";
import type { EventLog, LogFilter } from "../src/kernel/records.ts";
import { everything, openFeed } from "./support/feed-scene.ts";

const never = new AbortController().signal;
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

test("what is committed here is numbered at once, without a look at the log's end, and however much it is", async () => {
  await using it = await openFeed();
  const { ends } = it.calls;
  await it.commitHere(499);
  expect([await it.last(), it.calls.number, it.calls.ends - ends]).toEqual([499, 1, 0]);
  await it.commitHere(1_200);
  expect(await it.last()).toBe(1_699);
});

test("what nobody announced is numbered within a second; watched and shared with other replicas within 100 ms", async () => {
  for (const [exclusive, watched, withinMs] of [
    [true, false, 1_000],
    [true, true, 1_000],
    [false, false, 1_000],
    [false, true, 100],
  ] as const) {
    await using it = await openFeed({ exclusive });
    await it.clock.pass(1_000);
    const watch = watched ? it.follow() : undefined;
    await it.settle();
    await it.commit(3);
    await it.clock.pass(withinMs - 1);
    expect(await it.last()).toBe(0);
    await it.clock.pass(1);
    await it.settle();
    expect(await it.last()).toBe(3);
    if (watch) expect(watch.positions()).toEqual([1, 2, 3]);
    await watch?.end();
  }
});

test("when the last watcher has gone the log's end is looked at every second again, and what came meanwhile is not missed", async () => {
  await using it = await openFeed({ exclusive: false });
  const watch = it.follow();
  await it.settle();
  await it.clock.pass(1_000);
  expect(it.calls.ends).toBeGreaterThanOrEqual(10);
  expect(await watch.end()).toEqual(new Error("enough"));
  await it.clock.pass(1_000);
  const { ends } = it.calls;
  await it.clock.pass(10_000);
  expect(it.calls.ends).toBe(ends + 10);
  // Nothing is kept in memory for nobody.
  const { read } = it.calls;
  await it.commitElsewhere(2);
  await it.clock.pass(1_000);
  expect(it.calls.read).toBe(read);
  await it.commitHere(3);
  const next = it.follow(everything, 2);
  await it.settle();
  await it.commitHere(1);
  expect(next.positions()).toEqual([3, 4, 5, 6]);
  await next.end();
});

test("a watch begins with its position: the one given, or the last there is", async () => {
  await using it = await openFeed();
  await it.commitHere(4);
  const watches = [it.follow(), it.follow(everything, 4), it.follow(everything, 1), it.follow(everything, 0)];
  await it.settle();
  for (const watch of watches) expect(watch.items[0]?.events).toEqual([]);
  expect(watches.map(({ items }) => items[0]?.scanned)).toEqual([4, 4, 1, 0]);
  expect(watches.map(({ positions }) => positions())).toEqual([[], [], [2, 3, 4], [1, 2, 3, 4]]);
  await Promise.all(watches.map(({ end }) => end()));
});

test("watchers that are up to date cost no read of what is committed here, and one for all of what is numbered elsewhere", async () => {
  await using it = await openFeed();
  const watches = [it.follow(), it.follow(), it.follow()];
  await it.settle();
  const { read } = it.calls;
  for (let times = 0; times < 4; times++) await it.commitHere(2);
  expect(watches.map(({ positions }) => positions())).toEqual(watches.map(() => numbers(1, 8)));
  expect(it.calls.read).toBe(read);
  await it.commitElsewhere(3);
  await it.clock.pass(1_000);
  await it.settle();
  expect(watches.map(({ positions }) => positions())).toEqual(watches.map(() => numbers(1, 11)));
  expect(it.calls.read).toBe(read + 1);
  await Promise.all(watches.map(({ end }) => end()));
});

test("what another replica numbered in between comes before what is committed here", async () => {
  await using it = await openFeed();
  const watch = it.follow();
  await it.settle();
  await it.commitHere(1);
  await it.commitElsewhere(2);
  await it.commitHere(1);
  expect(watch.positions()).toEqual([1, 2, 3, 4]);
  await it.commitElsewhere(2);
  // A nudge that finds everything numbered already.
  it.feed.nudge();
  await it.settle();
  expect(watch.positions()).toEqual(numbers(1, 6));
  await watch.end();
});

test("the last thousand events are kept while somebody watches; what is older is read from the store, in pages", async () => {
  await using it = await openFeed();
  const slow = it.feed.watch(everything, undefined, never);
  await slow.next();
  await it.settle();
  await it.commitHere(500);
  await it.commitHere(500);
  await it.commitHere(300);
  const { read } = it.calls;
  const pages: (readonly number[])[] = [];
  for (let seen = 0; seen < 1_300;) {
    const { value } = (await slow.next()) as IteratorYieldResult<Watched>;
    pages.push(value.events.map(({ position }) => position));
    seen += value.events.length;
  }
  expect(pages.flat()).toEqual(numbers(1, 1_300));
  expect(pages.map(({ length }) => length)).toEqual([200, 200, 200, 200, 200, 200, 100]);
  // Up to position 300 from the store: 1 to 200, 201 to 400.
  expect(it.calls.read).toBe(read + 2);
  await slow.return(undefined);
});

test("filters are the same in memory and in the store", async () => {
  await using it = await openFeed();
  const filters: readonly (readonly [LogFilter, readonly number[]])[] = [
    [everything, [1, 2, 3, 4, 5]],
    [{ types: ["A"], subject: undefined }, [1, 2, 5]],
    [{ types: ["A", "B"], subject: undefined }, [1, 2, 3, 5]],
    [{ types: [], subject: { kind: "thing" } }, [1, 2, 3, 4]],
    [{ types: [], subject: { kind: "thing", id: "x" } }, [1, 3]],
    [{ types: ["A"], subject: { kind: "thing", id: "x" } }, [1]],
    [{ types: [], subject: { kind: "other", id: "y" } }, []],
  ];
  const live = filters.map(([filter]) => it.follow(filter));
  await it.settle();
  for (const [type, kind, id] of [
    ["A", "thing", "x"],
    ["A", "thing", "y"],
    ["B", "thing", "x"],
    ["C", "thing", "y"],
    ["A", "other", "x"],
  ] as const) {
    await it.commitHere(1, { type, kind, id });
  }
  const expected = filters.map(([, positions]) => positions);
  expect(live.map(({ positions }) => positions())).toEqual(expected);
  expect(live.map(({ scanned }) => scanned().at(-1))).toEqual(filters.map(() => 5));
  await Promise.all(live.map(({ end }) => end()));
  const past = filters.map(([filter]) => it.follow(filter, 0));
  await it.settle();
  expect(past.map(({ positions }) => positions())).toEqual(expected);
  await Promise.all(past.map(({ end }) => end()));
});

test("a watcher that stops in the middle of what it is to be given is given no more", async () => {
  await using it = await openFeed();
  await it.commitHere(450);
  const over = new AbortController();
  const watch = it.feed.watch(everything, 0, over.signal);
  await watch.next();
  expect(((await watch.next()) as IteratorYieldResult<Watched>).value.scanned).toBe(200);
  over.abort(new Error("enough"));
  await expect(watch.next()).rejects.toThrow("enough");
});

test("what is numbered and pruned elsewhere before it was seen here ends the watch, and others go on", async () => {
  await using it = await openFeed();
  const behind = it.follow();
  await it.settle();
  await it.commitElsewhere(5);
  await it.prune(100);
  await it.commitElsewhere(2, { at: 200 });
  const fresh = it.follow(everything, 5);
  await it.clock.pass(1_000);
  await it.settle();
  expect(await behind.ended).toMatchObject({ reason: "POSITION_OUT_OF_RANGE", metadata: { position: "0", first_position: "6", last_position: "7" } });
  expect(fresh.positions()).toEqual([6, 7]);
  await it.commitHere(1, { at: 200 });
  expect(fresh.positions()).toEqual([6, 7, 8]);
  await fresh.end();
});

test("positions that cannot be read say which can", async () => {
  await using it = await openFeed();
  await it.commitHere(4);
  await it.prune(100);
  await it.commitHere(2, { at: 200 });
  const early = { kind: "out_of_range", reason: "POSITION_OUT_OF_RANGE", metadata: { position: "3", first_position: "5", last_position: "6" } };
  const late = { ...early, metadata: { ...early.metadata, position: "7" } };
  for (const [position, what, text] of [
    [3, early, "events up to 4 were pruned"],
    [7, late, "6 is the last"],
  ] as const) {
    for (const asked of [it.feed.list(everything, position, 9), it.feed.watch(everything, position, never).next()]) {
      await expect(asked).rejects.toMatchObject({ ...what, message: expect.stringContaining(text) as string });
    }
  }
  for (const position of [4, 6]) expect((await it.feed.list(everything, position, 9)).events).toHaveLength(6 - position);
});

test("a list is as long as it was to be, and says where it ended", async () => {
  await using it = await openFeed();
  await it.commitHere(5);
  const positions = async (after: number | undefined, limit: number) => {
    const { events, scanned, last } = await it.feed.list(everything, after, limit);
    return { positions: events.map(({ position }) => position), scanned, last };
  };
  expect(await positions(undefined, 2)).toEqual({ positions: [1, 2], scanned: 2, last: 5 });
  expect(await positions(2, 3)).toEqual({ positions: [3, 4, 5], scanned: 5, last: 5 });
  expect(await positions(2, 9)).toEqual({ positions: [3, 4, 5], scanned: 5, last: 5 });
  expect(await positions(5, 9)).toEqual({ positions: [], scanned: 5, last: 5 });
});

/** A log of which one read looks at one position. */
const shortSighted = (log: EventLog): Partial<EventLog> => ({
  async read({ after, types, ...query }) {
    const page = await log.read({ ...query, types: [], after, limit: 1 });
    return { ...page, events: page.events.filter(({ type }) => types.length === 0 || types.includes(type)) };
  },
});

test("a list that finds little looks twenty times before it answers with what it has, and can be carried on from there", async () => {
  await using it = await openFeed({ change: shortSighted });
  await it.commitHere(29);
  await it.commitHere(1, { type: "Rare" });
  await it.commitHere(20);
  const filter = { types: ["Rare"], subject: undefined };
  const { read } = it.calls;
  expect(await it.feed.list(filter, undefined, 2)).toMatchObject({ events: [], scanned: 20, last: 50 });
  expect(it.calls.read).toBe(read + 20);
  expect(await it.feed.list(filter, 20, 1)).toMatchObject({ events: [{ position: 30 }], scanned: 30, last: 50 });
  expect(await it.feed.list(filter, 20, 2)).toMatchObject({ events: [{ position: 30 }], scanned: 40 });
  expect((await it.feed.list(everything, 48, 9)).events.map(({ position }) => position)).toEqual([49, 50]);
});

test("a list from the beginning begins after what is pruned while it begins; one that is under way does not skip", async () => {
  let prunesAt = 0;
  let reads = 0;
  await using it = await openFeed({
    change: (log) => ({
      ...shortSighted(log),
      async read(query) {
        reads += 1;
        if (reads === prunesAt) await log.prune({ after: 0, before: 100, hasSink: false });
        return shortSighted(log).read?.(query) ?? log.read(query);
      },
    }),
  });
  await it.commitHere(4);
  await it.commitHere(2, { at: 200 });
  reads = 0;
  prunesAt = 2;
  await expect(it.feed.list(everything, undefined, 9)).rejects.toMatchObject({ reason: "POSITION_OUT_OF_RANGE" });
  await it.commitHere(1, { at: 50 });
  expect((await it.feed.list(everything, undefined, 9)).events.map(({ position }) => position)).toEqual([5, 6, 7]);
});

test("events are forgotten by their age, in parts, each in a transaction of its own, until it is to stop", async () => {
  await using it = await openFeed();
  await it.commitHere(2_500, { at: 100 });
  await it.commitHere(1, { at: 101 });
  const over = new AbortController();
  let parts = 0;
  const stopping: Store = { ...it.store, tx: (work) => ((parts += 1) === 2 && over.abort(new Error("stopping")), it.store.tx(work)) };
  const clock = { ...it.clock, now: () => 1_101 };
  await expect(pruneEvents({ store: stopping, clock, retentionMs: 1_000, hasSink: false }, over.signal)).rejects.toThrow("stopping");
  expect((await it.store.tx((tx) => tx.eventLog.ends())).pruned).toBe(2_000);
  // With a sink only what was published or parked is too old.
  await pruneEvents({ store: it.store, clock, retentionMs: 1_000, hasSink: true }, never);
  expect((await it.store.tx((tx) => tx.eventLog.ends())).pruned).toBe(2_000);
  await pruneEvents({ store: it.store, clock, retentionMs: 1_000, hasSink: false }, never);
  expect((await it.feed.list(everything, undefined, 9)).events.map(({ position }) => position)).toEqual([2_501]);
});

test("nothing is numbered before the feed begins, nor after it has stopped", async () => {
  const begin = Promise.withResolvers<void>();
  await using it = await openFeed({ after: begin.promise });
  await it.commitHere(1);
  await it.clock.pass(5_000);
  expect(await it.last()).toBe(0);
  begin.resolve();
  await it.settle();
  expect(await it.last()).toBe(1);
  await it.feed.stop();
  await it.commitHere(1);
  await it.clock.pass(5_000);
  expect(await it.last()).toBe(1);
});
