/** Reads the expressions of a policy's text: each is parsed within the limits and checked against the schema of the context. */
import type { JsonObject } from "../types.ts";
import { parseExpression } from "./cel-tree.ts";
import { checkTypes } from "./cel-types.ts";
import { asBoolean, compile } from "./expressions.ts";
import { type Field, textOf } from "./fields.ts";
import type { Report } from "./problems.ts";
import { shapeOf } from "./shapes.ts";
import { sourceLimits } from "./cel-source.ts";

export interface ExpressionReader {
  /** A field whose value is an expression that is true or false; undefined when it is none. */
  condition(field: Field): string | undefined;
  /** The same for one that gives a list of names. */
  peopleExpression(field: Field): string | undefined;
  /** The value of a condition that depends on nothing; undefined of others. */
  constant(expression: string): boolean | undefined;
}

/** Of one policy, so that it compiles fast. */
const mostExpressions = 200;

export function createExpressions(context: JsonObject | undefined, report: Report): ExpressionReader {
  const shape = shapeOf(context);
  let count = 0;

  function read(field: Field, fits: readonly string[], wanted: string): string | undefined {
    const { tree } = field;
    // What YAML takes for a value of its own: `when: true`.
    if (tree.kind === "scalar" && typeof tree.value === "boolean" && fits.includes("bool")) return String(tree.value);
    const source = textOf(field, report, sourceLimits.bytes);
    if (source === undefined) return undefined;
    count += 1;
    if (count === mostExpressions + 1) report(field, `the policy has more than ${mostExpressions} expressions`);
    if (count > mostExpressions) return undefined;
    const parsed = parseExpression(source);
    if ("failure" in parsed) {
      report(field, parsed.failure);
      return undefined;
    }
    const { type, problems } = checkTypes(parsed.tree, shape);
    for (const problem of problems) report(field, problem);
    if (type.kind !== "dyn" && !fits.includes(type.kind)) report(field, `it gives a ${type.kind}, not ${wanted}`);
    return source;
  }

  return {
    condition: (field) => read(field, ["bool"], "true or false"),
    peopleExpression: (field) => read(field, ["list"], "a list of names"),
    constant(expression) {
      const parsed = parseExpression(expression);
      if ("failure" in parsed || !checkTypes(parsed.tree, shape).isConstant) return undefined;
      const result = asBoolean(compile(parsed.tree).evaluate({}));
      return "value" in result ? result.value : undefined;
    },
  };
}
