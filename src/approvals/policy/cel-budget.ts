/**
 * The environment in which expressions are evaluated, in which each evaluation has so many steps: CEL always ends, but may take long
 * before. Steps are counted, not time, so that every replica decides alike.
 */
import { type CelEnv, celEnv, isCelList, isCelMap } from "@bufbuild/cel";
import type { Expr } from "./cel-tree.ts";
import { childrenOf, nodesOf, patternSize } from "./cel-tree.ts";

export const evaluationLimits = {
  /** About one a part of the expression that is evaluated; more for what is done with long texts and lists. */
  steps: 200_000,
  /** Of a list or map that `all`, `exists`, `map` … go through. */
  items: 100,
  /** Of a text or list that an expression makes. */
  text: 65_536,
  list: 1_000,
} as const;

/** Not an error of CEL, which `||` and `exists` may pass over. */
class Spent extends Error {}

/** Of the evaluation that runs: evaluation is synchronous, and none is in another. */
let left = 0;

function spend(steps: number): void {
  left -= steps;
  if (left < 0) throw new Spent("the expression takes too many steps");
}

/** Runs one evaluation with its own budget. Throws when that is exceeded. */
export function withBudget<T>(evaluate: () => T): T {
  left = evaluationLimits.steps;
  return evaluate();
}

const bounded = "@bounded";

/** Makes every comprehension of the tree, which has passed `parseExpression`, count what it goes through. Changes the tree. */
export function bindComprehensions(tree: Expr): void {
  const found = Array.from(nodesOf(tree));
  for (const { node } of found) {
    if (node.exprKind.case !== "comprehensionExpr") continue;
    const { iterRange } = node.exprKind.value;
    if (!iterRange) continue;
    const parts = childrenOf(node).body.reduce((sum, part) => sum + [...nodesOf(part)].length, 0);
    const size: Expr = {
      ...iterRange,
      exprKind: { case: "constExpr", value: { $typeName: "cel.expr.Constant", constantKind: { case: "int64Value", value: BigInt(parts) } } },
    };
    node.exprKind.value.iterRange = {
      ...iterRange,
      exprKind: { case: "callExpr", value: { $typeName: "cel.expr.Expr.Call", function: bounded, args: [{ ...iterRange }, size] } },
    };
  }
}

type Group = NonNullable<ReturnType<CelEnv["funcs"]["find"]>>;
type Call = Group["call"];

const plain = celEnv();
const metered = new Map<string, Group>();

/** Whether CEL has a function or method of this name. */
export function functionNames(): readonly string[] {
  return [...new Set([...plain.funcs].map(({ name }) => name))];
}

/** The environment; its functions spend steps. */
export const environment: CelEnv = Object.create(plain, {
  funcs: { value: Object.create(plain.funcs, { find: { value: find } }) },
}) as CelEnv;

function find(name: string): Group | undefined {
  const known = metered.get(name);
  if (known) return known;
  const group = name === bounded ? plain.funcs.find("dyn") : plain.funcs.find(name);
  if (!group) return undefined;
  const call: Call =
    name === bounded
      ? goThrough
      : (id, target, args) => {
          spend(costOf(name, target, args));
          return withinBounds(group.call(id, target, args));
        };
  const made = Object.create(group, { call: { value: call } }) as Group;
  metered.set(name, made);
  return made;
}

function goThrough(...[, , [range, parts]]: Parameters<Call>): ReturnType<Call> {
  if (range === undefined) return undefined;
  const size = isCelList(range) || isCelMap(range) ? range.size : 0;
  if (size > evaluationLimits.items) throw new Spent(`the expression goes through ${size} items; ${evaluationLimits.items} is the most`);
  spend(size * Number(parts));
  return range;
}

function costOf(name: string, target: unknown, args: readonly unknown[]): number {
  const values = target === undefined ? args : [target, ...args];
  if (name === "matches") {
    const [text, pattern] = values;
    const size = patternSize(String(pattern));
    return 10 + size + Math.ceil((String(text).length * size) / 2);
  }
  // Time zones are looked up in the system's tables.
  if (name.startsWith("get")) return 200;
  // A sum of lists only refers to its parts.
  if (name === "_+_" || name === "size") return 1 + values.reduce((sum: number, value) => sum + (typeof value === "string" ? value.length / 64 : 0), 0);
  return values.reduce((sum: number, value) => sum + weightOf(value), 1);
}

/** Proportional to what a comparison goes through. */
function weightOf(value: unknown): number {
  if (typeof value === "string") return value.length / 64;
  if (value instanceof Uint8Array) return value.length / 64;
  if (!isCelList(value) && !isCelMap(value)) return 0;
  let weight = 1;
  for (const item of value.values()) {
    weight += 1 + weightOf(item);
    if (weight > left) break;
  }
  return weight;
}

function withinBounds(result: ReturnType<Call>): ReturnType<Call> {
  if (typeof result === "string" && result.length > evaluationLimits.text) throw new Spent("the expression makes a text that is too long");
  if (isCelList(result) && result.size > evaluationLimits.list) throw new Spent("the expression makes a list that is too long");
  return result;
}
