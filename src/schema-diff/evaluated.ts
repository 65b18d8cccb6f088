/** The parts left to `unevaluatedProperties` and `unevaluatedItems`, when independent of the value. */
import type { Subschema } from "./document.ts";
import { acceptsAll, asserts, schemasUnder } from "./keywords.ts";
import { layersOf } from "./layers.ts";

/** Schemas for the very value that count only if they accept it, or that are not known. */
const conditional = ["anyOf", "oneOf", "if", "dependentSchemas", "dependencies", "$dynamicRef", "$recursiveRef"];

/**
 * The schemas, by `allOf` and `$ref`, whose keywords count together with those of `layer`: all of them, since a value is
 * valid only if they accept it. Undefined when others count too, for some values.
 */
export function evaluatingWith(layer: Subschema, ...alsoConditional: readonly string[]): readonly Subschema[] | undefined {
  const { schemas, lost } = layersOf([layer]);
  const isFixed = lost.length === 0 && !schemas.some((schema) => [...conditional, ...alsoConditional].some((name) => asserts(schema, name)));
  return isFixed ? schemas.filter((schema) => schema !== layer) : undefined;
}

/** Whether the keyword `unevaluated` refuses something, and what that is depends on the value. */
export function isConditional(layer: Subschema, unevaluated: string, ...alsoConditional: readonly string[]): boolean {
  if (!asserts(layer, unevaluated) || schemasUnder(layer, unevaluated).every(acceptsAll)) return false;
  return evaluatingWith(layer, ...alsoConditional) === undefined;
}
