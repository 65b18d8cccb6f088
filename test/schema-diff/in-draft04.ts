/** A schema of a later draft as draft-04 would say it, as far as it can. */
import { type JsonObject, type JsonValue, isObject, listOf } from "../../src/schema-diff/json.ts";
import { type Position, rootPlace, stepInto } from "../../src/schema-diff/schema-place.ts";

const unknown = ["contains", "minContains", "maxContains", "propertyNames", "if", "then", "else", "prefixItems", "$schema"];
const later = ["unevaluatedProperties", "unevaluatedItems", "dependentRequired", "dependentSchemas"];

export function inDraft04(document: JsonObject): JsonObject {
  const said = rewritten(document, { place: rootPlace, position: "schema" });
  return { $schema: "http://json-schema.org/draft-04/schema#", ...(isObject(said) ? said : {}) };
}

function rewritten(value: JsonValue, at: { readonly place: typeof rootPlace; readonly position: Position }): JsonValue {
  if (at.position === "data" || (at.position !== "schema" && !isObject(value))) return value;
  if (typeof value === "boolean") return value ? {} : { not: {} };
  if (Array.isArray(value)) return value.map((part: JsonValue, index) => rewritten(part, stepInto(at.place, at.position, String(index), true)));
  if (!isObject(value)) return value;
  const members = Object.entries(value).map(([key, inner]) => [key, rewritten(inner, stepInto(at.place, at.position, key, false))] as const);
  return at.position === "schema" ? schemaOf(Object.fromEntries(members)) : Object.fromEntries(members);
}

function schemaOf(given: JsonObject): JsonObject {
  const { const: constant, exclusiveMinimum, exclusiveMaximum, dependencies, required, ...rest } = given;
  const kept = Object.entries(rest).filter(([key]) => !unknown.includes(key) && !later.includes(key));
  return {
    ...Object.fromEntries(kept),
    ...(constant !== undefined && { enum: [constant] }),
    ...(exclusiveMinimum !== undefined && { minimum: exclusiveMinimum, exclusiveMinimum: true }),
    ...(exclusiveMaximum !== undefined && { maximum: exclusiveMaximum, exclusiveMaximum: true }),
    // There, neither of these lists may be empty.
    ...(listOf(required).length > 0 && { required }),
    ...(isObject(dependencies) && { dependencies: Object.fromEntries(Object.entries(dependencies).filter(([, names]) => !isEmpty(names))) }),
  };
}

function isEmpty(value: JsonValue): boolean {
  return Array.isArray(value) && value.length === 0;
}
