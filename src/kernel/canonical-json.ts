import { hash } from "node:crypto";

/** JSON with object keys sorted, so that equal values give equal text. `undefined` members are left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(sorted);
  const members = value as Readonly<Record<string, unknown>>;
  const keys = Object.keys(members).toSorted();
  // An assignment to `__proto__` makes no member.
  if (keys.includes("__proto__")) return Object.fromEntries(keys.map((key) => [key, sorted(members[key])]));
  const copy: Record<string, unknown> = {};
  for (const key of keys) copy[key] = sorted(members[key]);
  return copy;
}

/** SHA-256 (hex) of a text's UTF-8 bytes. */
export function sha256(text: string): string {
  return hash("sha256", text);
}
