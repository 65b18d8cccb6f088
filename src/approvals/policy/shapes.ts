/** What a JSON Schema says of the types of values, as far as expressions need it. Never throws, and makes no claim it is not sure of. */
import type { Json, JsonObject } from "../../kernel/json.ts";
import { isList, isObject, referred } from "./context-schema.ts";

export type Kind = "bool" | "int" | "double" | "string" | "list" | "map" | "dyn";

export interface Shape {
  /** `dyn` where the schema leaves it open, or allows null beside. */
  readonly kind: Kind;
  /** Whether numbers are integers here: those of an integer type become CEL's int, all others its double. */
  readonly isInteger: boolean;
  /** The names of members that the schema has. */
  readonly names: readonly string[];
  /** Whether it may have others: only where the schema has none, or says so. */
  readonly isOpen: boolean;
  /** The only values there can be. */
  readonly values: readonly Json[] | undefined;
  member(name: string): Shape;
  item(): Shape;
}

/** Nothing is known. */
export const anyShape: Shape = { kind: "dyn", isInteger: false, names: [], isOpen: true, values: undefined, member: () => anyShape, item: () => anyShape };

/** So many parts of a schema are looked at for one value. */
const mostParts = 200;
/** So many references and alternatives are followed. */
const deepest = 8;

export function shapeOf(schema: JsonObject | undefined): Shape {
  return schema ? shapeOfParts([schema], schema) : anyShape;
}

function shapeOfParts(given: readonly Json[], root: JsonObject): Shape {
  const parts = flat(given, root);
  if (parts.length === 0) return anyShape;
  const types = given.map((part) => typesOf(part, root));
  const known = new Set(types.flatMap((each) => each ?? []));
  const members = parts.flatMap(({ properties }) => (isObject(properties) ? [properties] : []));
  const others = parts.flatMap(({ additionalProperties }) =>
    additionalProperties === undefined || additionalProperties === false ? [] : [additionalProperties],
  );
  const shapes = new Map<string, Shape>();
  return {
    kind: types.includes(undefined) ? "dyn" : kindOf(known),
    isInteger: known.has("integer") && !known.has("number"),
    names: [...new Set(members.flatMap((each) => Object.keys(each)))],
    isOpen: members.length === 0 || others.length > 0,
    values: given.length === 1 ? valuesOf(given[0], root) : undefined,
    member(name) {
      const shape = shapes.get(name) ?? shapeOfParts(membersNamed(members, name) ?? others, root);
      shapes.set(name, shape);
      return shape;
    },
    item: () =>
      shapeOfParts(
        parts.flatMap(({ items, prefixItems }) => [...(items === undefined ? [] : [items]), ...(isList(prefixItems) ? prefixItems : [])]),
        root,
      ),
  };
}

function membersNamed(members: readonly JsonObject[], name: string): readonly Json[] | undefined {
  const found = members.flatMap((each) => (Object.hasOwn(each, name) ? [each[name] ?? null] : []));
  return found.length > 0 ? found : undefined;
}

/** The schemas that may say something of one value: these, and those they lead to. */
function flat(given: readonly Json[], root: JsonObject): readonly JsonObject[] {
  const found = new Set<JsonObject>();
  const queue = [...given];
  for (const part of queue) {
    if (!isObject(part) || found.has(part) || found.size >= mostParts) continue;
    found.add(part);
    for (const list of [part["allOf"], part["anyOf"], part["oneOf"]]) if (isList(list)) queue.push(...list);
    for (const one of [part["then"], part["else"], target(part, root)]) if (one !== undefined) queue.push(one);
  }
  return [...found];
}

/** The types that a value has by one schema; undefined when it may have any. */
function typesOf(part: Json | undefined, root: JsonObject, depth = 0): readonly string[] | undefined {
  if (!isObject(part) || depth > deepest) return undefined;
  const { type } = part;
  if (typeof type === "string") return [type];
  if (isList(type)) return type.filter((each) => typeof each === "string");
  const values = valuesOf(part, root);
  if (values) return values.map(typeOfValue);
  const inner = (each: Json | undefined) => typesOf(each, root, depth + 1);
  const together = [part["$ref"] === undefined ? undefined : target(part, root), ...(isList(part["allOf"]) ? part["allOf"] : [])];
  const sure = together.map(inner).find((types) => types !== undefined);
  if (sure) return sure;
  for (const list of [part["anyOf"], part["oneOf"]]) {
    const each = isList(list) ? list.map(inner) : [undefined];
    if (!each.includes(undefined)) return each.flatMap((types) => types ?? []);
  }
  return undefined;
}

/** The only values that there can be by one schema. */
function valuesOf(part: Json | undefined, root: JsonObject, depth = 0): readonly Json[] | undefined {
  if (!isObject(part) || depth > deepest) return undefined;
  if (part["const"] !== undefined) return [part["const"]];
  if (isList(part["enum"])) return part["enum"];
  return part["$ref"] === undefined ? undefined : valuesOf(target(part, root), root, depth + 1);
}

function target({ $ref }: JsonObject, root: JsonObject): Json | undefined {
  return typeof $ref === "string" ? referred($ref, root) : undefined;
}

function typeOfValue(value: Json): string {
  if (value === null) return "null";
  if (isList(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

const kinds: Readonly<Record<string, Kind>> = { boolean: "bool", integer: "int", number: "double", string: "string", array: "list", object: "map" };

function kindOf(types: ReadonlySet<string>): Kind {
  if (types.size === 2 && types.has("integer") && types.has("number")) return "double";
  const [type = ""] = types;
  return types.size === 1 ? (kinds[type] ?? "dyn") : "dyn";
}
