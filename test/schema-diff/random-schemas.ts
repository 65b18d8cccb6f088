/** Random schemas from a small world: few names, short texts, little numbers, so that constraints meet each other. */
import type { JsonObject, JsonValue } from "../../src/schema-diff/json.ts";
import type { Chance } from "./chance.ts";

export type Schema = JsonObject | boolean;

export const names = ["a", "b", "ab", "x-1"] as const;
export const texts = ["", "a", "b", "ab", "aab", "abcd", "x-1"] as const;
export const typeNames = ["object", "string", "integer", "array", "number", "null", "boolean"] as const;
const patterns = ["^a", "b$", "^[ab]+$", "x", ".*", "^x-"] as const;

export const dialectNames = [
  undefined,
  undefined,
  "https://json-schema.org/draft/2019-09/schema",
  "http://json-schema.org/draft-07/schema#",
  "http://json-schema.org/draft-06/schema#",
] as const;

export function randomDocument(chance: Chance): JsonObject {
  const dialect = chance.pick(dialectNames);
  const random = schemasBy(chance, dialect);
  const $defs = { d0: random.schema(2), d1: random.schema(1) };
  const root = chance.oneIn(3) ? random.schema(3) : random.object(2);
  return { ...(dialect !== undefined && { $schema: dialect }), $defs, ...(typeof root === "boolean" ? { not: !root } : root) };
}

export interface RandomSchemas {
  /** `depth` bounds how far schemas stand in schemas. */
  schema(depth: number): Schema;
  /** Says something of objects, perhaps of nothing else. */
  object(depth: number): Schema;
  /** A few keywords that belong together. */
  keywords(depth: number): JsonObject;
}

export function schemasBy(chance: Chance, dialect: string | undefined): RandomSchemas {
  const { number, oneIn, pick, some } = chance;
  const hasTuples = dialect !== undefined;

  const groups: readonly ((depth: number) => JsonObject)[] = [
    () => ({ type: oneIn(3) ? [...new Set(some(1, 3, () => pick(typeNames)))] : pick(typeNames) }),
    () => ({ [pick(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"])]: number(8) }),
    () => ({ minimum: number(4), maximum: 4 + number(4), ...(oneIn(2) && { type: pick(["integer", "number"]) }) }),
    () => ({ [pick(["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"])]: number(4) }),
    () => (oneIn(2) ? { enum: distinct(some(1, 4, value)) } : { const: value() }),
    () => ({ [pick(["pattern", "format", "multipleOf", "uniqueItems"])]: true }),
    objectKeywords,
    objectKeywords,
    arrayKeywords,
    combinationKeywords,
    () => ({ $ref: pick(["#/$defs/d0", "#/$defs/d1", "#"]) }),
  ];

  function keywords(depth: number): JsonObject {
    const group = depth > 0 ? pick(groups) : pick(groups.slice(0, 6));
    const { pattern, format, multipleOf, ...rest } = group(depth - 1);
    const fixed = { ...(pattern !== undefined && { pattern: pick(patterns) }), ...(format !== undefined && { format: pick(["email", "date"]) }) };
    return { ...rest, ...fixed, ...(multipleOf !== undefined && { multipleOf: pick([1, 2, 3, 4, 0.5]) }) };
  }

  function schema(depth: number): Schema {
    if (oneIn(12)) return pick([true, false]);
    return Object.assign({}, ...some(1, 3, () => keywords(depth)));
  }

  function objectKeywords(depth: number): JsonObject {
    const inner = () => schema(depth);
    const list = () => [...new Set(some(0, 2, () => pick(names)))];
    return {
      ...(oneIn(2) && { type: "object" }),
      ...(!oneIn(4) && { properties: Object.fromEntries(some(1, 3, () => [pick(names), inner()])) }),
      ...(oneIn(3) && { required: list() }),
      ...(oneIn(3) && { additionalProperties: oneIn(2) ? false : inner() }),
      ...(oneIn(6) && { patternProperties: { [pick(patterns)]: inner() } }),
      ...(oneIn(10) && { propertyNames: inner() }),
      ...(oneIn(10) && { dependentRequired: { [pick(names)]: list() } }),
      ...(oneIn(10) && { dependentSchemas: { [pick(names)]: inner() } }),
      ...(oneIn(12) && { dependencies: { [pick(names)]: oneIn(2) ? list() : inner() } }),
      ...(oneIn(10) && { unevaluatedProperties: oneIn(2) ? false : inner(), ...(oneIn(2) && { allOf: some(1, 2, inner) }) }),
    };
  }

  function arrayKeywords(depth: number): JsonObject {
    const inner = () => schema(depth);
    return {
      ...(oneIn(2) && { type: "array" }),
      ...(oneIn(2) && { items: hasTuples && oneIn(2) ? some(1, 3, inner) : inner() }),
      ...(oneIn(3) && { prefixItems: some(1, 2, inner) }),
      ...(oneIn(5) && { additionalItems: oneIn(2) ? false : inner() }),
      ...(oneIn(5) && { contains: inner(), ...(oneIn(2) && { [pick(["minContains", "maxContains"])]: number(3) }) }),
      ...(oneIn(8) && { unevaluatedItems: oneIn(2) ? false : inner(), ...(oneIn(2) && { allOf: some(1, 2, inner) }) }),
      ...(oneIn(6) && { uniqueItems: true }),
    };
  }

  function combinationKeywords(depth: number): JsonObject {
    const inner = () => schema(depth);
    const branches = () => some(1, 3, inner);
    const kind = pick(["anyOf", "oneOf", "allOf", "not", "if"]);
    if (kind === "not") return { not: inner() };
    if (kind === "if") return Object.fromEntries(["if", "then", "else"].slice(0, 2 + number(2)).map((name) => [name, inner()]));
    return { [kind]: branches() };
  }

  function value(): JsonValue {
    return randomValue(chance, 2);
  }

  return { schema, object: objectKeywords, keywords };
}

export function randomValue(chance: Chance, depth: number): JsonValue {
  const { number, oneIn, pick, some } = chance;
  const kind = number(depth > 0 ? 7 : 5);
  if (kind <= 1) return pick(texts);
  if (kind === 2) return number(10) - 1;
  if (kind === 3) return oneIn(2) ? number(8) / 2 : null;
  if (kind === 4) return oneIn(2);
  if (kind === 5) return some(0, 3, () => randomValue(chance, depth - 1));
  return Object.fromEntries(some(0, 3, () => [pick(names), randomValue(chance, depth - 1)]));
}

function distinct(values: readonly JsonValue[]): readonly JsonValue[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}
