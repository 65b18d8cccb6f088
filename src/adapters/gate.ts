/**
 * Lets at most `limit` pieces of work run at once, in FIFO order.
 *
 * Guarantees: a piece whose signal is aborted while it waits never starts; a slot is released however the work ends.
 * Does not bound how many wait: callers have their own admission.
 */
export interface Gate {
  /** Runs `work` when a slot is free. Rejects as `work` does, or with the signal's reason when aborted before it began. */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** How many wait for a slot. */
  waiting(): number;
}

export function createGate(limit: number): Gate {
  let free = limit;
  const queue = new Set<() => void>();

  async function enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (free > 0) {
      free -= 1;
      return;
    }
    const turn = Promise.withResolvers<void>();
    const giveUp = () => {
      // No longer in the queue: the slot is already ours and `run` releases it.
      if (queue.delete(turn.resolve)) turn.reject(signal.reason);
    };
    queue.add(turn.resolve);
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      await turn.promise;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  function leave(): void {
    const [next] = queue;
    if (next === undefined) {
      free += 1;
      return;
    }
    queue.delete(next);
    next();
  }

  return {
    async run(signal, work) {
      await enter(signal);
      try {
        signal.throwIfAborted();
        return await work();
      } finally {
        leave();
      }
    },
    waiting: () => queue.size,
  };
}
