/** A conjunction of schemas as one flat list: what `allOf` and `$ref` lead to stands beside what they stand in. */
import { type Subschema, keywordOf } from "./document.ts";
import { type JsonObject, isObject } from "./json.ts";
import { assertions, asserts, schemasUnder } from "./keywords.ts";

export interface Layers {
  /** Schemas that are objects; their `allOf` and `$ref` are dealt with. */
  readonly schemas: readonly Subschema[];
  /** A `false` among them. */
  readonly refusal: Subschema | undefined;
  /** What stands beside a `$ref` in draft-06 and draft-07: the standard ignores it, Ajv and others apply it. */
  readonly beside: readonly Subschema[];
  /** Schemas whose reference could not be followed. */
  readonly lost: readonly Subschema[];
}

/** Each schema once, in the order in which they are met. */
export function layersOf(parts: readonly Subschema[]): Layers {
  const seen = new Set<string>();
  const schemas: Subschema[] = [];
  const beside: Subschema[] = [];
  const lost: Subschema[] = [];
  let refusal: Subschema | undefined;
  const waiting = parts.toReversed();
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (seen.has(next.id)) continue;
    seen.add(next.id);
    if (next.value === false) refusal ??= next;
    if (!isObject(next.value)) continue;
    const ref = keywordOf(next, "$ref");
    const target = typeof ref === "string" ? next.document.target(next) : undefined;
    if (typeof ref === "string" && !target) lost.push(next);
    if (target) waiting.push(target);
    if (typeof ref === "string" && next.document.year <= 7) {
      if (assertions(next).length > 1) beside.push(withoutRef(next));
      continue;
    }
    schemas.push(next);
    if (asserts(next, "allOf")) waiting.push(...schemasUnder(next, "allOf").toReversed());
  }
  return { schemas, refusal, beside, lost };
}

function withoutRef(schema: Subschema): Subschema {
  const { $ref: _, ...rest } = schema.value as JsonObject;
  return schema.document.made(rest, schema.pointer);
}
