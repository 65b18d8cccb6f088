/** What is the same for every request in an expression, and so can be known when the policy is put. */
import type { Evaluated } from "../types.ts";
import { childrenOf, type Expr, nodesOf, parseExpression, stringOf } from "./cel-tree.ts";
import { compile } from "./expressions.ts";

/** The value of a tree that depends on nothing. */
export function valueOf(tree: Expr): Evaluated<unknown> {
  return compile(structuredClone(tree)).evaluate({});
}

/** Why parts of the tree fail whatever the request is: such as `timestamp("2026-02-01")`, or a pattern that is none. */
export function failuresOf(tree: Expr): readonly string[] {
  const failures = new Set<string>();
  const queue = [tree];
  for (const node of queue) {
    const part = isConstant(node) ? node : probeOf(node);
    const value = part && valueOf(part);
    if (value && "failure" in value) failures.add(value.failure);
    if (part === node) continue;
    const { outside, body } = childrenOf(node);
    queue.push(...outside, ...body);
  }
  return [...failures];
}

function isConstant(tree: Expr): boolean {
  return [...nodesOf(tree)].every(({ node: { exprKind } }) => exprKind.case !== "identExpr" && exprKind.case !== undefined);
}

/** A method whose argument decides alone whether it can work, of a value for which it does. */
function probeOf({ exprKind }: Expr): Expr | undefined {
  if (exprKind.case !== "callExpr") return undefined;
  const { function: name, args } = exprKind.value;
  const argument = stringOf(args.at(-1));
  const target = name === "matches" ? '""' : name.startsWith("get") ? "timestamp(0)" : undefined;
  if (argument === undefined || target === undefined) return undefined;
  const parsed = parseExpression(`${target}.${name}(${JSON.stringify(argument)})`);
  return "tree" in parsed ? parsed.tree : undefined;
}
