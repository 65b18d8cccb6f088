/** A schema document: its subschemas, each known by its place and only once, and where its references lead. */
import { pointerOf } from "./schema-place.ts";
import { inspectSchema, yearOf } from "./schema-text.ts";
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
  /** 4, 6, 7, 2019 or 2020. */
  readonly year: number;
  /** A schema in it names another dialect than the document. */
  readonly mixesDialects: boolean;
  /** The texts of all references. */
  readonly refs: readonly string[];
  /** Every `$ref` by name, and the schema it leads to. */
  readonly targets: ReadonlyMap<string, Subschema | undefined>;
  /** The schema at a JSON pointer, if there is one. */
  at(pointer: string): Subschema | undefined;
  /** What the `$ref` of a schema leads to; undefined when nothing in the document is there, or validators differ on it. */
  target(schema: Subschema): Subschema | undefined;
  /** The name of a `$ref`: equal names lead to the same place, if they lead anywhere. */
  refName(schema: Subschema): string;
  /** What `make` gives for a schema, made once; `what` names it. */
  once<T>(schema: Subschema, what: string, make: (schema: Subschema) => T): T;
  /** A schema that does not stand in the text; the same value and place give the same subschema. */
  made(value: JsonObject, pointer: string): Subschema;
}

/** How the name begins of a `$ref` to the schema of a dialect: that never changes. */
export const metaPrefix = "dialect: ";

/** How the name begins of a `$ref` that is not followed, which says nothing of where it leads. */
export const lostPrefix = "not followed: ";

/** `name` tells the documents apart. Throws what `inspectSchema` throws. */
export function openDocument(name: string, given: string | JsonValue): SchemaDocument {
  const text = typeof given === "string" ? given : JSON.stringify(given);
  const { document: inspected, dialect, references, scan } = inspectSchema(text, "exact");
  const json = inspected as JsonObject | boolean;
  const known = new Map<string, Subschema>();

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

  function target({ value }: Subschema): Subschema | undefined {
    const found = isObject(value) ? references.of(value, "$ref")?.target : undefined;
    return found?.kind === "schema" && !found.isDisputed ? at(pointerOf(found.place)) : undefined;
  }

  function refName({ value }: Subschema): string {
    const found = isObject(value) ? references.of(value, "$ref") : undefined;
    if (found?.target.kind === "schema" && !found.target.isDisputed) return found.target.name;
    return found?.target.kind === "meta" ? `${metaPrefix}${found.text}` : `${lostPrefix}${isObject(value) ? canonical(own(value, "$ref") ?? null) : ""}`;
  }

  function targets(): ReadonlyMap<string, Subschema | undefined> {
    const found = references.all.flatMap((reference) => {
      const schema = reference.keyword === "$ref" && reference.isLive ? at(pointerOf(scan.placeOf(reference.holder))) : undefined;
      return schema ? [[refName(schema), target(schema)] as const] : [];
    });
    return new Map(found);
  }

  let allTargets: ReadonlyMap<string, Subschema | undefined> | undefined;
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
    year: yearOf(dialect),
    mixesDialects: scan.mixesDialects,
    refs: references.all.map(({ text }) => text),
    get targets() {
      return (allTargets ??= targets());
    },
    at,
    target,
    refName,
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
