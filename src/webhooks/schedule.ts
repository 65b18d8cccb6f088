/** When a delivery that failed is tried again. Pure. */
import { retryAfterMs, spread } from "../kernel/pauses.ts";

/** The pauses after the first, second … failure, in milliseconds: those of AWE. After the last one the delivery is given up. */
export const pausesMs = [60, 300, 900, 3_600, 21_600].map((seconds) => seconds * 1_000);

const mostRetryAfterMs = 86_400_000;

/**
 * The pause after the `tries`-th failure; undefined when it was the last one. `retryAfter` is the header of the answer, as seconds or as a
 * date: the pause is not shorter than it says, up to a day.
 */
export function pauseMs(tries: number, eventId: string, retryAfter: string, now: number): number | undefined {
  const pause = pausesMs[tries - 1];
  if (pause === undefined) return undefined;
  return Math.round(Math.max(spread(pause, `${eventId} ${tries}`), askedMs(retryAfter, now)));
}

/** The pause that the answer itself asks for, up to a day: nothing of the request is sent before, also not what overtakes or comes next. */
export function askedMs(retryAfter: string, now: number): number {
  return Math.min(retryAfterMs(retryAfter, now), mostRetryAfterMs);
}
