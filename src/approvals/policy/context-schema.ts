/**
 * The JSON Schema of a policy's context: a part of draft 2020-12 of which every keyword is checked when a request is made, in a bounded
 * number of steps. What is not known is refused when the policy is put, so that nothing of a schema is silently left out.
 */
import { RE2JS } from "re2js";
import { nearest } from "../../kernel/nearest.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { patternSize } from "./cel-tree.ts";

type Expected = "schema" | "schemas" | "schema map" | "number" | "count" | "text" | "texts" | "boolean" | "values" | "any" | "types" | "pattern" | "ref";

/** What each keyword's value is. */
const keywords: Readonly<Record<string, Expected>> = {
  $schema: "text",
  $comment: "text",
  title: "text",
  description: "text",
  default: "any",
  examples: "any",
  deprecated: "boolean",
  format: "text",
  $defs: "schema map",
  definitions: "schema map",
  $ref: "ref",
  type: "types",
  enum: "values",
  const: "any",
  properties: "schema map",
  required: "texts",
  additionalProperties: "schema",
  minProperties: "count",
  maxProperties: "count",
  items: "schema",
  prefixItems: "schemas",
  minItems: "count",
  maxItems: "count",
  uniqueItems: "boolean",
  minLength: "count",
  maxLength: "count",
  pattern: "pattern",
  minimum: "number",
  maximum: "number",
  exclusiveMinimum: "number",
  exclusiveMaximum: "number",
  multipleOf: "number",
  allOf: "schemas",
  anyOf: "schemas",
  oneOf: "schemas",
  not: "schema",
  if: "schema",
  then: "schema",
  else: "schema",
};

const typeNames = ["string", "integer", "number", "boolean", "object", "array", "null"];
const wanted: Readonly<Record<Expected, string>> = {
  schema: "a schema: an object, or true or false",
  schemas: "a list of schemas",
  "schema map": "an object of schemas",
  number: "a number",
  count: "a whole number from 0",
  text: "text",
  texts: "a list of texts",
  boolean: "true or false",
  values: "a list of values",
  any: "a value",
  types: `one of ${typeNames.join(", ")}, or a list of them`,
  pattern: "a regular expression of RE2",
  ref: "a reference within this schema, such as #/$defs/name",
};

export interface SchemaProblem {
  /** Keys from the schema's root to the value that is wrong. */
  readonly keys: readonly string[];
  readonly message: string;
  readonly severity?: "warning";
}

/** Everything that is wrong with a schema of contexts. */
export function schemaProblems(root: JsonObject): readonly SchemaProblem[] {
  const problems: SchemaProblem[] = [];
  if (root["type"] !== "object") problems.push({ keys: ["type"], message: "a context is an object: its schema has type: object" });

  function visit(schema: Json | undefined, keys: readonly string[]): void {
    if (!isObject(schema)) return;
    for (const [keyword, value] of Object.entries(schema)) {
      const at = [...keys, keyword];
      const expected = Object.hasOwn(keywords, keyword) ? keywords[keyword] : undefined;
      if (expected === undefined) {
        const meant = nearest(keyword.slice(0, 64), Object.keys(keywords));
        problems.push({ keys: at, message: `${keyword} is not known in the schema of a context${meant === undefined ? "" : `; did you mean ${meant}?`}` });
      } else if (fits(value, expected, root)) {
        if (expected === "schema") visit(value, at);
        if (expected === "schemas") for (const [index, each] of (value as readonly Json[]).entries()) visit(each, [...at, String(index)]);
        if (expected === "schema map") for (const [name, each] of Object.entries(value as JsonObject)) visit(each, [...at, name]);
      } else problems.push({ keys: at, message: `${keyword} is ${wanted[expected]}` });
    }
    if (schema["format"] !== undefined) problems.push({ keys: [...keys, "format"], message: "format is not checked: use pattern", severity: "warning" });
    if (schema["multipleOf"] !== undefined && Number(schema["multipleOf"]) <= 0)
      problems.push({ keys: [...keys, "multipleOf"], message: "multipleOf is above 0" });
  }

  visit(root, []);
  return problems;
}

function fits(value: Json, expected: Expected, root: JsonObject): boolean {
  switch (expected) {
    case "schema":
      return isSchema(value);
    case "schemas":
      return isList(value) && value.length > 0 && value.every(isSchema);
    case "schema map":
      return isObject(value) && Object.values(value).every(isSchema);
    case "number":
      return typeof value === "number";
    case "count":
      return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
    case "text":
      return typeof value === "string";
    case "texts":
      return isList(value) && value.every((each) => typeof each === "string");
    case "boolean":
      return typeof value === "boolean";
    case "values":
      return isList(value) && value.length > 0;
    case "any":
      return true;
    case "types":
      return isList(value) ? value.length > 0 && value.every(isTypeName) : isTypeName(value);
    case "pattern":
      return typeof value === "string" && patternOf(value) !== undefined;
    case "ref":
      return typeof value === "string" && isSchema(referred(value, root));
  }
}

/** Written out, with its repeats, a pattern has at most so many characters. */
const longestPattern = 2_000;
const patterns = new Map<string, RE2JS | undefined>();

/** The pattern, for matching in linear time; undefined when there is none. */
export function patternOf(text: string): RE2JS | undefined {
  if (patterns.has(text)) return patterns.get(text);
  if (patterns.size >= 500) patterns.clear();
  const compiled = patternSize(text) > longestPattern ? undefined : compilePattern(text);
  patterns.set(text, compiled);
  return compiled;
}

function compilePattern(text: string): RE2JS | undefined {
  try {
    return RE2JS.compile(text);
  } catch {
    return undefined;
  }
}

/** What a reference within the document leads to, by a JSON pointer. */
export function referred(ref: string, root: JsonObject): Json | undefined {
  if (ref !== "#" && !ref.startsWith("#/")) return undefined;
  const keys = ref
    .slice(1)
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
  return keys.reduce<Json | undefined>((value, key) => {
    if (isObject(value)) return Object.hasOwn(value, key) ? value[key] : undefined;
    return isList(value) && /^\d{1,9}$/.test(key) ? value[Number(key)] : undefined;
  }, root);
}

function isTypeName(value: Json): boolean {
  return typeof value === "string" && typeNames.includes(value);
}

function isSchema(value: Json | undefined): boolean {
  return typeof value === "boolean" || isObject(value);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return value !== null && typeof value === "object" && !isList(value);
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
