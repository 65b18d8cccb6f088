/**
 * The keywords that can refuse a value, and where they hold schemas. Any other is an annotation:
 * documentation that does not change which values are valid.
 */
import { type Subschema, once, under } from "./document.ts";
import { isObject, own } from "./json.ts";

/** `in place` holds schemas for the very value, `deeper` for its parts (items, properties, names). */
type Holds = "data" | "ref" | "in place" | "deeper";

interface Keyword {
  readonly holds: Holds;
  readonly from?: number;
  readonly to?: number;
}

const keywords: ReadonlyMap<string, Keyword> = new Map<string, Keyword>([
  ...["type", "enum", "const", "format", "contentEncoding", "contentMediaType", "contentSchema"].map(data),
  ...["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern"].map(data),
  ...["minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "required"].map(data),
  ...["minContains", "maxContains", "dependentRequired"].map((name) => [name, { holds: "data", from: 2019 }] as const),
  ["$ref", { holds: "ref" }],
  ...["$dynamicRef", "$recursiveRef"].map((name) => [name, { holds: "data", from: 2019 }] as const),
  ...["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependencies"].map((name) => [name, { holds: "in place" }] as const),
  ["dependentSchemas", { holds: "in place", from: 2019 }],
  ...["properties", "patternProperties", "additionalProperties", "propertyNames", "items", "contains"].map((name) => [name, { holds: "deeper" }] as const),
  ["prefixItems", { holds: "deeper", from: 2020 }],
  ["additionalItems", { holds: "deeper", to: 2019 }],
  ...["unevaluatedProperties", "unevaluatedItems"].map((name) => [name, { holds: "deeper", from: 2019 }] as const),
]);

function data(name: string): readonly [string, Keyword] {
  return [name, { holds: "data" }];
}

/** Whether the schema has the keyword and its dialect takes it for a constraint. */
export function asserts({ value, document }: Subschema, name: string): boolean {
  const keyword = keywords.get(name);
  if (keyword === undefined || !isObject(value) || !Object.hasOwn(value, name)) return false;
  return document.year >= (keyword.from ?? 0) && document.year <= (keyword.to ?? Infinity);
}

export function holdsOf(name: string): Holds | undefined {
  return keywords.get(name)?.holds;
}

/** The asserting keywords of a schema, in their order in the text. */
export function assertions(schema: Subschema): readonly string[] {
  return isObject(schema.value) ? Object.keys(schema.value).filter((name) => asserts(schema, name)) : [];
}

/** A schema that accepts every value, and shows it. */
export function acceptsAll(schema: Subschema): boolean {
  return schema.value === true || (schema.value !== false && assertions(schema).length === 0);
}

/** The schemas that stand directly under a keyword: the one, those of its list, or those of its names. */
export function schemasUnder(schema: Subschema, name: string): readonly Subschema[] {
  return once(schema, name, () => listUnder(schema, name));
}

function listUnder(schema: Subschema, name: string): readonly Subschema[] {
  if (!isObject(schema.value)) return [];
  const value = own(schema.value, name);
  if (typeof value === "boolean") return compact([under(schema, name)]);
  if (Array.isArray(value)) return compact(value.map((_, index) => under(schema, name, String(index))));
  if (!isObject(value)) return [];
  return namedSchemas.has(name) ? compact(Object.keys(value).map((key) => under(schema, name, key))) : compact([under(schema, name)]);
}

const namedSchemas = new Set(["properties", "patternProperties", "dependentSchemas", "dependencies"]);

function compact(schemas: readonly (Subschema | undefined)[]): readonly Subschema[] {
  return schemas.filter((schema) => schema !== undefined);
}
