/** Whole numbers among options, and counts as people read them. */
import { UsageError, type Input } from "./command.ts";

/** The value of an option that is a whole number of at most 15 digits. Throws UsageError. */
export function wholeNumber(option: string, input: Input): number | undefined {
  const text = input.text(option);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new UsageError([`--${option}: "${text}" must be a whole number`]);
  return Number(text);
}

/** `--limit`: how many to show at most; 0 is all. */
export function limitOf(input: Input, fallback: number): number {
  const limit = wholeNumber("limit", input) ?? fallback;
  return limit === 0 ? Number.POSITIVE_INFINITY : limit;
}

/** `1 request`, `12 requests`, `1 000+ requests`. */
export function counted(count: number, isMore: boolean, one: string): string {
  const digits = String(count).replace(/\B(?=(\d{3})+$)/g, " ");
  return `${digits}${isMore ? "+" : ""} ${one}${count === 1 && !isMore ? "" : "s"}`;
}
