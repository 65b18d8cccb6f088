/** A schema rewritten so that a validator can compile it without knowing URIs, and finds at fault only what is. */
import { pointerOf, rootPlace } from "./schema-place.ts";
import { schemaError } from "./schema-error.ts";
import { isContainer, refKeywords } from "./schema-scan.ts";
import type { InspectedSchema } from "./schema-text.ts";

/** Keywords that name a schema, or to which Ajv alone gives rules: neither changes what is valid, once references are resolved. */
const dropped = new Set(["$schema", "$id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$async", "nullable", "id"]);

/** The most characters of the pointers that replace references, all together. */
const mostCharacters = 4 * 1_024 * 1_024;

/**
 * The same schema as JSON text, for compiling alone: every reference is a JSON pointer, the schemas of dialects stand for
 * anything, an empty `enum` has a member, and no number is infinite. Throws `invalid`, SCHEMA_TOO_COMPLEX, when it gets large.
 */
export function compilableText({ document, references, scan }: InspectedSchema): string {
  const pointers = new Map<object, string>();
  let characters = 0;

  function refTo(holder: object): { readonly $ref?: string } {
    // At most one of them is left: to compile, it is enough that the others lead somewhere.
    const [reference] = refKeywords.flatMap((keyword) => references.of(holder, keyword) ?? []);
    if (reference?.target.kind !== "schema") return {};
    const { value, place } = reference.target;
    const known = typeof value === "object" ? pointers.get(value) : undefined;
    // A name that is no Unicode can be in no URI.
    const pointer = known ?? `#${encodeURI(pointerOf(place).toWellFormed()).replaceAll("#", "%23")}`;
    if (typeof value === "object") pointers.set(value, pointer);
    characters += pointer.length;
    if (characters > mostCharacters) throw schemaError("SCHEMA_TOO_COMPLEX", rootPlace, "its references lead to places with very long names");
    return { $ref: pointer };
  }

  function rewritten(value: unknown): unknown {
    if (typeof value === "number" && !Number.isFinite(value)) return Number.MAX_VALUE * Math.sign(value);
    if (!isContainer(value)) return value;
    if (Array.isArray(value)) return value.map(rewritten);
    const isSchema = scan.schemas.has(value);
    const kept = Object.entries(value).filter(([key]) => !isSchema || !isReplaced(value, key));
    const members = kept.map(([key, inner]: [string, unknown]) => [key, isSchema && key === "enum" && isEmpty(inner) ? [null] : rewritten(inner)] as const);
    return Object.fromEntries([...members, ...(isSchema ? Object.entries(refTo(value)) : [])]);
  }

  /** What is also a map of schemas keeps the names that are no keywords there. */
  function isReplaced(schema: object, key: string): boolean {
    const inner: unknown = Reflect.get(schema, key);
    if (scan.maps.has(schema) && isContainer(inner)) return false;
    return dropped.has(key) || refKeywords.some((keyword) => keyword === key && typeof inner === "string");
  }

  return JSON.stringify(rewritten(document));
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
