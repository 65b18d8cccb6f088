/** When a delivery that failed is tried again. Pure. */
import { createHash } from "node:crypto";

/** The pauses after the first, second … failure, in milliseconds: those of AWE. After the last one the delivery is given up. */
export const pausesMs = [60, 300, 900, 3_600, 21_600].map((seconds) => seconds * 1_000);

const mostRetryAfterMs = 86_400_000;
/** Part of a pause that is added at most, so that what failed together does not come back together. */
const jitter = 0.1;

/**
 * The pause after the `tries`-th failure; undefined when it was the last one. `retryAfter` is the header of the answer, as seconds or as a
 * date: the pause is not shorter than it says, up to a day.
 */
export function pauseMs(tries: number, eventId: string, retryAfter: string, now: number): number | undefined {
  const pause = pausesMs[tries - 1];
  if (pause === undefined) return undefined;
  return Math.round(Math.max(pause * (1 + jitter * fraction(`${eventId} ${tries}`)), Math.min(retryAfterMs(retryAfter, now), mostRetryAfterMs)));
}

function retryAfterMs(text: string, now: number): number {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? 0 : Math.max(0, at - now);
}

/** A number from 0 to 1 that looks random and is the same for the same text. */
function fraction(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE() / 2 ** 32;
}
