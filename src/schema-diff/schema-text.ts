/** What a module's configuration schema may be: limits, dialects, references. Pure; running it is somebody else's risk. */
import { printable } from "../kernel/log.ts";
import { parseExactly } from "./exact-number.ts";
import { type References, resolveReferences } from "./references.ts";
import { schemaError, schemaErrorAtPointer } from "./schema-error.ts";
import { rootPlace } from "./schema-place.ts";
import { type Scan, isContainer, scanSchema, schemaLimits, stringUnder } from "./schema-scan.ts";

/**
 * Checks one schema text, for a caller with this share of the checks. Resolves when it is acceptable; rejects with kind `invalid` and a SCHEMA_* reason (metadata
 * `pointer` and `keyword` say where), or with the signal's reason.
 */
export type SchemaCheck = (text: string, share: string, signal: AbortSignal) => Promise<AcceptedSchema>;

export interface AcceptedSchema {
  /** What is legal but probably not intended, each with its place; of bounded length. */
  readonly warnings: readonly string[];
}

export const dialects = ["draft/2020-12", "draft/2019-09", "draft-07", "draft-06", "draft-04"] as const;

export type Dialect = (typeof dialects)[number];

export interface InspectedSchema {
  readonly document: object | boolean;
  readonly dialect: Dialect;
  readonly references: References;
  readonly scan: Scan;
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
 * SCHEMA_TOO_LARGE, SCHEMA_TOO_COMPLEX, SCHEMA_REMOTE_REF or SCHEMA_INVALID. Takes milliseconds whatever the text. With
 * `exact` numbers no literal loses digits.
 */
export function inspectSchema(text: string, numbers: "rounded" | "exact" = "rounded"): InspectedSchema {
  // UTF-8 is never shorter than UTF-16 is long, so that nothing huge gets encoded.
  if (text.length > schemaLimits.bytes || new TextEncoder().encode(text).length > schemaLimits.bytes) {
    throw schemaError("SCHEMA_TOO_LARGE", rootPlace, `the schema has more than ${schemaLimits.bytes} bytes`);
  }
  const json = withoutByteOrderMark(text);
  const rounded = parse(json);
  const year = yearNamedBy(rounded);
  const scan = scanSchema(rounded, year);
  if (numbers === "exact" && /[eE]|[\d.]{16}/.test(json)) return inspected(scanSchema(parseExactly(json), year));
  return inspected(scan);
}

function inspected(scan: Scan): InspectedSchema {
  const document = scan.root;
  if (typeof document !== "boolean" && (!isContainer(document) || Array.isArray(document))) {
    throw schemaError("SCHEMA_INVALID", rootPlace, "a schema is a JSON object or a boolean");
  }
  return { document, dialect: dialectOf(document), references: resolveReferences(scan), scan };
}

/** JSON has no byte order mark, but editors write one: it is no part of the text. */
export function withoutByteOrderMark(text: string): string {
  return text.startsWith("\u{feff}") ? text.slice(1) : text;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const detail = error instanceof Error ? printable(error.message, 200) : "";
    throw schemaError("SCHEMA_NOT_JSON", rootPlace, `it is not well-formed JSON: ${detail}`, error);
  }
}

/** How the dialect reads: 4, 6, 7, 2019 or 2020. */
export function yearOf(dialect: Dialect): number {
  return { "draft-04": 4, "draft-06": 6, "draft-07": 7, "draft/2019-09": 2019, "draft/2020-12": 2020 }[dialect];
}

function yearNamedBy(document: unknown): number {
  const dialect = isContainer(document) ? dialectNamed(stringUnder(document, "$schema")) : undefined;
  return yearOf(dialect ?? dialects[0]);
}

function dialectNamed(uri: string | undefined): Dialect | undefined {
  const short = /^https?:\/\/json-schema\.org\/(.{1,20})\/schema#?$/.exec(uri ?? "")?.[1];
  return dialects.find((known) => known === short);
}

function dialectOf(document: object | boolean): Dialect {
  const named: unknown = typeof document === "boolean" || !Object.hasOwn(document, "$schema") ? undefined : Reflect.get(document, "$schema");
  if (named === undefined) return dialects[0];
  const dialect = typeof named === "string" ? dialectNamed(named) : undefined;
  if (dialect) return dialect;
  const what = typeof named === "string" ? `the dialect "${printable(named, 200)}" is not supported` : "the dialect must be given as a string";
  throw schemaErrorAtPointer("SCHEMA_INVALID", "/$schema", `${what}; supported are draft-04, draft-06, draft-07, 2019-09 and 2020-12`);
}
