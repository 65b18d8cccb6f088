/** What can be known of an expression before any request: names that are not there, and types that can never fit. Says nothing it is not sure of. */
import { nearest } from "../../kernel/nearest.ts";
import { functionNames } from "./cel-budget.ts";
import { type Expr, type ExprOf, stringOf } from "./cel-tree.ts";
import { operatorType, type Type, typeOfKind } from "./cel-operators.ts";
import { reservedNames } from "./expressions.ts";
import type { Shape } from "./shapes.ts";

const anyType = typeOfKind("dyn");

export interface Checked {
  readonly type: Type;
  readonly problems: readonly string[];
  /** The members of the context that it reads; undefined when these may be any, by way of `context`. */
  readonly reads: ReadonlySet<string> | undefined;
  /** Whether its value depends on nothing. */
  readonly isConstant: boolean;
}

type Scope = ReadonlyMap<string, Type>;

const literals = {
  boolValue: "bool",
  int64Value: "int",
  uint64Value: "uint",
  doubleValue: "double",
  stringValue: "string",
  bytesValue: "bytes",
  nullValue: "null",
} as const;
const records: Readonly<Record<string, readonly string[]>> = { subject: ["type", "id", "digest"], requester: ["key", "name"] };
const functions = functionNames();
const typeNames = ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type"];

/** Checks a tree, which has passed `parseExpression`, against the shape of the context. */
export function checkTypes(tree: Expr, context: Shape): Checked {
  const problems = new Set<string>();
  const reads = new Set<string>();
  let readsAny = false;
  let isConstant = true;
  const report = (problem: string): void => void problems.add(problem);

  function typeOf(node: Expr, scope: Scope): Type {
    const { exprKind } = node;
    switch (exprKind.case) {
      case "constExpr":
        return exprKind.value.constantKind.case ? typeOfKind(literals[exprKind.value.constantKind.case as keyof typeof literals] ?? "dyn") : anyType;
      case "identExpr":
        return named(exprKind.value.name, scope);
      case "selectExpr":
        return selected(exprKind.value, scope);
      case "callExpr":
        return called(exprKind.value, scope);
      case "listExpr":
        for (const element of exprKind.value.elements) typeOf(element, scope);
        return typeOfKind("list");
      case "structExpr":
        for (const { keyKind, value } of exprKind.value.entries) {
          if (keyKind.case === "mapKey") typeOf(keyKind.value, scope);
          if (value) typeOf(value, scope);
        }
        return typeOfKind("map");
      case "comprehensionExpr":
        return folded(exprKind.value, scope);
      default:
        return anyType;
    }
  }

  function named(given: string, scope: Scope): Type {
    const name = given.startsWith(".") ? given.slice(1) : given;
    const local = scope.get(name);
    if (local) return local;
    isConstant = false;
    if (name === "context") {
      readsAny = true;
      return { kind: "map", shape: context };
    }
    if (name in records) return typeOfKind("map");
    if (typeNames.includes(name) && !context.names.includes(name)) return anyType;
    return memberOf(context, name, "", reservedNames);
  }

  function selected({ operand, field, testOnly }: ExprOf<"selectExpr">, scope: Scope): Type {
    if (!operand) return anyType;
    const name = operand.exprKind.case === "identExpr" ? operand.exprKind.value.name : undefined;
    const isTop = name !== undefined && !scope.has(name);
    if (isTop) isConstant = false;
    if (isTop && name === "context") {
      reads.add(field);
      const type = memberOf(context, field, "context.");
      return testOnly ? typeOfKind("bool") : type;
    }
    const fields = isTop ? records[name] : undefined;
    if (fields) {
      if (!fields.includes(field)) report(`${name} has no ${field}: it has ${fields.join(", ")}`);
      return typeOfKind(testOnly ? "bool" : "string");
    }
    const { kind, shape } = typeOf(operand, scope);
    if (kind !== "map" && kind !== "dyn") report(`.${field} is of ${kind} values, which have no members`);
    const type = memberOf(shape, field, ".");
    return testOnly ? typeOfKind("bool") : type;
  }

  function memberOf(shape: Shape, name: string, prefix: string, others: readonly string[] = []): Type {
    if (prefix === "" && shape === context) reads.add(name);
    if (!shape.isOpen && !shape.names.includes(name)) {
      const meant = nearest(name.slice(0, 64), [...shape.names, ...others]);
      report(`${prefix}${name} is not in the context's schema${meant === undefined ? "" : `; did you mean ${meant}?`}`);
      return anyType;
    }
    const member = shape.member(name);
    return { kind: member.kind, shape: member };
  }

  function called(call: ExprOf<"callExpr">, scope: Scope): Type {
    if (call.function === "_[_]") return indexed(call, scope);
    if (call.function === "has") report(`has takes a member of something: write has(context.${nameIn(call.args[0]) ?? "NAME"})`);
    else if (!functions.includes(call.function) && !/^(?:_\?_:_|_&&_|_\|\|_|@not_strictly_false|_!=_|@in)$/.test(call.function)) {
      const meant = nearest(
        call.function.slice(0, 64),
        functions.filter((name) => /^[a-z]/i.test(name)),
      );
      report(`there is no function ${call.function}${meant === undefined ? "" : `; did you mean ${meant}?`}`);
    }
    const nodes = call.target ? [call.target, ...call.args] : call.args;
    return operatorType(
      call.function,
      nodes,
      nodes.map((node) => typeOf(node, scope)),
      report,
    );
  }

  function indexed(call: ExprOf<"callExpr">, scope: Scope): Type {
    const [from, key] = call.args;
    if (!from || !key) return anyType;
    const name = stringOf(key);
    if (name !== undefined && from.exprKind.case === "identExpr" && from.exprKind.value.name === "context" && !scope.has("context")) {
      isConstant = false;
      reads.add(name);
      return memberOf(context, name, "context.");
    }
    const [{ kind, shape }, { kind: keyKind }] = [typeOf(from, scope), typeOf(key, scope)];
    if (kind === "list") {
      if (keyKind === "string" || keyKind === "bool") report(`the place in a list is a number, not a ${keyKind}`);
      return { kind: shape.item().kind, shape: shape.item() };
    }
    if (kind !== "map" && kind !== "dyn") report(`[…] is of ${kind} values, which are neither lists nor maps`);
    return name === undefined ? anyType : memberOf(shape, name, ".");
  }

  function folded({ iterRange, iterVar, accuVar, accuInit, loopCondition, loopStep, result }: ExprOf<"comprehensionExpr">, scope: Scope): Type {
    const { kind, shape } = iterRange ? typeOf(iterRange, scope) : anyType;
    if (!["list", "map", "dyn"].includes(kind)) report(`all, exists, map and filter go through lists and maps, not through a ${kind}`);
    const item: Type = kind === "list" ? { kind: shape.item().kind, shape: shape.item() } : kind === "map" ? typeOfKind("string") : anyType;
    const total = accuInit ? typeOf(accuInit, scope) : anyType;
    const inner = new Map([...scope, [iterVar, item], [accuVar, typeOfKind(total.kind)]] as const);
    for (const node of [loopCondition, loopStep]) if (node) typeOf(node, inner);
    return result ? typeOf(result, new Map([...scope, [accuVar, typeOfKind(total.kind)]])) : anyType;
  }

  const nameIn = (node: Expr | undefined) => (node?.exprKind.case === "identExpr" ? node.exprKind.value.name : undefined);
  const type = typeOf(tree, new Map());
  return { type, problems: [...problems], reads: readsAny ? undefined : reads, isConstant };
}
