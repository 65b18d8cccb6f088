/** Validates a value by the part of JSON Schema in `context-schema.ts`. */
import { canonicalJson } from "../../kernel/canonical-json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { isMultipleOf } from "../../schema-diff/exact-number.ts";
import { patternSize } from "./cel-tree.ts";
import { isList, isObject, patternOf, referred } from "./context-schema.ts";

export interface Violation {
  /** Such as `context.changes[0].rule`. */
  readonly path: string;
  readonly message: string;
}

/** Of one validation: each application of a schema is one, long texts and lists are more. */
const mostSteps = 200_000;
/** Of schemas that apply to the same value by way of others. */
const deepest = 100;

class Costly extends Error {}

/** All violations, at most `most`. A schema that takes too many steps for this value is a violation, too. */
export function validate(schema: JsonObject, value: Json, most: number): readonly Violation[] {
  let steps = mostSteps;

  function spend(cost: number): void {
    steps -= cost;
    if (steps < 0) throw new Costly();
  }

  /** Violations of one value; of those below, too. */
  function check(rule: Json | undefined, given: Json, path: string, depth: number): Violation[] {
    spend(1);
    if (depth > deepest) throw new Costly();
    if (rule === false) return [{ path, message: "is not allowed" }];
    if (!isObject(rule)) return [];
    const here = (message: string | undefined): Violation[] => (message === undefined ? [] : [{ path, message }]);
    const wrongType = typeProblem(rule["type"], given);
    // For a value of another type every other rule would be reported, too.
    if (wrongType !== undefined) return here(wrongType);
    const found = [
      ...here(valueProblem(rule, given, spend)),
      ...(typeof given === "string" ? here(textProblem(rule, given, spend)) : []),
      ...(typeof given === "number" ? here(numberProblem(rule, given)) : []),
      ...(isList(given) ? listViolations(rule, given, path, depth) : []),
      ...(isObject(given) ? objectViolations(rule, given, path, depth) : []),
      ...combined(rule, given, path, depth),
    ];
    return found.slice(0, most);
  }

  function listViolations(rule: JsonObject, given: readonly Json[], path: string, depth: number): Violation[] {
    const first = isList(rule["prefixItems"]) ? rule["prefixItems"] : [];
    const found = countProblem(given.length, rule["minItems"], rule["maxItems"], "items").map((message) => ({ path, message }));
    if (rule["uniqueItems"] === true) {
      spend(given.length);
      if (new Set(given.map((item) => canonicalJson(item))).size < given.length) found.push({ path, message: "has two items alike" });
    }
    return [...found, ...given.flatMap((item, index) => check(index < first.length ? first[index] : rule["items"], item, `${path}[${index}]`, depth))];
  }

  function objectViolations(rule: JsonObject, given: JsonObject, path: string, depth: number): Violation[] {
    const properties = isObject(rule["properties"]) ? rule["properties"] : {};
    const names = Object.keys(given);
    const required = isList(rule["required"]) ? rule["required"] : [];
    const found = countProblem(names.length, rule["minProperties"], rule["maxProperties"], "members").map((message) => ({ path, message }));
    spend(required.length);
    for (const name of required) if (!Object.hasOwn(given, String(name))) found.push({ path: `${path}.${String(name)}`, message: "is required" });
    for (const name of names) {
      const isKnown = Object.hasOwn(properties, name);
      const others = rule["additionalProperties"];
      if (!isKnown && others === false) found.push({ path: `${path}.${name}`, message: "is not in the schema" });
      else found.push(...check(isKnown ? properties[name] : others, given[name] ?? null, `${path}.${name}`, depth));
    }
    return found;
  }

  /** The schemas that apply to the same value. */
  function combined(rule: JsonObject, given: Json, path: string, depth: number): Violation[] {
    const fails = (each: Json | undefined): boolean => check(each, given, path, depth + 1).length > 0;
    const found: Violation[] = [];
    const [all, any, one] = [rule["allOf"], rule["anyOf"], rule["oneOf"]];
    if (typeof rule["$ref"] === "string") found.push(...check(referred(rule["$ref"], schema), given, path, depth + 1));
    if (isList(all)) found.push(...all.flatMap((each) => check(each, given, path, depth + 1)));
    if (isList(any) && any.every(fails)) found.push({ path, message: `fits none of the ${any.length} schemas of anyOf` });
    if (isList(one)) {
      const fitting = one.filter((each) => !fails(each)).length;
      if (fitting !== 1) found.push({ path, message: `fits ${fitting} of the ${one.length} schemas of oneOf, not one` });
    }
    if (rule["not"] !== undefined && !fails(rule["not"])) found.push({ path, message: "fits the schema of not" });
    if (rule["if"] !== undefined) found.push(...check(rule[fails(rule["if"]) ? "else" : "then"], given, path, depth + 1));
    return found;
  }

  try {
    return check(schema, value, "context", 0).slice(0, most);
  } catch (error) {
    if (!(error instanceof Costly)) throw error;
    return [{ path: "context", message: "takes too many steps to check by the policy's schema" }];
  }
}

function typeOf(value: Json): string {
  if (value === null) return "null";
  return isList(value) ? "array" : typeof value;
}

function typeProblem(types: Json | undefined, value: Json): string | undefined {
  if (types === undefined) return undefined;
  const allowed = isList(types) ? types : [types];
  const type = typeOf(value);
  if (allowed.includes(type) || (type === "number" && Number.isInteger(value) && allowed.includes("integer"))) return undefined;
  return `is not of type ${allowed.join(" or ")}`;
}

function valueProblem(rule: JsonObject, value: Json, spend: (steps: number) => void): string | undefined {
  const allowed = rule["const"] === undefined ? rule["enum"] : [rule["const"]];
  if (!isList(allowed)) return undefined;
  spend(allowed.length);
  const text = canonicalJson(value);
  const fits = (values: readonly Json[]) => values.some((each) => canonicalJson(each) === text);
  if (fits(allowed) && (!isList(rule["enum"]) || fits(rule["enum"]))) return undefined;
  return `is not ${allowed.length === 1 ? "" : "one of "}${allowed.map((each) => JSON.stringify(each)).join(", ")}`;
}

function textProblem(rule: JsonObject, value: string, spend: (steps: number) => void): string | undefined {
  const { minLength, maxLength, pattern } = rule;
  spend(value.length / 64);
  if (minLength !== undefined || maxLength !== undefined) {
    const [problem] = countProblem([...value].length, minLength, maxLength, "characters");
    if (problem !== undefined) return problem;
  }
  if (typeof pattern !== "string") return undefined;
  spend((value.length * patternSize(pattern)) / 8);
  return patternOf(pattern)?.test(value) === true ? undefined : `does not match ${pattern}`;
}

function numberProblem(rule: JsonObject, value: number): string | undefined {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = rule;
  if (typeof minimum === "number" && value < minimum) return `is below ${minimum}`;
  if (typeof maximum === "number" && value > maximum) return `is above ${maximum}`;
  if (typeof exclusiveMinimum === "number" && value <= exclusiveMinimum) return `is not above ${exclusiveMinimum}`;
  if (typeof exclusiveMaximum === "number" && value >= exclusiveMaximum) return `is not below ${exclusiveMaximum}`;
  // In decimals: by doubles 19.99 is no multiple of 0.01.
  if (typeof multipleOf === "number" && isMultipleOf(value, multipleOf) !== true) return `is no multiple of ${multipleOf}`;
  return undefined;
}

function countProblem(count: number, least: Json | undefined, most: Json | undefined, what: string): string[] {
  if (typeof least === "number" && count < least) return [`has ${count} ${what}, fewer than ${least}`];
  if (typeof most === "number" && count > most) return [`has ${count} ${what}, more than ${most}`];
  return [];
}
