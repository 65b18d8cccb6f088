/** The types of operators and functions of CEL, as far as they can be known to fit or not. */
import { type Expr, stringOf } from "./cel-tree.ts";
import { anyShape, type Shape } from "./shapes.ts";

export interface Type {
  readonly kind: Shape["kind"] | "uint" | "bytes" | "null" | "timestamp" | "duration";
  /** Of what comes from the context: its members, items and values. */
  readonly shape: Shape;
}

export const typeOfKind = (kind: Type["kind"]): Type => ({ kind, shape: anyShape });

type Kind = Type["kind"];
type Report = (problem: string) => void;

const numbers: readonly Kind[] = ["int", "uint", "double"];
const isNumber = (kind: Kind): boolean => numbers.includes(kind);
const signs: Readonly<Record<string, string>> = { "_&&_": "&&", "_||_": "||", "!_": "!", "_?_:_": "?", "@in": "in" };

/** What a function takes as its value (its first argument, when it is no method), and what it gives. */
const functions: Readonly<Record<string, { readonly of?: readonly Kind[]; readonly args?: Kind; readonly gives: Kind }>> = {
  contains: { of: ["string"], args: "string", gives: "bool" },
  startsWith: { of: ["string"], args: "string", gives: "bool" },
  endsWith: { of: ["string"], args: "string", gives: "bool" },
  matches: { of: ["string"], args: "string", gives: "bool" },
  size: { of: ["string", "bytes", "list", "map"], gives: "int" },
  timestamp: { of: ["string", "int", "timestamp"], gives: "timestamp" },
  duration: { of: ["string", "int", "duration"], gives: "duration" },
  int: { gives: "int" },
  uint: { gives: "uint" },
  double: { gives: "double" },
  string: { gives: "string" },
  bool: { gives: "bool" },
  bytes: { gives: "bytes" },
};

/** The type of the result; reports what never fits. `types` are those of `nodes`, the target of a method being the first. */
export function operatorType(name: string, nodes: readonly Expr[], types: readonly Type[], report: Report): Type {
  const kinds = types.map(({ kind }) => kind);
  const [left = "dyn", right = "dyn"] = kinds;
  switch (name) {
    case "_&&_":
    case "_||_":
    case "!_":
      for (const kind of kinds) if (kind !== "bool" && kind !== "dyn") report(`${signs[name]} is of bool values, not of ${kind}`);
      return typeOfKind("bool");
    case "_?_:_":
      if (left !== "bool" && left !== "dyn") report(`what stands before ? is a bool, not a ${left}`);
      return kinds[1] === kinds[2] ? (types[1] ?? typeOfKind("dyn")) : typeOfKind("dyn");
    case "_==_":
    case "_!=_":
      comparable(left, right, report);
      oneOfValues(nodes, types, report);
      return typeOfKind("bool");
    case "_<_":
    case "_<=_":
    case "_>_":
    case "_>=_":
      if (known(left, right) && !(isNumber(left) && isNumber(right)) && (left !== right || ["list", "map", "null"].includes(left))) {
        report(`${name.replaceAll("_", "")} does not compare ${left} with ${right}`);
      }
      return typeOfKind("bool");
    case "@in":
      if (!["list", "map", "dyn"].includes(right)) report(`what stands after in is a list or a map, not a ${right}`);
      oneOfList(nodes, types, report);
      return typeOfKind("bool");
    case "_+_":
    case "_-_":
    case "_*_":
    case "_/_":
    case "_%_":
      return typeOfKind(arithmetic(name.replaceAll("_", ""), left, right, report));
    default:
      return typeOfKind(functionType(name, kinds, report));
  }
}

function known(left: Kind, right: Kind): boolean {
  return left !== "dyn" && right !== "dyn";
}

function comparable(left: Kind, right: Kind, report: Report): void {
  if (!known(left, right) || left === right || (isNumber(left) && isNumber(right)) || left === "null" || right === "null") return;
  report(`${left} and ${right} are never equal`);
}

function oneOfValues(nodes: readonly Expr[], types: readonly Type[], report: Report): void {
  for (const [index, node] of nodes.entries()) {
    const text = stringOf(node);
    if (text !== undefined) hasValue(types[1 - index]?.shape.values, text, report);
  }
}

function oneOfList([, list]: readonly Expr[], [item]: readonly Type[], report: Report): void {
  if (list?.exprKind.case !== "listExpr") return;
  for (const element of list.exprKind.value.elements) {
    const text = stringOf(element);
    if (text !== undefined) hasValue(item?.shape.values, text, report);
  }
}

function hasValue(values: Shape["values"], text: string, report: Report): void {
  if (values && !values.includes(text))
    report(`it is never "${text}" by the context's schema, which has ${values.map((value) => JSON.stringify(value)).join(", ")}`);
}

function arithmetic(sign: string, left: Kind, right: Kind, report: Report): Kind {
  const times: readonly Kind[] = ["timestamp", "duration"];
  if (times.includes(left) || times.includes(right)) return "dyn";
  const fits = sign === "%" ? ["int", "uint"] : sign === "+" ? [...numbers, "string", "bytes", "list"] : numbers;
  for (const kind of [left, right]) {
    if (kind === "dyn" || fits.includes(kind)) continue;
    report(`${sign} is not of ${kind} values`);
    return "dyn";
  }
  if (known(left, right) && left !== right)
    report(`${sign} takes two values of one type, not ${left} and ${right}${isNumber(left) && isNumber(right) ? `: write ${left}(…) or ${right}(…)` : ""}`);
  return left === right ? left : "dyn";
}

function functionType(name: string, [target, ...args]: readonly Kind[], report: Report): Kind {
  if (!Object.hasOwn(functions, name)) return "dyn";
  const row = functions[name];
  if (target !== undefined && target !== "dyn" && row?.of && !row.of.includes(target)) report(`${name} is of ${row.of.join(", ")} values, not of ${target}`);
  for (const arg of args) if (row?.args !== undefined && arg !== "dyn" && arg !== row.args) report(`${name} takes a ${row.args}, not a ${arg}`);
  return row?.gives ?? "dyn";
}
