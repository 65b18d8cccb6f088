/**
 * Wakes many watchers when something is new.
 *
 * Guarantees: at most one round in 50 ms, so that a storm of changes reaches a watcher at most 20 times a second; a change
 * that comes within that time is a round at its end, the last one always. A watcher that is busy misses rounds and then
 * finds the newest. Watchers are woken 200 at a time, so that other work goes on between them.
 */
import { wokenOrAborted } from "../../kernel/or-aborted.ts";
import type { Clock } from "../../kernel/ports.ts";

const leastMs = 50;
const sliceSize = 200;

export interface Broadcast extends Disposable {
  /** There is something new. */
  tell(): void;
  /** How many rounds there were. */
  round(): number;
  /** Resolves when there was a round after `round`, or when `signal` aborts. */
  after(round: number, signal: AbortSignal): Promise<void>;
}

export function createBroadcast(clock: Clock): Broadcast {
  const closed = new AbortController();
  let waiting = new Set<() => void>();
  let rounds = 0;
  let lastRoundAt = Number.NEGATIVE_INFINITY;
  let pending = false;

  async function run(): Promise<void> {
    try {
      const restMs = lastRoundAt + leastMs - clock.now();
      if (restMs > 0) await clock.sleep(Math.min(restMs, leastMs), closed.signal);
      pending = false;
      lastRoundAt = clock.now();
      rounds += 1;
      const woken = [...waiting];
      waiting = new Set();
      for (let at = 0; at < woken.length; at += sliceSize) {
        if (at > 0) await clock.sleep(0, closed.signal);
        for (const wake of woken.slice(at, at + sliceSize)) wake();
      }
    } catch {
      // Closed: there are no more rounds.
    }
  }

  return {
    tell() {
      if (pending || closed.signal.aborted) return;
      pending = true;
      void run();
    },
    round: () => rounds,
    after(round, signal) {
      return rounds > round || signal.aborted ? Promise.resolve() : wokenOrAborted(waiting, signal);
    },
    [Symbol.dispose]() {
      closed.abort();
      for (const wake of waiting) wake();
      waiting.clear();
    },
  };
}
