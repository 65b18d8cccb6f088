/** The strictest bounds that several schemas set together, in decimals. */
import { type Subschema, keywordOf } from "./document.ts";
import { type Numeric, compareNumeric, isNumeric, negated, nextInteger } from "./exact-number.ts";

export interface Bound {
  readonly value: Numeric;
  readonly exclusive: boolean;
}

/** The numbers under a keyword, in all schemas that have it. */
export function numbersUnder(layers: readonly Subschema[], keyword: string): readonly Numeric[] {
  return layers.map((layer) => keywordOf(layer, keyword)).filter(isNumeric);
}

/** `integersOnly` turns a bound into an inclusive one, at the next integer, unless that has thousands of digits. */
export function lowerBound(layers: readonly Subschema[], integersOnly: boolean): Bound | undefined {
  return strictest(layers, "minimum", "exclusiveMinimum", 1, integersOnly);
}

export function upperBound(layers: readonly Subschema[], integersOnly: boolean): Bound | undefined {
  const mirrored = strictest(layers, "maximum", "exclusiveMaximum", -1, integersOnly);
  return mirrored && { ...mirrored, value: negated(mirrored.value) };
}

/** Whether everything above (or below, with both mirrored) `known` is also above `asked`. */
export function atLeastAsStrict(known: Bound | undefined, asked: Bound, sign: 1 | -1): boolean {
  if (known === undefined) return false;
  const order = compareNumeric(known.value, asked.value);
  if (order !== 0) return order * sign > 0;
  return known.exclusive || !asked.exclusive;
}

/** Whether no number lies within both bounds. */
export function isGap(lower: Bound, upper: Bound): boolean {
  const order = compareNumeric(lower.value, upper.value);
  return order > 0 || (order === 0 && (lower.exclusive || upper.exclusive));
}

/** With `sign` -1 the bounds come out mirrored, so that the strictest is always the greatest. */
function strictest(layers: readonly Subschema[], inclusive: string, exclusive: string, sign: 1 | -1, integersOnly: boolean): Bound | undefined {
  let found: Bound | undefined;
  for (const layer of layers) {
    for (const keyword of [inclusive, exclusive]) {
      const value = keywordOf(layer, keyword);
      if (!isNumeric(value)) continue;
      // In draft-04, `exclusiveMinimum: true` makes `minimum` exclusive.
      const isExclusive = keyword === exclusive || (layer.document.year === 4 && keywordOf(layer, exclusive) === true);
      const given = { value: sign === 1 ? value : negated(value), exclusive: isExclusive };
      const bound = integersOnly ? inIntegers(given) : given;
      if (found === undefined || atLeastAsStrict(bound, found, 1)) found = bound;
    }
  }
  return found;
}

function inIntegers(bound: Bound): Bound {
  const value = nextInteger(bound.value, bound.exclusive);
  return value === undefined ? bound : { value, exclusive: false };
}
