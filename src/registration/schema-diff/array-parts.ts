/** The keywords that say which schema holds for which item of an array, in the terms of one dialect. */
import { type Subschema, keywordOf, under } from "./document.ts";
import { asserts, schemasUnder } from "./keywords.ts";
import { evaluatesAlone } from "./object-parts.ts";

export interface ArrayParts {
  /** For the first items. */
  readonly tuple: readonly Subschema[];
  /** For every item after them. */
  readonly rest: Subschema | undefined;
}

export function arrayParts(layer: Subschema): ArrayParts {
  const unevaluated = asserts(layer, "unevaluatedItems") && evaluatesAlone(layer, "contains") ? under(layer, "unevaluatedItems") : undefined;
  if (layer.document.year >= 2020) return { tuple: schemasUnder(layer, "prefixItems"), rest: under(layer, "items") ?? unevaluated };
  if (!Array.isArray(keywordOf(layer, "items"))) return { tuple: [], rest: under(layer, "items") ?? unevaluated };
  return { tuple: schemasUnder(layer, "items"), rest: under(layer, "additionalItems") ?? unevaluated };
}

/** The schema for the item at an index; Infinity stands for all that no tuple reaches. */
export function itemAt({ tuple, rest }: ArrayParts, index: number): Subschema | undefined {
  return tuple[index] ?? rest;
}

/** The most items there can be, as far as these keywords tell. */
export function mostItems({ tuple, rest }: ArrayParts): number {
  const refused = tuple.findIndex(({ value }) => value === false);
  if (refused >= 0) return refused;
  return rest?.value === false ? tuple.length : Infinity;
}
