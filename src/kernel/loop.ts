/** Repeated background work of a domain; `delivery/loop.ts` runs it. */
import type { Clock } from "./ports.ts";

export interface LoopSpec {
  /** For the log. */
  readonly name: string;
  /** Milliseconds between rounds, as a safety net; less when a round requests another. A function is called after each round. */
  readonly everyMs: number | (() => number);
  /** One round. Resolves to true when the next round is due immediately. Rounds never overlap. */
  readonly round: (signal: AbortSignal) => Promise<boolean>;
  /** Arranges that `wake` is called when a round is due early, until `signal` aborts. */
  readonly wokenBy?: (wake: () => void, signal: AbortSignal) => void;
}

/** A function that calls `wake` `ms` after its first call; further calls until then are merged. No calls once `signal` aborts. */
export function paced(wake: () => void, ms: number, clock: Clock, signal: AbortSignal): () => void {
  let pending = false;
  return () => {
    if (pending) return;
    pending = true;
    clock.sleep(ms, signal).then(
      () => {
        pending = false;
        wake();
      },
      () => undefined,
    );
  };
}
