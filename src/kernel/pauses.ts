/** How long somebody waits before he asks another system again. Pure. */
import { sha256 } from "./canonical-json.ts";

/** Milliseconds that a header `Retry-After` asks for, in seconds or as a date (RFC 9110, 10.2.3); 0 for anything else. */
export function retryAfterMs(text: string, nowMs: number): number {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? 0 : Math.max(0, at - nowMs);
}

/** The pause, longer by up to a tenth, so that what failed together does not come back together; always the same for the same text. */
export function spread(ms: number, text: string): number {
  return ms * (1 + 0.1 * (Number.parseInt(sha256(text).slice(0, 8), 16) / 2 ** 32));
}
