/** The tree of a parsed CEL expression: its bounds, and walks over it. */
import { parse } from "@bufbuild/cel";
import { sourceProblem } from "./cel-source.ts";

export type Expr = ReturnType<typeof parse>["expr"];
export type ExprOf<Case extends NonNullable<Expr["exprKind"]["case"]>> = Extract<Expr["exprKind"], { readonly case: Case }>["value"];

export const treeLimits = {
  /** After macros are written out. */
  nodes: 500,
  /** Comprehensions (`all`, `exists`, `map` …) in the body of another one. */
  comprehensions: 2,
  /** Of a regular expression, characters with its repeats written out. */
  pattern: 2_000,
} as const;

export type ParsedExpression = { readonly tree: Expr } | { readonly failure: string };

/** Parses within the limits of `cel-source.ts` and above. Never throws. */
export function parseExpression(source: string): ParsedExpression {
  const problem = sourceProblem(source);
  if (problem !== undefined) return { failure: problem };
  if (source.trim() === "") return { failure: "the expression is empty" };
  try {
    // A comment at the very end has to end.
    const { expr: tree } = parse(`${source}\n`);
    const wrong = treeProblem(tree);
    return wrong === undefined ? { tree } : { failure: wrong };
  } catch (error) {
    return { failure: error instanceof RangeError ? "the expression is nested too deep" : syntaxProblem(error) };
  }
}

/** `<input>:1:5: found x but expecting …`, in the words of the rest. */
function syntaxProblem(error: unknown): string {
  const text = error instanceof Error ? error.message : "";
  const [, line = "1", column = "1", detail = text] = /^<input>:(\d+):(\d+): (.*)$/s.exec(text) ?? [];
  const [found = detail] = detail.split(" but expecting ");
  return `not an expression of CEL: ${found === detail ? detail : `${found} where it is not expected`}, at ${line}:${column} of the expression`;
}

/** The nodes directly below; in those of a comprehension's `body` its variables are known. */
export function childrenOf({ exprKind }: Expr): { readonly outside: readonly Expr[]; readonly body: readonly Expr[] } {
  const present = (...nodes: readonly (Expr | undefined)[]) => nodes.filter((node) => node !== undefined);
  switch (exprKind.case) {
    case "selectExpr":
      return { outside: present(exprKind.value.operand), body: [] };
    case "callExpr":
      return { outside: present(exprKind.value.target, ...exprKind.value.args), body: [] };
    case "listExpr":
      return { outside: exprKind.value.elements, body: [] };
    case "structExpr":
      return {
        outside: exprKind.value.entries.flatMap(({ keyKind, value }) => present(keyKind.case === "mapKey" ? keyKind.value : undefined, value)),
        body: [],
      };
    case "comprehensionExpr": {
      const { iterRange, accuInit, loopCondition, loopStep, result } = exprKind.value;
      return { outside: present(iterRange, accuInit), body: present(loopCondition, loopStep, result) };
    }
    default:
      return { outside: [], body: [] };
  }
}

/** Every node of the tree with the number of comprehensions in whose bodies it is. Without recursion. */
export function* nodesOf(tree: Expr): Generator<{ readonly node: Expr; readonly within: number }> {
  const queue = [{ node: tree, within: 0 }];
  for (const item of queue) {
    yield item;
    const { outside, body } = childrenOf(item.node);
    const inner = item.within + 1;
    queue.push(...outside.map((node) => ({ node, within: item.within })), ...body.map((node) => ({ node, within: inner })));
  }
}

function treeProblem(tree: Expr): string | undefined {
  let count = 0;
  for (const { node, within } of nodesOf(tree)) {
    count += 1;
    if (count > treeLimits.nodes) return `the expression has more than ${treeLimits.nodes} parts`;
    const isComprehension = node.exprKind.case === "comprehensionExpr";
    if (isComprehension && within >= treeLimits.comprehensions)
      return `more than ${treeLimits.comprehensions} of all, exists, exists_one, map and filter are in each other`;
    const problem = node.exprKind.case === "callExpr" ? patternProblem(node.exprKind.value) : undefined;
    if (problem !== undefined) return problem;
    if (node.exprKind.case === "structExpr" && node.exprKind.value.messageName !== "")
      return `there are no messages here: ${node.exprKind.value.messageName}{…}`;
  }
  return undefined;
}

function patternProblem(call: ExprOf<"callExpr">): string | undefined {
  if (call.function !== "matches") return undefined;
  const pattern = stringOf(call.args.at(-1));
  if (pattern === undefined) return "the pattern of matches is a text in quotes, since it is looked at before any request";
  return patternSize(pattern) > treeLimits.pattern
    ? `the pattern of matches has more than ${treeLimits.pattern} characters, its repeats written out`
    : undefined;
}

/** At least the characters of the pattern with its repeats written out, as if each were in all others. */
export function patternSize(pattern: string): number {
  const repeats = [...pattern.matchAll(/\{(\d{1,9})(?:,(\d{0,9}))?\}/g)].map(([, least = "1", most]) => Math.max(Number(least), Number(most ?? 0), 1));
  return repeats.reduce((size, repeat) => size * repeat, pattern.length);
}

/** The value of a literal text. */
export function stringOf(node: Expr | undefined): string | undefined {
  if (node?.exprKind.case !== "constExpr") return undefined;
  const { constantKind } = node.exprKind.value;
  return constantKind.case === "stringValue" ? constantKind.value : undefined;
}
