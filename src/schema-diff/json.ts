/** JSON as data: own keys only, numbers as they are written, and equality that does not mind the order of keys. */
import { type Numeric, isBeyondReckoning, isNumeric, numericText } from "./exact-number.ts";

export type JsonValue = null | boolean | Numeric | string | readonly JsonValue[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isNumeric(value);
}

/** The value of an own key: `toString` and `__proto__` are names like any other. */
export function own(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Whether a number in it has an exponent that is too large to be worked with. */
export function hasHugeNumber(value: JsonValue): boolean {
  if (isNumeric(value)) return isBeyondReckoning(value);
  return typeof value === "object" && value !== null && Object.values(value).some(hasHugeNumber);
}

export function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

export function stringsOf(value: JsonValue | undefined): readonly string[] {
  return listOf(value).filter((item) => typeof item === "string");
}

/** One text for all values that are equal in JSON's sense. */
export function canonical(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (isNumeric(value)) return numericText(value);
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonical(own(value, key) ?? null)}`);
  return `{${members.join(",")}}`;
}
