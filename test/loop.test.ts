/** The loop behind all background work. */
import { expect, test } from "vitest";
import { startLoop, type Loop, type LoopOptions } from "../src/delivery/loop.ts";
import { unavailable } from "../src/kernel/errors.ts";
import type { LogFields } from "../src/kernel/log.ts";
import { manualClock, type ManualClock } from "./support/manual-clock.ts";
import { untilAborted } from "./support/until-aborted.ts";

interface Scene {
  readonly loop: Loop;
  readonly clock: ManualClock;
  /** Times at which rounds began. */
  readonly at: readonly number[];
  /** `level event loop` and what else the line says. */
  readonly logged: readonly (readonly [line: string, fields: LogFields])[];
}

/** A loop, by default of a round a second, on a clock that begins at 0. `round` is given the number of the round, from 1. */
function open(round: (count: number, signal: AbortSignal) => boolean | Promise<boolean>, options: Partial<LoopOptions> = {}): Scene {
  const clock = manualClock();
  const at: number[] = [];
  const logged: (readonly [string, LogFields])[] = [];
  const loop = startLoop({
    name: "test",
    everyMs: 1_000,
    clock,
    log: (level, event, { loop: name, ...fields } = {}) => void logged.push([`${level} ${event} ${String(name)}`, fields]),
    round: async (signal) => (at.push(clock.now()), round(at.length, signal)),
    ...options,
  });
  return { loop, clock, at, logged };
}

test("a round comes at once, then at every interval, which may change", async () => {
  let everyMs = 1_000;
  const { loop, clock, at } = open(() => false, { everyMs: () => everyMs });
  await clock.pass(2_500);
  everyMs = 100;
  await clock.pass(700);
  await loop.stop();
  expect(at).toEqual([0, 1_000, 2_000, 3_000, 3_100, 3_200]);
});

test("while a round says that there is more the next follows at once", async () => {
  const { loop, clock, at } = open((count) => count < 4);
  await clock.pass(999);
  await loop.stop();
  expect(at).toEqual([0, 0, 0, 0]);
});

test("a nudge brings a round now, one in the middle of a round another one after it, many no more than one", async () => {
  const held = Promise.withResolvers<boolean>();
  const { loop, clock, at } = open((count) => (count === 2 ? held.promise : false), { everyMs: 3_600_000 });
  await clock.pass(500);
  loop.nudge();
  await clock.pass(500);
  expect(at).toEqual([0, 500]);
  for (let times = 0; times < 3; times++) loop.nudge();
  await clock.pass(500);
  expect(at).toEqual([0, 500]);
  held.resolve(false);
  await clock.pass(500);
  expect(at).toEqual([0, 500, 1_500]);
  await loop.stop();
});

test("what wakes a loop of its own accord brings a round, too, and hears when the loop stops", async () => {
  const wakes: { readonly wake: () => void; readonly until: AbortSignal }[] = [];
  const { loop, clock, at } = open(() => false, { everyMs: 3_600_000, wokenBy: (wake, until) => void wakes.push({ wake, until }) });
  await clock.pass(700);
  expect(wakes).toHaveLength(1);
  wakes[0]?.wake();
  await clock.pass(0);
  expect(at).toEqual([0, 700]);
  await clock.pass(3_599_999);
  expect(at).toEqual([0, 700]);
  expect(wakes[0]?.until.aborted).toBe(false);
  await loop.stop();
  expect(wakes[0]?.until.aborted).toBe(true);
});

test("failing rounds come after pauses that double up to ten seconds; a good one brings the pace back", async () => {
  const { loop, clock, at, logged } = open((count) => {
    if (count > 1 && count < 8) throw unavailable("store", "away");
    return false;
  });
  await clock.pass(60_000);
  await loop.stop();
  const pauses = at.slice(1).map((time, index) => time - (at[index] ?? 0));
  expect(pauses.slice(0, 9)).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 1_000, 1_000]);
  expect(logged.map(([line]) => line)).toEqual(["error loop.failed test", "info loop.recovered test"]);
  expect(logged[0]?.[1]).toMatchObject({ reason: "DEPENDENCY_UNAVAILABLE", error: { kind: "unavailable" } });
  expect(logged[1]?.[1]).toEqual({ failures: 6 });
});

test("each row of failures is logged", async () => {
  const { loop, clock, logged } = open((count) => {
    if (count % 2 === 0) throw new Error("a bug");
    return false;
  });
  await clock.pass(6_500);
  await loop.stop();
  expect(logged.map(([line]) => line)).toEqual(["error loop.failed test", "info loop.recovered test", "error loop.failed test", "info loop.recovered test"]);
  expect(logged[2]?.[1]).toMatchObject({ reason: "INTERNAL" });
});

test("the first round waits for what the loop begins after, and a stop does not", async () => {
  const ready = Promise.withResolvers<void>();
  const waiting = open(() => false, { after: ready.promise });
  await waiting.clock.pass(5_000);
  expect(waiting.at).toEqual([]);
  ready.resolve();
  await waiting.clock.pass(1_500);
  expect(waiting.at).toEqual([5_000, 6_000]);
  await waiting.loop.stop();

  const never = open(() => false, { after: new Promise(() => undefined) });
  await never.loop.stop();
  expect(never.at).toEqual([]);
});

test("a stop ends the pause, and none of what comes later brings a round", async () => {
  const { loop, clock, at } = open(() => false);
  await clock.pass(300);
  await loop.stop();
  loop.nudge();
  await clock.pass(5_000);
  expect(at).toEqual([0]);
  expect(clock.sleepers()).toBe(0);
});

test("a stop aborts the round under way, waits for its end and does not count it as failed", async () => {
  const cleanedUp = Promise.withResolvers<void>();
  const { loop, clock, at, logged } = open(async (_count, signal) => {
    await untilAborted(signal).catch(() => cleanedUp.promise);
    throw new Error("ended early");
  });
  await clock.pass(0);
  let isOver = false;
  const stopped = loop[Symbol.asyncDispose]().then(() => (isOver = true));
  await clock.pass(5_000);
  expect(isOver).toBe(false);
  cleanedUp.resolve();
  await stopped;
  expect(at).toEqual([0]);
  expect(logged).toEqual([]);
});
