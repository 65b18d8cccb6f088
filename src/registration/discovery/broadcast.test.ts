import { expect, test } from "vitest";
import type { Clock } from "../../kernel/ports.ts";
import { createBroadcast } from "./broadcast.ts";

/** A clock that moves only when somebody sleeps, to the end of the shortest sleep. */
function steppingClock(): Clock & { readonly step: () => Promise<void> } {
  let now = 1_000;
  const sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();
  return {
    now: () => now,
    sleep: (ms) =>
      new Promise((resolve) => {
        sleepers.add({ at: now + ms, wake: resolve });
      }),
    async step() {
      const [next] = [...sleepers].toSorted((a, b) => a.at - b.at);
      if (next) {
        now = Math.max(now, next.at);
        sleepers.delete(next);
        next.wake();
      }
      for (let turns = 0; turns < 5; turns += 1) await Promise.resolve();
    },
  };
}

const never = new AbortController().signal;

test("announces the first change immediately, those after it together 50 ms later, and the last one always", async () => {
  const clock = steppingClock();
  using broadcast = createBroadcast(clock);
  broadcast.tell();
  expect(broadcast.round()).toBe(1);
  for (let changes = 0; changes < 1_000; changes += 1) broadcast.tell();
  expect(broadcast.round()).toBe(1);
  const before = clock.now();
  await clock.step();
  expect([broadcast.round(), clock.now() - before]).toEqual([2, 50]);
  broadcast.tell();
  await clock.step();
  expect(broadcast.round()).toBe(3);
});

test("wakes a watcher at most 20 times a second, however often it changes", async () => {
  const clock = steppingClock();
  using broadcast = createBroadcast(clock);
  const startedAt = clock.now();
  while (clock.now() - startedAt < 10_000) {
    broadcast.tell();
    await clock.step();
  }
  expect(broadcast.round()).toBeLessThanOrEqual(201);
  expect(broadcast.round()).toBeGreaterThan(190);
});

test("wakes all that wait, 200 at a time", async () => {
  const clock = steppingClock();
  using broadcast = createBroadcast(clock);
  let woken = 0;
  for (let watchers = 0; watchers < 500; watchers += 1) void broadcast.after(0, never).then(() => (woken += 1));
  broadcast.tell();
  await Promise.resolve();
  expect(woken).toBe(200);
  await clock.step();
  expect(woken).toBe(400);
  await clock.step();
  expect(woken).toBe(500);
});

test("does not let one wait who missed a round, nor one whose call is over", async () => {
  const clock = steppingClock();
  using broadcast = createBroadcast(clock);
  broadcast.tell();
  await broadcast.after(0, never);
  const over = new AbortController();
  const waiting = broadcast.after(1, over.signal);
  over.abort();
  await waiting;
  await broadcast.after(1, over.signal);
});

test("lets everybody go at the end", async () => {
  const broadcast = createBroadcast(steppingClock());
  const waiting = broadcast.after(0, never);
  broadcast[Symbol.dispose]();
  await waiting;
  broadcast.tell();
  expect(broadcast.round()).toBe(0);
});

test("a change that comes while many are being woken is another round", async () => {
  const clock = steppingClock();
  using broadcast = createBroadcast(clock);
  let woken = 0;
  for (let watchers = 0; watchers < 201; watchers += 1) void broadcast.after(0, never).then(() => (woken += 1));
  broadcast.tell();
  await Promise.resolve();
  expect([broadcast.round(), woken]).toEqual([1, 200]);
  broadcast.tell();
  await clock.step();
  expect(woken).toBe(201);
  await clock.step();
  expect(broadcast.round()).toBe(2);
});
