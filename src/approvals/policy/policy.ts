/** A policy document made applicable: its expressions are compiled once. */
import { digestOf } from "./digest.ts";
import type { Evaluated, Policy, PolicyDocument, Scope, Who } from "../types.ts";
import { parseExpression } from "./cel-tree.ts";
import { checkTypes } from "./cel-types.ts";
import { asBoolean, asPeople, type Bindings, bindingsOf, compile, type Expression } from "./expressions.ts";
import { shapeOf } from "./shapes.ts";

/** Never throws: an expression that cannot be compiled fails when it is evaluated. */
export function createPolicy(document: PolicyDocument, version: number): Policy {
  return { document, version, ...createEvaluator(document), digest: digestOf(document) };
}

type Evaluator = Pick<Policy, "holds" | "people">;

function createEvaluator(document: PolicyDocument): Evaluator {
  const shape = shapeOf(document.context);
  const expressions = new Map(expressionsOf(document).map((source) => [source, compiled(source)]));
  /** Of a scope, which is asked for many expressions. */
  const bound = new WeakMap<Scope, Bindings>();

  function evaluate(source: string, scope: Scope): Evaluated<unknown> {
    const expression = expressions.get(source);
    if (!expression) return { failure: "the policy has no such expression" };
    const bindings = bound.get(scope) ?? bindingsOf(scope, shape);
    bound.set(scope, bindings);
    return expression.evaluate(bindings);
  }

  return {
    holds: (source, scope) => asBoolean(evaluate(source, scope)),
    people: (source, scope) => asPeople(evaluate(source, scope)),
  };
}

function compiled(source: string): Expression {
  const parsed = parseExpression(source);
  return "failure" in parsed ? { evaluate: () => parsed } : compile(parsed.tree);
}

/** Every expression of the document, each once. */
export function expressionsOf({ route, stages, onUnsatisfiable }: PolicyDocument): readonly string[] {
  const ofWho = (who: Who | undefined) => (who?.expr === undefined ? [] : [who.expr]);
  const ofWhen = (when: string | undefined) => (when === undefined ? [] : [when]);
  const found = [
    ...route.map(({ when }) => when),
    ...stages.flatMap((stage) => [
      ...ofWhen(stage.when),
      ...stage.requirements.flatMap(({ when, who }) => [...ofWhen(when), ...ofWho(who)]),
      ...stage.after.flatMap((action) => (action.do === "escalate" ? ofWho(action.to) : [])),
    ]),
    ...(typeof onUnsatisfiable === "string" ? [] : ofWho(onUnsatisfiable.escalate)),
  ];
  return [...new Set(found)];
}

/** The members of the context that the policy's expressions read; undefined when these may be any. */
export function membersRead(document: PolicyDocument): ReadonlySet<string> | undefined {
  const shape = shapeOf(document.context);
  const read = new Set<string>();
  for (const source of expressionsOf(document)) {
    const parsed = parseExpression(source);
    const { reads } = "failure" in parsed ? { reads: undefined } : checkTypes(parsed.tree, shape);
    if (!reads) return undefined;
    for (const name of reads) read.add(name);
  }
  return read;
}
