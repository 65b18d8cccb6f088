/** Reading fields of a tree: what does not fit is reported, and left out or replaced by a value that lets the reading go on. */
import { nearest } from "../kernel/nearest.ts";
import type { Json, JsonObject } from "../kernel/json.ts";
import type { Place, Report } from "./problems.ts";
import type { Tree } from "./tree.ts";

/** A value, its path, and the place that is pointed at when something is wrong with it. */
export interface Field {
  readonly tree: Tree;
  readonly path: string;
  readonly place: Place;
}

/** A map, read by the names of its fields. */
export interface Fields<Name extends string> extends Field {
  at(name: Name): Field | undefined;
}

export function rootField(tree: Tree): Field {
  return { tree, path: "", place: tree.place };
}

/** The fields of a map that have these names; others are reported, with the name that was probably meant. Undefined when it is no map. */
export function fieldsOf<const Name extends string>(field: Field, names: readonly Name[], report: Report): Fields<Name> | undefined {
  const { tree, path } = field;
  if (tree.kind !== "map") {
    report(field, `it has fields: ${names.join(", ")}`);
    return undefined;
  }
  const known: readonly string[] = names;
  for (const [name, { place }] of tree.entries) {
    if (known.includes(name)) continue;
    const meant = nearest(name.slice(0, 64), known);
    report(
      { place, path: inside(path, name) },
      meant === undefined ? `it is not known here; known are ${known.join(", ")}` : `it is not known; did you mean ${meant}?`,
    );
  }
  return {
    ...field,
    at(name) {
      const entry = tree.entries.get(name);
      return entry && { tree: entry.value, path: inside(path, name), place: entry.value.place };
    },
  };
}

function inside(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

/** The value that keys and indices lead to, or the last one above it that is there. */
export function fieldAt(field: Field, keys: readonly string[]): Field {
  const [key, ...others] = keys;
  if (key === undefined) return field;
  const { tree, path } = field;
  const value = tree.kind === "map" ? tree.entries.get(key)?.value : tree.kind === "list" ? tree.items[Number(key)] : undefined;
  if (!value) return field;
  return fieldAt({ tree: value, path: tree.kind === "list" ? `${path}[${key}]` : inside(path, key), place: value.place }, others);
}

/** The items of a list; none, when it is none. */
export function itemsOf(field: Field, report: Report): readonly Field[] {
  if (field.tree.kind === "list") return field.tree.items.map((tree, index) => ({ tree, path: `${field.path}[${index}]`, place: tree.place }));
  report(field, "it is a list");
  return [];
}

/** The text of a field that may be a secret: its value is in no problem. */
export function secretTextOf(field: Field, report: Report): string | undefined {
  const value = field.tree.kind === "scalar" ? field.tree.value : undefined;
  if (typeof value === "string") return value;
  return reported(report, field, value === undefined ? "it is text" : "it is text: put it in quotes");
}

/** Text of 1 to `most` characters without control characters. */
export function textOf(field: Field, report: Report, most = 256): string | undefined {
  const value = field.tree.kind === "scalar" ? field.tree.value : undefined;
  if (typeof value !== "string") return reported(report, field, value === undefined ? "it is text" : `it is text: put ${String(value)} in quotes`);
  if (value.trim() === "") return reported(report, field, "it is empty");
  if (value.length > most) return reported(report, field, `it has more than ${most} characters`);
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(value) || !value.isWellFormed()) return reported(report, field, "it has characters that cannot be printed");
  return value;
}

/** A name that others refer to. The key of a policy has no slash: the audit joins it to the tenant with one. */
export function nameOf(field: Field, report: Report, most = 64): string | undefined {
  const text = textOf(field, report, most);
  if (text === undefined || /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text)) return text;
  return reported(report, field, "it is a name: letters a to z, digits, and ._- after the first");
}

export function oneOf<const T extends string>(field: Field, values: readonly T[], report: Report): T | undefined {
  const value = field.tree.kind === "scalar" ? field.tree.value : undefined;
  const found = values.find((each) => each === value);
  if (found !== undefined) return found;
  const meant = typeof value === "string" ? nearest(value.slice(0, 64), values) : undefined;
  return reported(report, field, `it is one of ${values.join(", ")}${meant === undefined ? "" : `; did you mean ${meant}?`}`);
}

export function booleanOf(field: Field, report: Report): boolean | undefined {
  const value = field.tree.kind === "scalar" ? field.tree.value : undefined;
  return typeof value === "boolean" ? value : reported(report, field, "it is true or false");
}

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const longestMs = 3_660 * 86_400_000;

/** A time span in milliseconds: a whole number and its unit. */
export function durationOf(field: Field, report: Report): number | undefined {
  const value = field.tree.kind === "scalar" ? field.tree.value : undefined;
  const [, number = "", unit = ""] = (typeof value === "string" && /^(\d{1,9})([smhdw])$/.exec(value)) || [];
  if (number === "") return reported(report, field, "it is a time span, such as 90m, 48h or 7d");
  const ms = Number(number) * (units[unit] ?? 0);
  if (ms <= 0) return reported(report, field, "it is longer than nothing");
  return ms <= longestMs ? ms : reported(report, field, "it is longer than ten years");
}

/** The same time span as text, in the largest unit that makes a whole number. */
export function durationText(ms: number): string {
  const [unit, size] = Object.entries(units).findLast(([name, each]) => name !== "w" && ms % each === 0) ?? ["s", 1_000];
  return `${ms / size}${unit}`;
}

/** Any value of JSON; undefined for what JSON does not have. */
export function jsonOf(field: Field, report: Report): Json | undefined {
  const { tree, path } = field;
  switch (tree.kind) {
    case "scalar":
      return isJson(tree.value) ? tree.value : reported(report, field, "it cannot be written in JSON");
    case "list":
      return tree.items.map((item, index) => jsonOf({ tree: item, path: `${path}[${index}]`, place: item.place }, report) ?? null);
    case "map":
      return objectOf(tree, path, report);
  }
}

function isJson(value: string | number | boolean | null): boolean {
  return typeof value === "number" ? Number.isFinite(value) : typeof value !== "string" || value.isWellFormed();
}

function objectOf(tree: Extract<Tree, { readonly kind: "map" }>, path: string, report: Report): JsonObject {
  return Object.fromEntries(
    [...tree.entries].map(([name, { value }]) => [name, jsonOf({ tree: value, path: inside(path, name), place: value.place }, report) ?? null]),
  );
}

/** Reports, and answers nothing. */
export function reported(report: Report, field: Pick<Field, "place" | "path">, message: string): undefined {
  report(field, message);
  return undefined;
}

/** A required field; its absence is reported at the map's place. */
export function required<Name extends string>(fields: Fields<Name>, name: Name, report: Report, why = "it is required"): Field | undefined {
  const field = fields.at(name);
  return field ?? reported(report, { place: fields.place, path: fields.path === "" ? name : `${fields.path}.${name}` }, why);
}
