/** Forms of values that several sections have. What is wrong is added to `problems`, a line each. */
import { printable } from "../kernel/log.ts";
import { masked } from "../kernel/mask.ts";
import { cidrViolation } from "../registration/address.ts";

/** A value in quotes as it may stand in a problem: without secrets, and safe for a terminal. */
export function quoted(value: string): string {
  return `"${printable(masked(value))}"`;
}

/** The http(s) URL inside `<scheme>+http(s)://…`. */
export function innerUrl(value: string, scheme: string): string | undefined {
  const inner = value.startsWith(`${scheme}+http`) ? value.slice(scheme.length + 1) : "";
  return /^https?:\/\//.test(inner) && URL.canParse(inner) ? inner.replace(/\/+$/, "") : undefined;
}

/** A secret that is sent in a header field; undefined when it is empty. */
export function headerSecret(name: string, value: string, problems: string[]): string | undefined {
  if (!/^[\x20-\x7e]*$/.test(value)) problems.push(`${name} must be one line of printable ASCII characters`);
  return value || undefined;
}

const units = { s: { word: "seconds", ms: 1_000 }, d: { word: "days", ms: 86_400_000 } } as const;

/** Milliseconds of a whole number of one unit, such as `15s`; bounds in that unit. */
export function parseDuration(
  name: string,
  value: string,
  { unit, min, max }: { readonly unit: keyof typeof units; readonly min: number; readonly max: number },
  problems: string[],
): number {
  const { word, ms } = units[unit];
  const count = /^\d+.$/.test(value) && value.endsWith(unit) ? Number(value.slice(0, -1)) : Number.NaN;
  if (!(count >= min && count <= max)) problems.push(`${name}: ${quoted(value)} must be whole ${word} from ${min}${unit} to ${max}${unit}`);
  return count * ms;
}

export function oneOf<T extends string>(name: string, value: string, allowed: readonly [T, ...T[]], problems: string[]): T {
  const found = allowed.find((item) => item === value);
  if (found === undefined) problems.push(`${name}: ${quoted(value)} must be one of ${allowed.join(", ")}`);
  return found ?? allowed[0];
}

/** CIDR ranges with commas between; none for an empty value alone, so that nobody restricts nothing without knowing. */
export function rangesOf(name: string, value: string, problems: string[]): readonly string[] {
  const ranges = value
    .split(",")
    .map((range) => range.trim())
    .filter((range) => range !== "");
  if (value !== "" && ranges.length === 0) problems.push(`${name}: ${quoted(value)} has no CIDR range such as 10.0.0.0/8; an empty value allows all addresses`);
  for (const range of ranges) {
    const verdict = cidrViolation(range);
    if (verdict) problems.push(`${name}: ${quoted(range)} ${verdict}`);
  }
  return ranges;
}
