/** Reads the expressions of a policy's text: each is parsed within the limits and checked against the schema of the context. */
import type { JsonObject } from "../../kernel/json.ts";
import { sourceLimits } from "./cel-source.ts";
import { failuresOf, valueOf } from "./cel-constants.ts";
import { parseExpression, type ParsedExpression } from "./cel-tree.ts";
import { checkTypes } from "./cel-types.ts";
import { asBoolean, asPeople } from "./expressions.ts";
import { type Field, reported, textOf } from "../../documents/fields.ts";
import type { Report } from "../../documents/problems.ts";
import { shapeOf } from "./shapes.ts";

export interface ExpressionReader {
  /** A field whose value is an expression that is true or false; undefined when it is none. */
  condition(field: Field): string | undefined;
  /** The same for one that gives a list of names. */
  peopleExpression(field: Field): string | undefined;
  /** The value of a condition that depends on nothing; undefined of others. */
  constant(expression: string): boolean | undefined;
}

/** Of one policy, all different expressions together: parsing takes long for their length. */
const mostText = 16_384;

export function createExpressions(context: JsonObject | undefined, report: Report): ExpressionReader {
  const shape = shapeOf(context);
  const parsed = new Map<string, ParsedExpression>();
  const constants = new Map<string, boolean | undefined>();
  let length = 0;

  function parsedOnce(source: string): ParsedExpression | undefined {
    const known = parsed.get(source);
    if (known) return known;
    length += source.length;
    if (length > mostText) return undefined;
    const result = parseExpression(source);
    parsed.set(source, result);
    return result;
  }

  function read(field: Field, fits: readonly string[], wanted: string): string | undefined {
    const { tree } = field;
    // What YAML takes for a value of its own: `when: true`.
    if (tree.kind === "scalar" && typeof tree.value === "boolean" && fits.includes("bool")) return String(tree.value);
    const source = textOf(field, report, sourceLimits.bytes);
    if (source === undefined) return undefined;
    const result = parsedOnce(source);
    if (!result) return reported(report, field, `the policy's expressions have together more than ${mostText} characters`);
    if ("failure" in result) return reported(report, field, result.failure);
    const { type, problems } = checkTypes(result.tree, shape);
    for (const problem of problems) report(field, problem);
    if (type.kind !== "dyn" && !fits.includes(type.kind)) report(field, `it gives a ${type.kind}, not ${wanted}`);
    else if (problems.length === 0) for (const failure of failuresOf(result.tree)) report(field, `a part of it fails for every request: ${failure}`);
    return source;
  }

  function readPeople(field: Field): string | undefined {
    const source = read(field, ["list"], "a list of names");
    const result = source === undefined ? undefined : parsedOnce(source);
    if (!result || "failure" in result) return source;
    const { isConstant, type } = checkTypes(result.tree, shape);
    if (!isConstant || type.kind !== "list") return source;
    const people = asPeople(valueOf(result.tree));
    if ("failure" in people) report(field, people.failure);
    else if (people.value.length === 0) report(field, "it names nobody");
    return source;
  }

  function constantOf(source: string): boolean | undefined {
    const result = parsedOnce(source);
    if (!result || "failure" in result || !checkTypes(result.tree, shape).isConstant) return undefined;
    const value = asBoolean(valueOf(result.tree));
    return "value" in value ? value.value : undefined;
  }

  return {
    condition: (field) => read(field, ["bool"], "true or false"),
    peopleExpression: readPeople,
    constant(expression) {
      if (!constants.has(expression)) constants.set(expression, constantOf(expression));
      return constants.get(expression);
    },
  };
}
