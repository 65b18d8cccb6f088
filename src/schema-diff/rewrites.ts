/** Textual differences without a difference of meaning: annotations, and the same constraint written in another way. */
import type { SchemaChange } from "./comparison.ts";
import { type JsonObject, type JsonValue, canonical, isObject, own } from "./json.ts";
import { holdsOf } from "./keywords.ts";
import { type Place, type Position, keywordAt, pointerOf, rootPlace, stepInto } from "./schema-place.ts";
import { wording } from "./wording.ts";

/**
 * The differences, places being taken for the same when their pointers are. `all` when the two mean the same, so that
 * every difference is textual; else only annotations are reported.
 */
export function rewritesBetween(former: JsonObject | boolean, next: JsonObject | boolean, which: "all" | "annotations"): readonly SchemaChange[] {
  const found: SchemaChange[] = [];
  compare(former, next, { place: rootPlace, position: "schema" });
  return found;

  function compare(before: JsonValue | undefined, after: JsonValue | undefined, at: { readonly place: Place; readonly position: Position }): void {
    const inArray = Array.isArray(before);
    const isNested = at.position === "schema" || at.position === "names";
    const isComparable = inArray ? Array.isArray(after) && after.length === before.length : isObject(before) && isObject(after);
    if (!isNested || !isComparable) {
      const isSame = before !== undefined && after !== undefined && canonical(before) === canonical(after);
      return isSame ? undefined : tell(before, after, at.place);
    }
    const [left, right] = [before as JsonObject, after as JsonObject];
    for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
      compare(own(left, key), own(right, key), stepInto(at.place, at.position, key, inArray));
    }
  }

  function tell(before: JsonValue | undefined, after: JsonValue | undefined, place: Place): void {
    const pointer = pointerOf(place);
    const keyword = keywordAt(pointer);
    const isAnnotation = keyword !== "" && place.key === keyword && holdsOf(keyword) === undefined && keyword !== "$defs" && keyword !== "definitions";
    if (which === "annotations" && !isAnnotation) return;
    const because = isAnnotation ? "an annotation" : "another way to write the same";
    const message = wording({ pointer, keyword, before, after, topic: undefined, because, widens: false });
    found.push({ pointer, keyword, kind: "NONE", ...(before !== undefined && { before }), ...(after !== undefined && { after }), message });
  }
}

/** The schema without annotations, as one text. Equal texts mean the same, in any dialect. */
export function textWithoutAnnotations(document: JsonObject | boolean): string {
  return canonical(stripped(document, "schema", rootPlace));
}

export const annotationNames: readonly string[] = ["title", "description", "$comment", "default", "examples", "deprecated", "readOnly", "writeOnly"];

function stripped(value: JsonValue, position: Position, place: Place): JsonValue {
  if (typeof value !== "object" || value === null || position === "data" || position === "unknown") return value;
  const inArray = Array.isArray(value);
  const kept = Object.entries(value as JsonObject).filter(([key]) => inArray || position !== "schema" || !annotationNames.includes(key));
  const members = kept.map(([key, inner]) => {
    const step = stepInto(place, position, key, inArray);
    return [key, stripped(inner, step.position, step.place)] as const;
  });
  return inArray ? members.map(([, inner]) => inner) : Object.fromEntries(members);
}
