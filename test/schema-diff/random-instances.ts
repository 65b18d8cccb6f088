/** Random values that have a fair chance to be valid by a schema, or to be just beyond it. */
import { type JsonObject, type JsonValue, isObject, listOf, stringsOf } from "../../src/schema-diff/json.ts";
import type { Chance } from "./chance.ts";
import { names, randomValue, texts, typeNames } from "./random-schemas.ts";

export function randomInstance(chance: Chance, root: JsonObject): JsonValue {
  return instanceOf(root, 4);

  function instanceOf(given: JsonValue | undefined, depth: number): JsonValue {
    if (!isObject(given) || depth <= 0 || chance.oneIn(12)) return randomValue(chance, Math.max(0, depth - 2));
    const schema = flattened(given, 4);
    if (schema["const"] !== undefined && !chance.oneIn(6)) return schema["const"];
    const listed = listOf(schema["enum"]);
    if (listed.length > 0 && !chance.oneIn(6)) return chance.pick(listed);
    const type = typeFor(schema);
    if (type === "object") return objectOf(schema, depth);
    if (type === "array") return arrayOf(schema, depth);
    if (type === "string") return chance.pick(texts);
    if (type === "integer" || type === "number") return numberOf(schema, type);
    return type === "null" ? null : chance.oneIn(2);
  }

  /** The schema with what it refers to and with one branch of each of its alternatives, the latest of equal keywords winning. */
  function flattened(schema: JsonObject, depth: number): JsonObject {
    const { $ref, allOf, anyOf, oneOf, if: condition, then, else: otherwise, ...rest } = schema;
    const target = typeof $ref === "string" ? targetOf($ref) : undefined;
    const branches = [anyOf, oneOf].flatMap((list) => (listOf(list).length > 0 ? [chance.pick(listOf(list))] : []));
    const conditional = condition === undefined ? [] : chance.oneIn(2) ? [condition, then] : [otherwise];
    const parts = [target, ...listOf(allOf), ...branches, ...conditional].filter(isObject);
    if (depth <= 0) return rest;
    return parts.map((part) => flattened(part, depth - 1)).reduce(joined, rest);
  }

  function targetOf(ref: string): JsonValue | undefined {
    const definitions = root["$defs"];
    if (ref === "#") return root;
    return isObject(definitions) ? definitions[ref.replace("#/$defs/", "")] : undefined;
  }

  function typeFor(schema: JsonObject): string {
    const named = typeof schema["type"] === "string" ? [schema["type"]] : stringsOf(schema["type"]);
    if (named.length > 0) return chance.pick(named);
    if (Object.keys(schema).some((name) => /ropert|required|depend/.test(name)) && !chance.oneIn(4)) return "object";
    if (Object.keys(schema).some((name) => /tems|ontains/.test(name)) && !chance.oneIn(4)) return "array";
    if (Object.keys(schema).some((name) => /imum|multiple/.test(name)) && !chance.oneIn(4)) return "number";
    return chance.pick(typeNames);
  }

  function objectOf(schema: JsonObject, depth: number): JsonValue {
    const named = isObject(schema["properties"]) ? schema["properties"] : {};
    const patterned = Object.values(isObject(schema["patternProperties"]) ? schema["patternProperties"] : {});
    const keys = new Set([
      ...stringsOf(schema["required"]),
      ...Object.keys(named).filter(() => chance.oneIn(2)),
      ...chance.some(0, 1, () => chance.pick(names)),
    ]);
    const others = [...patterned, schema["additionalProperties"] ?? schema["unevaluatedProperties"]];
    return Object.fromEntries([...keys].map((key) => [key, instanceOf(Object.hasOwn(named, key) ? named[key] : chance.pick([...others, true]), depth - 1)]));
  }

  function arrayOf(schema: JsonObject, depth: number): JsonValue {
    const tuple = Array.isArray(schema["items"]) ? schema["items"] : listOf(schema["prefixItems"]);
    const rest = Array.isArray(schema["items"]) ? schema["additionalItems"] : schema["items"];
    const length = chance.number(tuple.length + 3);
    return Array.from({ length }, (_, index) => instanceOf(chance.oneIn(4) ? schema["contains"] : (tuple[index] ?? rest), depth - 1));
  }

  function numberOf(schema: JsonObject, type: string): number {
    const bounds = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]
      .map((name) => schema[name])
      .filter((bound) => typeof bound === "number");
    const near = bounds.length > 0 ? chance.pick(bounds) : chance.number(8);
    return near + chance.pick(type === "integer" ? [0, 1, -1, 2] : [0, 0.5, -0.5, 1, -1, 2]);
  }
}

function joined(one: JsonObject, other: JsonObject): JsonObject {
  const properties = { ...(isObject(one["properties"]) ? one["properties"] : {}), ...(isObject(other["properties"]) ? other["properties"] : {}) };
  const required = [...stringsOf(one["required"]), ...stringsOf(other["required"])];
  return { ...one, ...other, ...(Object.keys(properties).length > 0 && { properties }), ...(required.length > 0 && { required }) };
}
