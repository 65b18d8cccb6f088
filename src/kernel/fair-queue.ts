/**
 * Work of many callers, of which some runs at once and some waits.
 *
 * Guarantees: keys take turns, however much one of them has waiting; within a key it is first come, first served. What runs, and
 * what runs or waits, are shares (`shares.ts`): no key has so much of either that nothing is left for another. Whoever gives up
 * while waiting never starts and leaves at once. A place is given back however the work ends.
 */
import { createShares, type Shares } from "./shares.ts";

export interface FairQueueOptions {
  /** Pieces of work that run at once. */
  readonly places: number;
  /** So many more may wait; by default any number. */
  readonly waiting?: number;
  /** The error for one who is not let in, when what may wait is limited. `inside` is what runs or waits. */
  readonly refusal?: (inside: Pick<Shares, "held">, key: string) => Error;
}

/** One piece of work that was let in. It leaves when it gives up waiting, or is disposed of, but not while it waits. */
export interface Ticket extends Disposable {
  /** Resolves when the work may run. Rejects with the signal's reason when that aborts first. To be called once. */
  turn(signal: AbortSignal): Promise<void>;
}

export interface FairQueue {
  /** Lets a piece of work in, to run now or later. Throws the refusal. */
  enter(key: string): Ticket;
  /** Runs `work` at its turn. Rejects as `enter` and `turn` do, or as `work` does. */
  run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** How many wait for their turn. */
  waiting(): number;
}

export function createFairQueue({ places, waiting = Number.POSITIVE_INFINITY, refusal = fullQueue }: FairQueueOptions): FairQueue {
  const inside = createShares(places + waiting);
  const running = createShares(places);
  /** Who waits, by key; the key whose turn is next comes first. */
  const lines = new Map<string, Set<() => void>>();

  /** Starts whatever may run. A key that was served goes to the end, and is come to again. */
  function serve(): void {
    for (const [key, line] of lines) {
      const [first] = line;
      if (!first || !running.take(key)) continue;
      line.delete(first);
      lines.delete(key);
      if (line.size > 0) lines.set(key, line);
      first();
    }
  }

  function wait(key: string, signal: AbortSignal, leave: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const line = lines.get(key) ?? new Set();
      lines.set(key, line);
      const start = () => {
        signal.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = () => {
        line.delete(start);
        if (line.size === 0) lines.delete(key);
        leave();
        reject(signal.reason);
      };
      line.add(start);
      signal.addEventListener("abort", giveUp, { once: true });
    });
  }

  function enter(key: string): Ticket {
    if (!inside.take(key)) throw refusal(inside, key);
    let isInside = true;
    let runs = false;
    const leave = () => {
      if (!isInside) return;
      isInside = false;
      inside.give(key);
      if (!runs) return;
      running.give(key);
      serve();
    };
    return {
      async turn(signal) {
        signal.throwIfAborted();
        if (!running.take(key)) await wait(key, signal, leave);
        runs = true;
      },
      [Symbol.dispose]: leave,
    };
  }

  return {
    enter,
    async run(key, signal, work) {
      signal.throwIfAborted();
      using ticket = enter(key);
      await ticket.turn(signal);
      signal.throwIfAborted();
      return await work();
    },
    waiting: () => lines.values().reduce((sum, { size }) => sum + size, 0),
  };
}

function fullQueue(): Error {
  return new RangeError("the queue is full");
}
