/**
 * How many deliveries to one endpoint run at once in this process: four; one while the endpoint does not answer. So slow and dead
 * endpoints do not take all places from the others.
 */
import type { Clock } from "../kernel/ports.ts";

const most = 4;
const longestPaceMs = 60_000;
const shortestPaceMs = 200;
/** Endpoints whose times are remembered, beside those that are busy. */
const remembered = 10_000;

export interface Place {
  /** The delivery has ended. `isSilent`: no answer came. */
  end(isSilent: boolean): void;
}

/** A place; or why there is none: the endpoint does not answer, or is busy for about `inMs`. */
export type Turn = { readonly place: Place } | "silent" | { readonly inMs: number };

export interface Places {
  take(endpointId: string): Turn;
}

interface State {
  busy: number;
  isSilent: boolean;
  /** How long a delivery takes, as an average that follows. */
  tookMs: number;
  /** When the last of those who were turned away gets a place. */
  nextAt: number;
}

export function createPlaces(clock: Pick<Clock, "now">): Places {
  const states = new Map<string, State>();

  function stateOf(endpointId: string): State {
    const state = states.get(endpointId) ?? { busy: 0, isSilent: false, tookMs: 1_000, nextAt: 0 };
    // The one that was used last is the last one to be forgotten.
    states.delete(endpointId);
    states.set(endpointId, state);
    if (states.size > remembered) for (const [id, { busy }] of states) if (busy === 0 && states.delete(id)) break;
    return state;
  }

  return {
    take(endpointId) {
      const state = stateOf(endpointId);
      const now = clock.now();
      if (state.busy >= (state.isSilent ? 1 : most)) {
        if (state.isSilent) return "silent";
        // Each who is turned away comes back when those before him are through.
        state.nextAt = Math.min(Math.max(state.nextAt, now) + Math.max(state.tookMs / most, shortestPaceMs), now + longestPaceMs);
        return { inMs: state.nextAt - now };
      }
      state.busy += 1;
      return {
        place: {
          end(isSilent) {
            state.busy -= 1;
            state.isSilent = isSilent;
            state.tookMs += (clock.now() - now - state.tookMs) / 4;
          },
        },
      };
    },
  };
}
