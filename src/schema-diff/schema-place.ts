/** Places in a JSON Schema document: which values are schemas there, which are data, and how to name a place. */

/**
 * What a value is by where it stands: a schema (or an array of schemas), a map from free names to schemas, the text of a
 * reference or of a regular expression, the value of a keyword we do not know (taken for a schema as far as references
 * go, because a naive resolver would follow them), or plain data.
 */
export type Position = "schema" | "names" | "ref" | "pattern" | "unknown" | "data";

/** A chain up to the root; a pointer is built only for a place that must be named. */
export interface Place {
  readonly parent: Place | undefined;
  readonly key: string;
  /** The innermost schema keyword around the place; empty at the root. */
  readonly keyword: string;
  /** Number of objects and arrays around it. */
  readonly depth: number;
}

export const rootPlace: Place = { parent: undefined, key: "", keyword: "", depth: 0 };

const positions: ReadonlyMap<string, Position> = new Map<string, Position>([
  ...["$ref", "$dynamicRef", "$recursiveRef"].map((key) => [key, "ref"] as const),
  ["pattern", "pattern"],
  ...["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"].map((key) => [key, "names"] as const),
  ...["const", "enum", "default", "examples", "example", "required", "dependentRequired", "$vocabulary"].map((key) => [key, "data"] as const),
  ...["allOf", "anyOf", "oneOf", "not", "if", "then", "else"].map((key) => [key, "schema"] as const),
  ...["items", "prefixItems", "additionalItems", "unevaluatedItems", "contains"].map((key) => [key, "schema"] as const),
  ...["additionalProperties", "unevaluatedProperties", "propertyNames", "contentSchema"].map((key) => [key, "schema"] as const),
]);

/** The place and position of what stands under `key` of the object or array at `place`. */
export function stepInto(place: Place, position: Position, key: string, inArray: boolean): { readonly place: Place; readonly position: Position } {
  const isKeyword = !inArray && (position === "schema" || position === "unknown");
  const inner: Place = {
    parent: place,
    key,
    keyword: isKeyword ? key : place.keyword,
    depth: place.depth + 1,
  };
  return { place: inner, position: positionUnder(position, key, inArray) };
}

function positionUnder(position: Position, key: string, inArray: boolean): Position {
  if (inArray) return position === "names" ? "data" : position;
  if (position === "names") return "schema";
  if (position === "data") return "data";
  const known = positions.get(key) ?? "unknown";
  if (position === "schema") return known;
  return known === "ref" || known === "data" ? known : "unknown";
}

/** The JSON pointer of a place. */
export function pointerOf(place: Place): string {
  const keys: string[] = [];
  for (let at: Place | undefined = place; at?.parent; at = at.parent) keys.push(`/${at.key.replaceAll("~", "~0").replaceAll("/", "~1")}`);
  return keys.toReversed().join("");
}

/** The innermost schema keyword on the way of a JSON pointer. A key of digits is taken for an array's index except under names. */
export function keywordAt(pointer: string): string {
  let at: { place: Place; position: Position } = { place: rootPlace, position: "schema" };
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    at = stepInto(at.place, at.position, key, at.position !== "names" && /^\d+$/.test(key));
  }
  return at.place.keyword;
}
