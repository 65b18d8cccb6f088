/** CEL behind a guard: whatever the expression and the context, an evaluation ends soon, with a value or with the reason why there is none. */
import { celError, type CelInput, isCelError, isCelList, plan } from "@bufbuild/cel";
import { printable } from "../../kernel/log.ts";
import type { Json } from "../../kernel/json.ts";
import type { Evaluated, Scope } from "../types.ts";
import { bindComprehensions, environment, withBudget } from "./cel-budget.ts";
import type { Expr } from "./cel-tree.ts";
import { isList } from "./context-schema.ts";
import { userOf } from "../who.ts";
import type { Shape } from "./shapes.ts";

/** What an expression sees, by name. */
export type Bindings = Readonly<Record<string, CelInput>>;

export interface Expression {
  evaluate(bindings: Bindings): Evaluated<unknown>;
}

/** An expression that was parsed, ready to be evaluated. The tree is used up. */
export function compile(tree: Expr): Expression {
  let run: ((bindings: Bindings) => unknown) | undefined;
  let failure = "";
  try {
    bindComprehensions(tree);
    run = plan(environment, tree) as (bindings: Bindings) => unknown;
  } catch (error) {
    failure = failureOf(error);
  }
  return {
    evaluate(bindings) {
      if (!run) return { failure };
      try {
        const value = withBudget(() => run(bindings));
        return isCelError(value) ? { failure: failureOf(value) } : { value };
      } catch (error) {
        return { failure: failureOf(error) };
      }
    },
  };
}

function failureOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error), 200);
}

/** The value as true or false. */
export function asBoolean(result: Evaluated<unknown>): Evaluated<boolean> {
  if ("failure" in result) return result;
  return typeof result.value === "boolean" ? { value: result.value } : { failure: "its value is not true or false" };
}

const mostPeople = 1_000;
/** Of a name; as of those that a policy lists. */
const longestName = 256;

/** The value as a list of users as they are compared, `group:NAME` and `role:NAME`; each once. */
export function asPeople(result: Evaluated<unknown>): Evaluated<readonly string[]> {
  if ("failure" in result) return result;
  if (!isCelList(result.value)) return { failure: "its value is not a list of names" };
  const people = new Set<string>();
  for (const item of result.value) {
    if (typeof item !== "string" || /^(?:(?:group|role):)?$/.test(item)) return { failure: "its value has an item that is no name" };
    const name = /^(?:group|role):/.test(item) ? item : userOf(item);
    if (name === undefined) return { failure: `${printable(item, 64)} is no alias: one has ASCII characters and no spaces` };
    if (name.replace(/^(?:group|role):/, "").length > longestName) return { failure: `its value has a name of more than ${longestName} characters` };
    people.add(name);
    if (people.size > mostPeople) return { failure: `it names more than ${mostPeople}` };
  }
  return { value: [...people] };
}

/** The names that an expression sees beside the members of the context. */
export const reservedNames = ["context", "subject", "requester"] as const;

/** CEL looks `a.b` up as one name first: a member of the context that is called `requester.key` must not be found by it. */
const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Where a member of the context is left out, CEL would take these for the type. */
const typeNames = ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"];

/** What expressions see of a scope; integers by the context's schema as CEL's int, all other numbers as its double. */
export function bindingsOf({ context, subject, requester }: Scope, shape: Shape): Bindings {
  const members = toCel(context, shape) as ReadonlyMap<string, CelInput>;
  const bindings: Record<string, CelInput> = Object.create(null) as Record<string, CelInput>;
  for (const name of typeNames) if (shape.names.includes(name)) bindings[name] = celError(`${name} is not in the context`) as unknown as CelInput;
  for (const [name, value] of members) if (identifier.test(name)) bindings[name] = value;
  bindings["context"] = members;
  bindings["subject"] = new Map<string, CelInput>([
    ["type", subject.type],
    ["id", subject.id],
    ["digest", subject.digest],
  ]);
  bindings["requester"] = new Map<string, CelInput>([
    ["key", requester.key],
    ["name", requester.name],
  ]);
  return bindings;
}

function toCel(value: Json, shape: Shape): CelInput {
  if (typeof value === "number") return shape.isInteger && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (value === null || typeof value !== "object") return value;
  if (isList(value)) {
    const item = shape.item();
    return value.map((each) => toCel(each, item));
  }
  return new Map(Object.entries(value).map(([name, each]) => [name, toCel(each, shape.member(name))]));
}
