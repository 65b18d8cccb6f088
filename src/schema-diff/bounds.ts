/** The strictest bounds that several schemas set together. */
import { type Subschema, keywordOf } from "./document.ts";

export interface Bound {
  readonly value: number;
  readonly exclusive: boolean;
}

/** The numbers under a keyword, in all schemas that have it. */
export function numbersUnder(layers: readonly Subschema[], keyword: string): readonly number[] {
  return layers.map((layer) => keywordOf(layer, keyword)).filter((value) => typeof value === "number");
}

/** `integersOnly` turns every bound into an inclusive one, at the next integer. */
export function lowerBound(layers: readonly Subschema[], integersOnly: boolean): Bound | undefined {
  return strictest(layers, "minimum", "exclusiveMinimum", 1, integersOnly);
}

export function upperBound(layers: readonly Subschema[], integersOnly: boolean): Bound | undefined {
  const mirrored = strictest(layers, "maximum", "exclusiveMaximum", -1, integersOnly);
  return mirrored && { ...mirrored, value: -mirrored.value };
}

/** Whether everything above (or below, with both mirrored) `known` is also above `asked`. */
export function atLeastAsStrict(known: Bound | undefined, asked: Bound, sign: 1 | -1): boolean {
  if (known === undefined) return false;
  if (known.value !== asked.value) return (known.value - asked.value) * sign > 0;
  return known.exclusive || !asked.exclusive;
}

/** With `sign` -1 the bounds come out mirrored, so that the strictest is always the greatest. */
function strictest(layers: readonly Subschema[], inclusive: string, exclusive: string, sign: 1 | -1, integersOnly: boolean): Bound | undefined {
  let found: Bound | undefined;
  for (const layer of layers) {
    for (const keyword of [inclusive, exclusive]) {
      const value = keywordOf(layer, keyword);
      if (typeof value !== "number") continue;
      const given = { value: value * sign, exclusive: keyword === exclusive };
      const bound = integersOnly ? inIntegers(given) : given;
      if (found === undefined || bound.value > found.value || (bound.value === found.value && bound.exclusive)) found = bound;
    }
  }
  return found;
}

function inIntegers({ value, exclusive }: Bound): Bound {
  return { value: exclusive && Number.isInteger(value) ? value + 1 : Math.ceil(value), exclusive: false };
}
