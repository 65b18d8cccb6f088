/**
 * How many deliveries to one endpoint run at once in this process: four, and one while the endpoint does not answer. Others wait here: for a
 * second, as many as have their turn within one, or twelve for the end of the one that finds out whether the endpoint is back. So slow
 * and dead endpoints do not take all places from the others, and a quick one is sent what comes at once without a pause.
 */
import type { Clock } from "../kernel/ports.ts";

const most = 4;
/** So many wait also for an endpoint that is slow, or does not answer. */
const fewWaiting = 12;
/** Half of the requests of which events are sent at once. */
const manyWaiting = 64;
const busyWaitMs = 1_000;
/** Longer than an attempt. */
const silentWaitMs = 11_000;
const longestMs = 60_000;
const shortestMs = 200;
/** Endpoints whose times are remembered, beside those that are busy. */
const remembered = 10_000;
/** How long a delivery takes, before one has ended. */
const guessMs = 100;

export interface Place {
  /** The delivery has ended. `isSilent`: no answer came; undefined when nothing was sent. */
  end(isSilent: boolean | undefined): void;
}

/** A place; or why there is none: the endpoint does not answer, or is busy for about `inMs`. */
export type Turn = { readonly place: Place } | "silent" | { readonly inMs: number };

export interface Places {
  /** Rejects with the signal's reason. */
  take(endpointId: string, signal: AbortSignal): Promise<Turn>;
}

interface State {
  busy: number;
  isSilent: boolean;
  /** How long a delivery takes, as an average that follows. */
  tookMs: number;
  /** When the last of those who were turned away gets a place. */
  nextAt: number;
  readonly waiting: (() => void)[];
}

export function createPlaces(clock: Clock): Places {
  const states = new Map<string, State>();

  function stateOf(endpointId: string): State {
    const state = states.get(endpointId) ?? { busy: 0, isSilent: false, tookMs: guessMs, nextAt: 0, waiting: [] };
    // The one that was used last is the last one to be forgotten.
    states.delete(endpointId);
    states.set(endpointId, state);
    if (states.size > remembered) for (const [id, { busy }] of states) if (busy === 0 && states.delete(id)) break;
    return state;
  }

  /** When somebody who is turned away may come back: after those who were before. */
  function comeBack(state: State): { readonly inMs: number } {
    const now = clock.now();
    state.nextAt = Math.min(Math.max(state.nextAt, now) + state.tookMs / most, now + longestMs);
    return { inMs: Math.max(shortestMs, Math.round(state.nextAt - now)) };
  }

  function placeIn(state: State): Place {
    const from = clock.now();
    state.busy += 1;
    return {
      end(ended) {
        const wasSilent = state.isSilent;
        const isSilent = ended ?? wasSilent;
        state.busy -= 1;
        state.isSilent = isSilent;
        if (ended !== undefined) state.tookMs += (clock.now() - from - state.tookMs) / 4;
        // After a silence has begun or ended, everybody who waits looks again.
        for (const wake of state.waiting.splice(0, isSilent || wasSilent ? state.waiting.length : 1)) wake();
      },
    };
  }

  return {
    async take(endpointId, signal) {
      const state = stateOf(endpointId);
      const isFull = () => state.busy >= (state.isSilent ? 1 : most);
      if (isFull() && state.waiting.length < mostWaiting(state)) await freed(state, signal);
      if (!isFull()) return { place: placeIn(state) };
      return state.isSilent ? "silent" : comeBack(state);
    },
  };

  function mostWaiting({ isSilent, tookMs }: State): number {
    return isSilent ? fewWaiting : Math.min(Math.max((most * busyWaitMs) / Math.max(tookMs, 1), fewWaiting), manyWaiting);
  }

  /** Resolves when a place was freed, or after a moment. */
  async function freed({ waiting, isSilent }: State, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.push(resolve);
    try {
      await Promise.race([promise, clock.sleep(isSilent ? silentWaitMs : busyWaitMs, AbortSignal.any([signal, over.signal]))]);
    } finally {
      over.abort();
      const at = waiting.indexOf(resolve);
      if (at >= 0) waiting.splice(at, 1);
    }
  }
}
