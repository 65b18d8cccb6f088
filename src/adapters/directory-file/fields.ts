import { nearest } from "../../kernel/nearest.ts";

/** Reports what is wrong with the field of this path. */
export type Bad = (path: readonly (string | number)[], description: string) => void;

export function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  return near === undefined ? `is not a known key: there are ${known.join(", ")}` : `is not a known key; did you mean ${near}?`;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
