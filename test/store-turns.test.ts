/** One caller has very many transactions to make; another one has one. */
import { expect, test } from "vitest";
import { systemClock } from "../src/adapters/system/clock.ts";
import { createFairQueue } from "../src/kernel/fair-queue.ts";
import { inTurns } from "../src/kernel/store-turns.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";

test("its transaction is not behind those of the other, and neither is the event loop", async () => {
  await using store = await openSqliteStore({ path: ":memory:", clock: systemClock });
  const turns = createFairQueue({ places: 4 });
  const [greedy, modest] = [inTurns(store, turns, "greedy"), inTurns(store, turns, "modest")];
  let done = 0;
  const many = Array.from({ length: 200 }, () => greedy.tx((tx) => tx.attempts.countByState()).then(() => (done += 1)));
  await modest.tx((tx) => tx.attempts.countByState());
  expect(done).toBeLessThan(5);
  await new Promise((resolve) => setTimeout(resolve, 1));
  expect(done).toBeLessThan(200);
  await Promise.all(many);
  expect(done).toBe(200);
});

test("what fails gives its turn back", async () => {
  await using store = await openSqliteStore({ path: ":memory:", clock: systemClock });
  const mine = inTurns(store, createFairQueue({ places: 1 }), "ci");
  await expect(mine.tx(() => Promise.reject(new Error("scripted")))).rejects.toThrow("scripted");
  expect(await mine.tx((tx) => tx.attempts.countByState())).toEqual({});
  expect(mine.exclusive).toBe(store.exclusive);
});
