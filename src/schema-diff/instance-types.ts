/** Sets of types as bits. `number` is two of them, so that integers are distinguished from the rest. */
import { isNumeric, isWhole } from "./exact-number.ts";
import { type JsonValue, isObject, listOf } from "./json.ts";

export const nulls = 1;
export const booleans = 2;
export const objects = 4;
export const arrays = 8;
export const strings = 16;
export const integers = 32;
export const fractions = 64;
export const numbers = integers | fractions;
export const anything = 127;

const named: Readonly<Record<string, number>> = {
  null: nulls,
  boolean: booleans,
  object: objects,
  array: arrays,
  string: strings,
  integer: integers,
  number: numbers,
};

export function typeOf(value: JsonValue): number {
  if (value === null) return nulls;
  if (Array.isArray(value)) return arrays;
  if (isNumeric(value)) return isWhole(value) ? integers : fractions;
  if (isObject(value)) return objects;
  return typeof value === "string" ? strings : booleans;
}

/** What a `type` keyword allows: a name or a list of names. */
export function typesNamed(keyword: JsonValue | undefined): number {
  if (keyword === undefined) return anything;
  const names = typeof keyword === "string" ? [keyword] : listOf(keyword);
  return names.reduce((types: number, name) => types | (named[String(name)] ?? 0), 0);
}

/** The fewest names for a set of types. */
export function namesOf(types: number): readonly string[] {
  const all = (types & numbers) === numbers ? types & ~numbers : types & ~fractions;
  const names = Object.keys(named).filter((name) => name !== "number" && (all & (named[name] ?? 0)) !== 0);
  return (types & fractions) === 0 ? names : [...names, "number"];
}
