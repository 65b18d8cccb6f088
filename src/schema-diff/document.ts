/** A schema document: its subschemas, each known by its place and only once, and where its references lead. */
import { type InspectedSchema, inspectSchema } from "./schema-text.ts";
import { type Place, type Position, pointerOf, rootPlace, stepInto } from "./schema-place.ts";
import { type JsonObject, type JsonValue, canonical, isObject, own } from "./json.ts";

export interface Subschema {
  /** Differs from that of every other subschema of the two documents that are compared. */
  readonly id: string;
  readonly document: SchemaDocument;
  readonly value: JsonObject | boolean;
  /** Where it stands in its document. */
  readonly pointer: string;
}

export interface SchemaDocument {
  readonly root: Subschema;
  /** 6, 7, 2019 or 2020. */
  readonly year: number;
  /** The texts of all references. */
  readonly refs: readonly string[];
  /** The schema at a JSON pointer, if there is one. */
  at(pointer: string): Subschema | undefined;
  /** The target of a `$ref`; undefined when it depends on base URIs, or does not exist. */
  target(ref: string): Subschema | undefined;
  /** What `make` gives for a schema, made once; `what` names it. */
  once<T>(schema: Subschema, what: string, make: (schema: Subschema) => T): T;
  /** A schema that does not stand in the text; the same value and place give the same subschema. */
  made(value: JsonObject, pointer: string): Subschema;
}

/** `name` distinguishes the documents. Throws what `inspectSchema` throws. */
export function openDocument(name: string, given: string | JsonValue): SchemaDocument {
  const text = typeof given === "string" ? given : JSON.stringify(given);
  const inspected = inspectSchema(text);
  const json = inspected.document as JsonObject | boolean;
  const known = new Map<string, Subschema>();
  const anchors = mayName.test(text) ? anchorsOf(json) : new Map<string, string>();

  function keep(key: string, value: JsonObject | boolean, pointer: string): Subschema {
    const found = known.get(key) ?? { id: `${name}${known.size}`, document, value, pointer };
    known.set(key, found);
    return found;
  }

  function at(pointer: string): Subschema | undefined {
    const found = known.get(pointer);
    if (found) return found;
    let value: JsonValue | undefined = json;
    for (const part of pointer.split("/").slice(1)) value = memberOf(value, part.replaceAll("~1", "/").replaceAll("~0", "~"));
    return typeof value === "boolean" || isObject(value) ? keep(pointer, value, pointer) : undefined;
  }

  function target(ref: string): Subschema | undefined {
    if (anchors === undefined) return undefined;
    const fragment = decoded(ref.slice(1));
    if (fragment === undefined) return undefined;
    const pointer = fragment === "" || fragment.startsWith("/") ? fragment : anchors.get(fragment);
    return pointer === undefined ? undefined : at(pointer);
  }

  const results = new Map<string, Map<Subschema, unknown>>();

  function once<T>(schema: Subschema, what: string, make: (schema: Subschema) => T): T {
    const made = results.get(what) ?? new Map<Subschema, unknown>();
    results.set(what, made);
    if (!made.has(schema)) made.set(schema, make(schema));
    return made.get(schema) as T;
  }

  const document: SchemaDocument = {
    get root() {
      return keep("", json, "");
    },
    year: yearOf(inspected),
    refs: inspected.refs.map(({ text }) => text),
    at,
    target,
    once,
    made: (value, pointer) => keep(`made ${pointer} ${canonical(value)}`, value, pointer),
  };
  return document;
}

/** The schema under a keyword, and under a name or an index there, if there is one. */
export function under({ document, value, pointer }: Subschema, keyword: string, ...keys: readonly string[]): Subschema | undefined {
  // A schema that was made stands at a place where the text may have other keywords.
  return isObject(value) && Object.hasOwn(value, keyword) ? document.at([keyword, ...keys].reduce(extended, pointer)) : undefined;
}

/** What `make` gives for the schema, made once for its document; `what` names it. */
export function once<T>(schema: Subschema, what: string, make: (schema: Subschema) => T): T {
  return schema.document.once(schema, what, make);
}

/** A JSON pointer, one key longer. */
export function extended(pointer: string, key: string): string {
  return `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

export function keywordOf({ value }: Subschema, name: string): JsonValue | undefined {
  return isObject(value) ? own(value, name) : undefined;
}

function memberOf(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return typeof value === "object" && value !== null ? own(value as JsonObject, key) : undefined;
}

function decoded(fragment: string): string | undefined {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return undefined;
  }
}

function yearOf({ dialect }: InspectedSchema): number {
  return { "draft-06": 6, "draft-07": 7, "draft/2019-09": 2019, "draft/2020-12": 2020 }[dialect];
}

/** A text without a match has neither anchors nor base URIs. */
const mayName = /\\u|"\$(?:id|anchor|dynamicAnchor)"/;

/**
 * The pointers of all anchors. Undefined when a schema within the document has a base URI of its own, or an anchor
 * stands twice: then what a reference means is not decided here.
 */
function anchorsOf(json: JsonObject | boolean): ReadonlyMap<string, string> | undefined {
  const anchors = new Map<string, string>();
  const waiting: { readonly value: JsonValue; readonly place: Place; readonly position: Position }[] = [{ value: json, place: rootPlace, position: "schema" }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { value, place, position } = next;
    if (typeof value !== "object" || value === null || position === "data") continue;
    for (const [key, inner] of Object.entries(value as JsonObject)) waiting.push({ value: inner, ...stepInto(place, position, key, Array.isArray(value)) });
    if (!isObject(value) || position === "names") continue;
    const id = own(value, "$id");
    const isAnchor = typeof id === "string" && id.startsWith("#");
    if (typeof id === "string" && !isAnchor && place.parent) return undefined;
    const given = [isAnchor ? id.slice(1) : "", own(value, "$anchor"), own(value, "$dynamicAnchor")];
    for (const name of new Set(given.filter((text) => typeof text === "string" && text !== ""))) {
      if (anchors.has(String(name))) return undefined;
      anchors.set(String(name), pointerOf(place));
    }
  }
  return anchors;
}
