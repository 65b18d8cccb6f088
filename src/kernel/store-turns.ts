import type { FairQueue } from "./fair-queue.ts";
import type { Store } from "./ports.ts";

const never = new AbortController().signal;

/**
 * The store for one caller, whose transactions wait for their turn among those of others. A place is given back when the event loop
 * has turned: on an embedded store a long queue would otherwise keep it from everything else.
 */
export function inTurns<Tx>(store: Store<Tx>, turns: FairQueue, share: string): Store<Tx> {
  return {
    ping: (signal) => store.ping(signal),
    exclusive: store.exclusive,
    async tx(work) {
      const ticket = turns.enter(share);
      await ticket.turn(never);
      try {
        return await store.tx(work);
      } finally {
        setImmediate(() => ticket[Symbol.dispose]());
      }
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
