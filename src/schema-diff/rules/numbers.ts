/** `minimum`, `maximum`, their exclusive forms, `multipleOf`. */
import { type Bound, atLeastAsStrict, lowerBound, numbersUnder, upperBound } from "../bounds.ts";
import type { Subschema } from "../document.ts";
import { failureAt } from "../failures.ts";
import { fractions, numbers } from "../instance-types.ts";
import { asserts } from "../keywords.ts";
import type { Facts, Rule } from "../rule.ts";

export const lowerRule = boundRule(["minimum", "exclusiveMinimum"], lowerBound, 1);
export const upperRule = boundRule(["maximum", "exclusiveMaximum"], upperBound, -1);

function boundRule(keywords: readonly string[], boundOf: typeof lowerBound, sign: 1 | -1): Rule {
  return {
    keywords,
    types: numbers,
    accepts: (layer, value) => {
      const bound = boundOf([layer], false);
      return bound === undefined || typeof value !== "number" || atLeastAsStrict({ value, exclusive: false }, bound, sign);
    },
    failures: (facts, layer) => {
      const integersOnly = (facts.types & fractions) === 0;
      const known = boundOf(facts.layers, integersOnly);
      const asked: Bound | undefined = boundOf([layer], integersOnly);
      if (asked === undefined || atLeastAsStrict(known, asked, sign)) return [];
      return [failureAt(facts, layer, keywords.find((name) => asserts(layer, name)) ?? "", "BREAKING")];
    },
  };
}

export const multipleRule: Rule = {
  keywords: ["multipleOf"],
  types: numbers,
  accepts: (layer, value) => {
    const step = stepOf(layer);
    if (step === undefined || typeof value !== "number") return true;
    const times = value / step;
    if (Number.isInteger(times)) return Math.abs(times) < largestCount ? true : undefined;
    return Math.abs(times - Math.round(times)) < 1e-6 ? undefined : false;
  },
  failures: (facts, layer) => {
    const step = stepOf(layer);
    if (step === undefined || isKnownMultiple(facts, step)) return [];
    return [failureAt(facts, layer, "multipleOf", "BREAKING")];
  },
};

/** Where validators begin to differ on what a whole number of times is. */
const largestCount = 1e21;

function isKnownMultiple(facts: Facts, step: number): boolean {
  const known = numbersUnder(facts.layers, "multipleOf");
  if (step === 1 && (facts.types & fractions) === 0) return true;
  // Of other steps than integers, only the same is sure: 0.3 is no multiple of 0.1 in floating point.
  return known.some((value) => value === step || (Number.isSafeInteger(value) && Number.isSafeInteger(step) && value % step === 0));
}

function stepOf(layer: Subschema): number | undefined {
  return numbersUnder([layer], "multipleOf")[0];
}
