/** The loop behind all background work. */
import { expect, test } from "vitest";
import { systemClock } from "../src/adapters/system/clock.ts";
import { startLoop } from "../src/delivery/loop.ts";

const silent = () => undefined;

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
