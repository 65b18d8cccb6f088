/** Which schema applies to which item of an array, by the keywords of one dialect. */
import { type Subschema, keywordOf, once, under } from "./document.ts";
import { evaluatingWith } from "./evaluated.ts";
import { asserts, schemasUnder } from "./keywords.ts";

export interface ArrayParts {
  /** For the first items. */
  readonly tuple: readonly Subschema[];
  /** For every item after them. */
  readonly rest: Subschema | undefined;
}

/** The parts of one schema: what its `unevaluatedItems` leave over is a part of its own if other schemas count there too. */
export function arrayParts(layer: Subschema): readonly ArrayParts[] {
  return once(layer, "array parts", partsOf);
}

function partsOf(layer: Subschema): readonly ArrayParts[] {
  const main = plainParts(layer);
  const unevaluated = asserts(layer, "unevaluatedItems") ? under(layer, "unevaluatedItems") : undefined;
  const evaluating = unevaluated && evaluatingWith(layer, "contains");
  // When one of them applies to all other items, nothing is left over.
  const isNone = main.rest !== undefined || evaluating?.some((schema) => plainParts(schema).rest ?? asserts(schema, "unevaluatedItems"));
  if (!evaluating || isNone === true) return [main];
  if (evaluating.length === 0) return [{ ...main, rest: unevaluated }];
  const longest = Math.max(...[layer, ...evaluating].map((schema) => plainParts(schema).tuple.length));
  const anything = layer.document.made({}, layer.pointer);
  return [main, { tuple: Array.from({ length: longest }, () => anything), rest: unevaluated }];
}

function plainParts(layer: Subschema): ArrayParts {
  if (layer.document.year >= 2020) return { tuple: schemasUnder(layer, "prefixItems"), rest: under(layer, "items") };
  if (!Array.isArray(keywordOf(layer, "items"))) return { tuple: [], rest: under(layer, "items") };
  return { tuple: schemasUnder(layer, "items"), rest: under(layer, "additionalItems") };
}

/** The schema for the item at an index; Infinity means all items beyond every tuple. */
export function itemAt({ tuple, rest }: ArrayParts, index: number): Subschema | undefined {
  return tuple[index] ?? rest;
}

/** Upper bound of the number of items, by these keywords. */
export function mostItems({ tuple, rest }: ArrayParts): number {
  const refused = tuple.findIndex(({ value }) => value === false);
  if (refused >= 0) return refused;
  return rest?.value === false ? tuple.length : Infinity;
}
