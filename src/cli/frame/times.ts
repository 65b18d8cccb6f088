/** Human-readable durations and ages. */
import { UsageError } from "./command.ts";

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `30s`, `2m`, `1h` or `7d` in milliseconds. Throws UsageError naming `option`. */
export function durationMs(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const ms = Number(match?.[1]) * (unitsMs[match?.[2] ?? ""] ?? Number.NaN);
  if (!(ms <= 400 * 86_400_000)) throw new UsageError([`--${option}: "${text}" must be a duration such as 500ms, 30s, 2m, 1h or 7d`]);
  return Math.round(ms);
}

/**
 * A time in epoch milliseconds: a duration from or before now, such as `7d`, or a time with its zone, such as `2026-01-31` (UTC) or
 * `2026-01-31T18:00:00Z`. Throws UsageError naming `option`.
 */
export function timeOf(option: string, text: string, nowMs: number, direction: "from now" | "ago"): number {
  if (/^[\d.]+[a-z]+$/.test(text)) return nowMs + durationMs(option, text) * (direction === "ago" ? -1 : 1);
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const ms = isTime ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms))
    throw new UsageError([`--${option}: "${text}" must be a duration such as 7d, a date, or a time with its zone such as 2026-01-31T18:00:00Z`]);
  return ms;
}

/** How long ago, in one unit: `12s`, `5m`, `3h`, `9d`. `-` for an unknown time. */
export function age(thenMs: number | undefined, nowMs: number): string {
  return thenMs === undefined ? "-" : span(nowMs - thenMs);
}

/** A length of time in one unit, rounded down: `12s`, `5m`, `3h`, `9d`. */
function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** How long from now, in one unit, to the nearest. */
export function left(untilMs: number, nowMs: number): string {
  const ms = Math.max(0, untilMs - nowMs);
  const unitMs = ms < 120_000 ? 1_000 : ms < 7_200_000 ? 60_000 : ms < 172_800_000 ? 3_600_000 : 86_400_000;
  return span(ms + unitMs / 2);
}

/** A measured duration: `412 ms`, `3.1 s`, `2 m 05 s`. */
export function took(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} m ${String(Math.floor((ms % 60_000) / 1_000)).padStart(2, "0")} s`;
}
