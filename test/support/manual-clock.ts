/** A clock that a test moves. */
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../../src/kernel/ports.ts";

/** More than any chain of transactions has: each ends one turn of the event loop after its work, with the commit. */
const turns = 30;

export interface ManualClock extends Clock {
  /** Lets time pass, from one due sleeper to the next, with all that each of them brings about; 0 lets only that happen. */
  pass(ms: number): Promise<void>;
  /** Lets time pass at once: what is due meanwhile happens at its end. */
  leap(ms: number): Promise<void>;
  sleepers(): number;
}

/** Begins at `start`, epoch milliseconds. Time passes only in `pass`. */
export function manualClock(start = 0): ManualClock {
  const sleepers = new Set<{ readonly at: number; wake(): void }>();
  let now = start;
  const clock: ManualClock = {
    now: () => now,
    sleep: (ms, until) =>
      new Promise((resolve, reject) => {
        if (until?.aborted) return reject(until.reason);
        const sleeper = { at: now + ms, wake: resolve };
        sleepers.add(sleeper);
        until?.addEventListener("abort", () => sleepers.delete(sleeper) && reject(until.reason), { once: true });
      }),
    async pass(ms) {
      const end = now + ms;
      for (;;) {
        for (let n = 0; n < turns; n++) await turn();
        const due = [...sleepers].filter((sleeper) => sleeper.at <= end).toSorted((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        now = Math.max(now, due.at);
        sleepers.delete(due);
        due.wake();
      }
      now = end;
    },
    leap(ms) {
      now += ms;
      return clock.pass(0);
    },
    sleepers: () => sleepers.size,
  };
  return clock;
}
