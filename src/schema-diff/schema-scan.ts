/** Goes through a schema document: what stands where, under which base URI, and which names and references there are. */
import { schemaError } from "./schema-error.ts";
import { type Place, type Position, rootPlace, stepInto } from "./schema-place.ts";
import { type SchemaNames, createSchemaNames } from "./schema-names.ts";
import { longestUri, resolvedUri, splitFragment, unnamed } from "./schema-uri.ts";

/**
 * Bytes of UTF-8; levels of objects and arrays; JSON values of any sort; reference keywords. So many references compile in
 * less than half of the time and memory that a check may take; where they lead to thousands of definitions, in that time.
 */
export const schemaLimits = { bytes: 256 * 1_024, depth: 64, nodes: 10_000, refs: 4_000 } as const;

/** A string of the schema that means more than itself, and where it stands. */
export interface Mention {
  readonly text: string;
  readonly place: Place;
}

/** A reference as it is written. */
export interface WrittenReference extends Mention {
  readonly keyword: string;
  /** The object that has the keyword. */
  readonly holder: object;
  /** The base URI; a second one where dialects and validators differ on whether `$id` counts beside `$ref`. */
  readonly bases: readonly string[];
  /** It stands in a schema, under a keyword that the dialect knows; not in the value of an unknown keyword. */
  readonly isLive: boolean;
}

export interface Scan {
  readonly root: unknown;
  readonly names: SchemaNames;
  readonly rootUri: string;
  /** Grow as more is entered. */
  readonly refs: readonly WrittenReference[];
  readonly patterns: readonly Mention[];
  readonly emptyEnums: readonly Place[];
  /** A schema within it has another `$schema` than the document. */
  readonly mixesDialects: boolean;
  /** Objects that are schemas: by their place, or because they were entered. */
  readonly schemas: ReadonlySet<object>;
  /** Objects that are maps from names to schemas. */
  readonly maps: ReadonlySet<object>;
  readonly placeOf: (value: object) => Place;
  /** Goes through what a reference leads to as a schema; false when it was one already. */
  enter(value: object): boolean;
}

export const refKeywords = ["$ref", "$dynamicRef", "$recursiveRef"] as const;

interface Visit {
  readonly value: object;
  readonly place: Place;
  readonly position: Position;
  readonly base: string;
}

/**
 * `year` is that of the dialect. Throws `invalid` with SCHEMA_TOO_COMPLEX when a limit is passed. Visits every object at
 * most once for each sort of position, without recursion.
 */
export function scanSchema(root: unknown, year: number): Scan {
  const names = createSchemaNames();
  const refs: WrittenReference[] = [];
  const patterns: Mention[] = [];
  const emptyEnums: Place[] = [];
  const known = new Map<object, { readonly place: Place; readonly base: string; readonly positions: Set<Position> }>();
  const schemas = new Set<object>();
  const maps = new Set<object>();
  const idKeyword = year === 4 ? "id" : "$id";
  const rootUri = rootUriOf(root, idKeyword);
  const dialect = isContainer(root) ? stringUnder(root, "$schema") : undefined;
  let mixesDialects = false;
  let nodes = 1;
  let count = 0;

  function visitAll(first: Visit): void {
    const waiting = [first];
    for (let next = waiting.pop(); next; next = waiting.pop()) waiting.push(...visit(next));
  }

  function visit({ value, place, position, base }: Visit): readonly Visit[] {
    const entry = known.get(value) ?? { place, base, positions: new Set<Position>() };
    if (entry.positions.has(position) || (position === "unknown" && entry.positions.has("schema"))) return [];
    if (!known.has(value)) measure(value, place);
    known.set(value, entry);
    entry.positions.add(position);
    const inArray = Array.isArray(value);
    const isKeyed = !inArray && (position === "schema" || position === "unknown");
    const inner = isKeyed ? named(value, place, base, position === "unknown") : base;
    if (isKeyed) gather(value, place, position === "schema", [inner, base]);
    if (!inArray && position === "names") maps.add(value);
    // Own keys only, and an own `__proto__` (which JSON.parse makes) reads as what it is: data.
    return Object.entries(value).flatMap(([key, part]: [string, unknown]): readonly Visit[] => {
      const step = stepIn(year, place, position, key, inArray);
      if (position === "names" && place.keyword === "patternProperties" && !inArray) patterns.push({ text: key, place: step.place });
      return isContainer(part) ? [{ value: part, ...step, base: inner }] : [];
    });
  }

  function measure(value: object, place: Place): void {
    nodes += Object.keys(value).length;
    if (nodes > schemaLimits.nodes) throw schemaError("SCHEMA_TOO_COMPLEX", place, `there are more than ${schemaLimits.nodes} values in it`);
    if (place.depth >= schemaLimits.depth) throw schemaError("SCHEMA_TOO_COMPLEX", place, `it is nested more than ${schemaLimits.depth} levels deep`);
  }

  /** Defines the names of a schema, and gives the base URI within it. */
  function named(value: object, place: Place, base: string, weak: boolean): string {
    const isRoot = place.parent === undefined;
    if (isRoot) names.define(rootUri, { value, place }, false);
    const id = stringUnder(value, idKeyword) ?? "";
    const { uri, fragment } = splitFragment(id);
    const inner = isRoot ? rootUri : resolvedUri(uri, base);
    if (id.length > longestUri || inner.length > longestUri) {
      throw schemaError("SCHEMA_TOO_COMPLEX", place, `it has a URI of more than ${longestUri} characters`);
    }
    if (uri !== "" && !isRoot) names.define(inner, { value, place }, weak);
    for (const anchor of new Set([fragment, stringUnder(value, "$anchor"), stringUnder(value, "$dynamicAnchor")])) {
      if (anchor !== undefined && anchor !== "" && !anchor.startsWith("/")) names.define(`${inner}#${anchor}`, { value, place }, weak);
    }
    return inner;
  }

  function gather(value: object, place: Place, isLive: boolean, [inner, outer]: readonly [string, string]): void {
    for (const keyword of refKeywords) {
      const text = stringUnder(value, keyword);
      if (text === undefined) continue;
      const at = stepInto(place, "schema", keyword, false).place;
      // Up to draft-07, what stands beside a `$ref` is to be ignored.
      if (!isLive || !known.get(value)?.positions.has("unknown")) count += 1;
      if (count > schemaLimits.refs) throw schemaError("SCHEMA_TOO_COMPLEX", at, `there are more than ${schemaLimits.refs} references in it`);
      const isKnown = keyword === "$ref" || year === (keyword === "$recursiveRef" ? 2019 : 2020);
      refs.push({ text, keyword, place: at, holder: value, isLive: isLive && isKnown, bases: year <= 7 && inner !== outer ? [outer, inner] : [inner] });
    }
    if (!isLive) return;
    schemas.add(value);
    if ((stringUnder(value, "$schema") ?? dialect) !== dialect) mixesDialects = true;
    const pattern = stringUnder(value, "pattern");
    if (pattern !== undefined) patterns.push({ text: pattern, place: stepInto(place, "schema", "pattern", false).place });
    const listed: unknown = Object.hasOwn(value, "enum") ? Reflect.get(value, "enum") : undefined;
    if (Array.isArray(listed) && listed.length === 0) emptyEnums.push(stepInto(place, "schema", "enum", false).place);
  }

  if (isContainer(root)) visitAll({ value: root, place: rootPlace, position: "schema", base: rootUri });
  const placeOf = (value: object): Place => known.get(value)?.place ?? rootPlace;
  return {
    root,
    names,
    rootUri,
    refs,
    patterns,
    emptyEnums,
    get mixesDialects() {
      return mixesDialects;
    },
    schemas,
    maps,
    placeOf,
    enter(value) {
      if (schemas.has(value)) return false;
      visitAll({ value, place: placeOf(value), position: "schema", base: known.get(value)?.base ?? rootUri });
      return true;
    },
  };
}

/** Dialects from which on, or up to which, a keyword holds schemas. */
const since: ReadonlyMap<string, number> = new Map([
  ...["contains", "propertyNames"].map((keyword) => [keyword, 6] as const),
  ...["if", "then", "else"].map((keyword) => [keyword, 7] as const),
  ...["$defs", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties", "contentSchema"].map((keyword) => [keyword, 2019] as const),
  ["prefixItems", 2020],
]);
const until: ReadonlyMap<string, number> = new Map([["additionalItems", 2019]]);

/** `stepInto`, but for a keyword that the dialect does not know. */
function stepIn(year: number, place: Place, position: Position, key: string, inArray: boolean): ReturnType<typeof stepInto> {
  const step = stepInto(place, position, key, inArray);
  const isKeyword = !inArray && position === "schema";
  const isKnown = !isKeyword || (year >= (since.get(key) ?? 0) && year <= (until.get(key) ?? Infinity));
  return isKnown ? step : { place: step.place, position: "unknown" };
}

/** The own string under a key. */
export function stringUnder(value: object, key: string): string | undefined {
  const found: unknown = Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
  return typeof found === "string" ? found : undefined;
}

/** An object or array; a number that is kept as its text is neither. */
export function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null && !JSON.isRawJSON(value);
}

/** Later dialects do not know `id`, but schemas that were draft-04 once have kept it. */
function rootUriOf(root: unknown, idKeyword: string): string {
  const id = isContainer(root) && !Array.isArray(root) ? (stringUnder(root, idKeyword) ?? stringUnder(root, "id")) : undefined;
  const { uri } = splitFragment(id ?? "");
  return uri === "" || uri.length > longestUri ? unnamed : resolvedUri(uri, unnamed);
}
