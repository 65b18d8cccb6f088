/** The rules of a module's configuration schema: limits, dialects, references. Pure; it does not run the schema. */
import { DomainError, type Reason } from "../kernel/errors.ts";
import { printable } from "../kernel/log.ts";
import { type Place, type Position, keywordAt, pointerOf, rootPlace, stepInto } from "./schema-place.ts";

/**
 * Checks one schema text. Resolves when it is acceptable; rejects with kind `invalid` and a SCHEMA_* reason (metadata
 * `pointer` and `keyword` say where), or with the signal's reason.
 */
export type SchemaCheck = (text: string, signal: AbortSignal) => Promise<void>;

/** Bytes of UTF-8; levels of objects and arrays; JSON values of any sort; reference keywords. */
export const schemaLimits = { bytes: 256 * 1_024, depth: 64, nodes: 10_000, refs: 500 } as const;

export const dialects = ["draft/2020-12", "draft/2019-09", "draft-07", "draft-06"] as const;

export type Dialect = (typeof dialects)[number];

/** A string of the schema that means more than itself, and where it stands. */
export interface Mention {
  readonly text: string;
  readonly place: Place;
}

export interface InspectedSchema {
  readonly document: object | boolean;
  readonly dialect: Dialect;
  /** Values of `$ref`, `$dynamicRef`, `$recursiveRef`. */
  readonly refs: readonly Mention[];
  /** Values of `pattern` and keys of `patternProperties`. */
  readonly patterns: readonly Mention[];
}

/** The schema of a module that gave none: any object whose values are strings. The same name gives the same text. */
export function synthesiseSchema(name: string): string {
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: `Configuration of ${name}`,
    type: "object",
    additionalProperties: { type: "string" },
  };
  return JSON.stringify(schema, undefined, 2);
}

/**
 * Parses `text` and checks what can be checked without the rules of a dialect: size, depth, number of nodes, that every
 * reference stays within the schema, and that `$schema` names a dialect we know. Throws `invalid` with SCHEMA_NOT_JSON,
 * SCHEMA_TOO_LARGE, SCHEMA_TOO_COMPLEX, SCHEMA_REMOTE_REF or SCHEMA_INVALID. Takes milliseconds for any text.
 */
export function inspectSchema(text: string): InspectedSchema {
  // UTF-8 is never shorter than UTF-16 is long, so that nothing huge gets encoded.
  if (text.length > schemaLimits.bytes || new TextEncoder().encode(text).length > schemaLimits.bytes) {
    throw schemaError("SCHEMA_TOO_LARGE", rootPlace, `the schema has more than ${schemaLimits.bytes} bytes`);
  }
  const document = parse(text);
  const mentions = scan(document);
  if (typeof document !== "boolean" && (typeof document !== "object" || document === null || Array.isArray(document))) {
    throw schemaError("SCHEMA_INVALID", rootPlace, "a schema is a JSON object or a boolean");
  }
  return { document, dialect: dialectOf(document), ...mentions };
}

/** The error for a problem of a schema and its place. */
export function schemaError(reason: Reason, place: Place, what: string, cause?: unknown): DomainError {
  return schemaErrorAt(reason, pointerOf(place), place.keyword, what, cause);
}

/** The same for a place given as a JSON pointer. */
export function schemaErrorAtPointer(reason: Reason, pointer: string, what: string): DomainError {
  return schemaErrorAt(reason, pointer, keywordAt(pointer), what);
}

function schemaErrorAt(reason: Reason, pointer: string, keyword: string, what: string, cause?: unknown): DomainError {
  const where = pointer === "" ? "at its root" : `at ${printable(pointer, 200)} (keyword ${printable(keyword, 64)})`;
  return new DomainError({
    kind: "invalid",
    reason,
    message: `configuration schema refused ${where}: ${what}`,
    metadata: { pointer: printable(pointer, 512), keyword: printable(keyword, 64) },
    cause,
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const detail = error instanceof Error ? printable(error.message, 200) : "";
    throw schemaError("SCHEMA_NOT_JSON", rootPlace, `it is not well-formed JSON: ${detail}`, error);
  }
}

/** Visits every value once, without recursion. */
function scan(document: unknown): Pick<InspectedSchema, "refs" | "patterns"> {
  const refs: Mention[] = [];
  const patterns: Mention[] = [];
  const waiting: { readonly value: unknown; readonly place: Place; readonly position: Position }[] = [
    { value: document, place: rootPlace, position: "schema" },
  ];
  let nodes = 0;
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { value, place, position } = next;
    nodes += 1;
    if (nodes > schemaLimits.nodes) throw schemaError("SCHEMA_TOO_COMPLEX", place, `there are more than ${schemaLimits.nodes} values in it`);
    if (typeof value === "string" && (position === "ref" || position === "pattern")) {
      (position === "ref" ? refs : patterns).push({ text: value, place });
      if (position === "ref") checkRef(value, place, refs.length);
    }
    if (typeof value !== "object" || value === null) continue;
    if (place.depth >= schemaLimits.depth) throw schemaError("SCHEMA_TOO_COMPLEX", place, `it is nested more than ${schemaLimits.depth} levels deep`);
    const inArray = Array.isArray(value);
    // Own keys only, and an own `__proto__` (which JSON.parse makes) is treated as data.
    for (const [key, inner] of Object.entries(value)) {
      const step = stepInto(place, position, key, inArray);
      waiting.push({ value: inner, ...step });
      if (step.position === "schema" && place.keyword === "patternProperties" && position === "names") patterns.push({ text: key, place: step.place });
    }
  }
  return { refs, patterns };
}

function checkRef(ref: string, place: Place, count: number): void {
  if (count > schemaLimits.refs) throw schemaError("SCHEMA_TOO_COMPLEX", place, `there are more than ${schemaLimits.refs} references in it`);
  if (ref === "" || ref.startsWith("#")) return;
  throw schemaError("SCHEMA_REMOTE_REF", place, `a reference must stay within the schema (begin with #), this one is "${printable(ref, 200)}"`);
}

function dialectOf(document: object | boolean): Dialect {
  const named: unknown = typeof document === "boolean" || !Object.hasOwn(document, "$schema") ? undefined : Reflect.get(document, "$schema");
  if (named === undefined) return dialects[0];
  const short = typeof named === "string" ? /^https?:\/\/json-schema\.org\/(.{1,20})\/schema#?$/.exec(named)?.[1] : undefined;
  const dialect = dialects.find((known) => known === short);
  if (dialect) return dialect;
  const what = typeof named === "string" ? `the dialect "${printable(named, 200)}" is not supported` : "the dialect must be given as a string";
  throw schemaErrorAtPointer("SCHEMA_INVALID", "/$schema", `${what}; supported are draft-06, draft-07, 2019-09 and 2020-12`);
}
