/**
 * Disconnects clients that do not read: when the last message of a stream, or a whole HTTP answer, is still unsent after the limit.
 *
 * Guarantees: a stream suspends its handler while its message waits (on the fast lane while short ones are 4 KiB together), so that
 * a stalled reader costs that and the socket's buffer, for no longer than the limit and a quarter. Over HTTP/2 the stream is
 * reset with ENHANCE_YOUR_CALM, which gRPC clients report as RESOURCE_EXHAUSTED: details could not overtake the message.
 * One timer for all streams, and none while no stream waits.
 */
import type { Clock } from "../../kernel/ports.ts";

export interface SlowReaders {
  /** Data waits to be sent: `drop` is called when it still does after the limit. Returns a function to call when it was sent. */
  hold(drop: () => void): () => void;
  /** The same bytes; `drop` is called when a piece was not read in time. */
  guard(body: AsyncIterable<Uint8Array>, drop: () => void): AsyncIterable<Uint8Array>;
}

interface HeldUp {
  readonly since: number;
  readonly drop: () => void;
}

export function createSlowReaders(clock: Clock, limitMs: number): SlowReaders {
  const heldUp = new Set<HeldUp>();
  let sweeping = false;

  async function sweep(): Promise<void> {
    sweeping = true;
    while (heldUp.size > 0) {
      await clock.sleep(Math.ceil(limitMs / 4));
      const now = clock.now();
      for (const it of heldUp) {
        if (now - it.since < limitMs) continue;
        heldUp.delete(it);
        it.drop();
      }
    }
    sweeping = false;
  }

  function hold(drop: () => void): () => void {
    const mine = { since: clock.now(), drop };
    heldUp.add(mine);
    if (!sweeping) void sweep();
    return () => void heldUp.delete(mine);
  }

  return {
    hold,
    guard(body, drop) {
      const pieces = body[Symbol.asyncIterator]();
      let release: (() => void) | undefined;
      const taken = () => {
        release?.();
        release = undefined;
      };
      // Not a generator: an idle stream should cost little.
      const guarded: AsyncIterator<Uint8Array> = {
        async next() {
          taken();
          const piece = await pieces.next();
          if (piece.done) return piece;
          release = hold(drop);
          return piece;
        },
        async return(value) {
          taken();
          return (await pieces.return?.(value)) ?? { done: true, value };
        },
        async throw(error) {
          taken();
          if (!pieces.throw) throw error;
          return pieces.throw(error);
        },
      };
      return { [Symbol.asyncIterator]: () => guarded };
    },
  };
}
