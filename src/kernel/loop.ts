/** Background work that a domain wants done again and again; `delivery/loop.ts` carries it out. */
import type { Clock } from "./ports.ts";

export interface LoopSpec {
  /** For the log. */
  readonly name: string;
  /** Milliseconds between rounds, as a safety net; less when a round asks for another. Asked for after each round, when it is a function. */
  readonly everyMs: number | (() => number);
  /** One round. Resolves to true when there is more to do at once. Rounds never overlap. */
  readonly round: (signal: AbortSignal) => Promise<boolean>;
  /** Arranges that `wake` is called when a round is due early, until `signal` aborts. */
  readonly wokenBy?: (wake: () => void, signal: AbortSignal) => void;
}

/** A function that calls `wake` `ms` after it was called first; calls until then are one. Not any more once `signal` aborts. */
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
