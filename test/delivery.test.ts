/** Tasks, and the loop behind all background work, on the real SQLite store. */
import { expect, test } from "vitest";
import { systemClock } from "../src/adapters/system/clock.ts";
import { startLoop } from "../src/delivery/loop.ts";
import { startTasks } from "../src/delivery/tasks.ts";
import { unavailable } from "../src/kernel/errors.ts";
import type { Clock } from "../src/kernel/ports.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";

const silent = () => undefined;

test("a task is tried again until it is done, and its failure is told to who waits", async () => {
  await using store = await openSqliteStore({ path: ":memory:" });
  const seen: string[] = [];
  let fails = true;
  const impatient: Clock = { now: () => systemClock.now(), sleep: (_ms, signal) => systemClock.sleep(5, signal) };
  const tasks = startTasks({
    store,
    clock: impatient,
    log: silent,
    handlers: {
      show: async () => undefined,
      async withdraw(payload) {
        seen.push(payload);
        if (fails) throw unavailable("catalog", "away");
      },
    },
  });
  await store.tx((tx) => tx.tasks.insert({ id: "t1", kind: "withdraw", payload: "{}" }));
  await expect.poll(() => seen.length).toBeGreaterThan(0);
  fails = false;
  await expect.poll(() => seen.length).toBeGreaterThan(1);
  await expect.poll(() => store.tx((tx) => tx.tasks.claim(0, 10))).toEqual([]);
  await tasks.stop();
});

test("who waits for a task learns that another replica carried it out", async () => {
  await using store = await openSqliteStore({ path: ":memory:" });
  const tasks = startTasks({
    store,
    clock: systemClock,
    log: silent,
    handlers: { show: async () => undefined, withdraw: () => Promise.reject(new Error("not ours")) },
  });
  await store.tx(async (tx) => {
    await tx.tasks.insert({ id: "theirs", kind: "withdraw", payload: "{}" });
    await tx.tasks.claim(60_000, 1);
  });
  const waiting = tasks.run("theirs");
  await store.tx((tx) => tx.tasks.done("theirs"));
  expect(await waiting).toBe(true);
  await tasks.stop();
});

test("a nudge in the middle of a round brings another round", async () => {
  let rounds = 0;
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const loop = startLoop({
    name: "test",
    everyMs: 3_600_000,
    clock: systemClock,
    log: silent,
    async round() {
      rounds += 1;
      if (rounds === 1) await first.promise;
      else second.resolve();
      return false;
    },
  });
  loop.nudge();
  first.resolve();
  await second.promise;
  await loop.stop();
  expect(rounds).toBe(2);
});
