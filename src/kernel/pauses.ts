/** How long somebody waits before he asks another system again. Pure. */
import { sha256 } from "./canonical-json.ts";

/** The three forms of a date in HTTP (RFC 9110, 5.6.7); `Date.parse` would take years out of any text. */
const dates = [
  /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/,
  /^[A-Z][a-z]{5,8}, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/,
];

/** Milliseconds that a header `Retry-After` asks for, in seconds or as a date (RFC 9110, 10.2.3), however many; 0 for anything else. */
export function retryAfterMs(text: string, nowMs: number): number {
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  if (!dates.some((form) => form.test(text))) return 0;
  // The last form has no zone, and is in GMT, too.
  const at = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
  return Number.isNaN(at) ? 0 : Math.max(0, at - nowMs);
}

/** The pause, longer by up to a tenth, so that what failed together does not come back together; always the same for the same text. */
export function spread(ms: number, text: string): number {
  return ms * (1 + 0.1 * (Number.parseInt(sha256(text).slice(0, 8), 16) / 2 ** 32));
}
