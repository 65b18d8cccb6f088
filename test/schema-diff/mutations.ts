/** Changes of a schema such as people make, and some that only rewrite it. */
import { type JsonObject, type JsonValue, isObject } from "../../src/schema-diff/json.ts";
import { type Position, pointerOf, rootPlace, stepInto } from "../../src/schema-diff/schema-place.ts";
import type { Chance } from "./chance.ts";
import { type RandomSchemas, dialectNames, names, randomValue, schemasBy, typeNames } from "./random-schemas.ts";

/** One place of the document changed. */
export function mutated(chance: Chance, document: JsonObject): JsonObject {
  const dialect = typeof document["$schema"] === "string" ? document["$schema"] : undefined;
  const random = schemasBy(chance, dialect);
  if (chance.oneIn(40)) return withDialect(document, chance.pick(dialectNames));
  const isUsed = (place: string) => !place.startsWith("/$defs") || JSON.stringify(document).includes(`"#${place.slice(0, 9)}"`);
  const place = chance.pick(schemaPlaces(document).filter(isUsed));
  const result = rewritten(document, place, (schema) => changed(chance, random, schema));
  return isObject(result) ? result : { ...headOf(document), not: result !== true };
}

/** The same meaning: keys in another order, and other annotations. */
export function redecorated(chance: Chance, document: JsonObject): JsonObject {
  const places = new Set(schemaPlaces(document));
  const result = every(document, "");
  return isObject(result) ? result : document;

  function every(value: JsonValue, pointer: string): JsonValue {
    if (Array.isArray(value)) return value.map((item, index) => every(item, `${pointer}/${index}`));
    if (!isObject(value)) return value;
    const entries = Object.entries(value).map(([key, inner]) => [key, every(inner, `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`)] as const);
    const more = places.has(pointer) && chance.oneIn(2) ? [[chance.pick(["title", "description", "default", "$comment", "x-note"]), "note"] as const] : [];
    return Object.fromEntries(chance.oneIn(2) ? [...more, ...entries.toReversed()] : [...entries, ...more]);
  }
}

/** The pointers of all places where a schema stands. */
function schemaPlaces(document: JsonObject): readonly string[] {
  const found: string[] = [];
  visit(document, { place: rootPlace, position: "schema" as Position });
  return found;

  function visit(value: JsonValue, at: { readonly place: typeof rootPlace; readonly position: Position }): void {
    if (at.position === "schema" && (isObject(value) || typeof value === "boolean")) found.push(pointerOf(at.place));
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value as JsonObject)) visit(inner, stepInto(at.place, at.position, key, Array.isArray(value)));
  }
}

function rewritten(value: JsonValue, pointer: string, change: (schema: JsonValue) => JsonValue): JsonValue {
  if (pointer === "") return change(value);
  const [, key = "", rest = ""] = /^\/([^/]*)(.*)$/s.exec(pointer) ?? [];
  const name = key.replaceAll("~1", "/").replaceAll("~0", "~");
  if (Array.isArray(value)) return value.map((item: JsonValue, index) => (String(index) === name ? rewritten(item, rest, change) : item));
  return isObject(value) ? { ...value, [name]: rewritten(value[name] ?? true, rest, change) } : value;
}

function changed(chance: Chance, random: RandomSchemas, schema: JsonValue): JsonValue {
  const { number, oneIn, pick } = chance;
  if (!isObject(schema)) return random.schema(1);
  const keys = Object.keys(schema).filter((key) => !["$schema", "$defs"].includes(key));
  const kind = number(8);
  if (kind === 0) return { ...schema, ...random.keywords(1) };
  if (kind === 1) return wrapped();
  if (kind === 2 && oneIn(3)) return { ...headOf(schema), ...asObject(random.schema(1)) };
  if (keys.length === 0) return { ...schema, ...random.keywords(1) };
  const key = pick(keys);
  if (kind === 3) return without(schema, key);
  return { ...schema, ...changedKeyword(chance, random, key, schema[key] ?? null) };

  function wrapped(): JsonValue {
    const head = headOf(schema as JsonObject);
    const rest = without(schema as JsonObject, "$schema", "$defs");
    const other = random.schema(1);
    return pick<JsonValue>([
      { ...head, allOf: [rest] },
      { ...head, anyOf: [rest, other] },
      { ...head, oneOf: [rest, other] },
      { ...head, not: { not: rest } },
      { ...head, anyOf: [other, rest] },
    ]);
  }
}

function changedKeyword(chance: Chance, random: RandomSchemas, key: string, value: JsonValue): JsonObject {
  const { number, oneIn, pick } = chance;
  if (typeof value === "number") return { [key]: Math.max(key === "multipleOf" ? 1 : 0, value + pick([1, -1, 2, -2])) };
  if (key === "type") return { type: [...new Set([...(Array.isArray(value) ? value : [value]), pick(typeNames)])] };
  if (key === "enum" || key === "const") return { [key]: key === "const" ? randomValue(chance, 1) : listChanged(value, () => randomValue(chance, 1)) };
  if (key === "required") return { required: [...new Set(listChanged(value, () => pick(names)))] };
  if (key === "properties" && isObject(value)) {
    const name = pick(names);
    return { properties: Object.hasOwn(value, name) && oneIn(2) ? without(value, name) : { ...value, [name]: random.schema(1) } };
  }
  if (["anyOf", "oneOf", "allOf", "prefixItems"].includes(key)) return { [key]: listChanged(value, () => random.schema(1)) };
  if (typeof value === "boolean") return { [key]: !value };
  return random.keywords(1);

  function listChanged(list: JsonValue, make: () => JsonValue): readonly JsonValue[] {
    const items: readonly JsonValue[] = Array.isArray(list) ? list : [list];
    const index = number(Math.max(1, items.length));
    if (oneIn(3)) return items.toReversed();
    if (oneIn(2) && items.length > 1) return items.filter((_, at) => at !== index);
    const made = make();
    return items.some((item) => JSON.stringify(item) === JSON.stringify(made)) ? items : [...items, made];
  }
}

function withDialect(document: JsonObject, dialect: string | undefined): JsonObject {
  const rest = without(document, "$schema");
  return dialect === undefined ? rest : { $schema: dialect, ...rest };
}

function headOf(schema: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key === "$schema" || key === "$defs"));
}

function asObject(schema: JsonValue): JsonObject {
  return isObject(schema) ? schema : { not: schema !== true };
}

function without(object: JsonObject, ...keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}
