/** `minimum`, `maximum`, their exclusive forms, `multipleOf`. */
import { type Bound, atLeastAsStrict, lowerBound, numbersUnder, upperBound } from "../bounds.ts";
import { type Subschema, keywordOf } from "../document.ts";
import { type Numeric, doubleOf, isMultipleOf, isNumeric } from "../exact-number.ts";
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
      return bound === undefined || !isNumeric(value) || atLeastAsStrict({ value, exclusive: false }, bound, sign);
    },
    failures: (facts, layer) => {
      const integersOnly = (facts.types & fractions) === 0;
      const known = boundOf(facts.layers, integersOnly);
      const asked: Bound | undefined = boundOf([layer], integersOnly);
      if (asked === undefined || atLeastAsStrict(known, asked, sign)) return [];
      const [inclusive = "", exclusive = ""] = keywords;
      const isMadeExclusive = layer.document.year === 4 && keywordOf(layer, exclusive) === true && !known?.exclusive;
      return [failureAt(facts, layer, isMadeExclusive || !asserts(layer, inclusive) ? exclusive : inclusive, "BREAKING")];
    },
  };
}

export const multipleRule: Rule = {
  keywords: ["multipleOf"],
  types: numbers,
  accepts: (layer, value) => {
    const step = stepOf(layer);
    if (step === undefined || !isNumeric(value)) return true;
    const times = doubleOf(value) / doubleOf(step);
    const inDoubles = Number.isInteger(times) && Math.abs(times) < largestCount;
    const inDecimals = isMultipleOf(value, step);
    return inDecimals === inDoubles ? inDecimals : undefined;
  },
  failures: (facts, layer) => {
    const step = stepOf(layer);
    if (step === undefined || isKnownMultiple(facts, step)) return [];
    return [failureAt(facts, layer, "multipleOf", "BREAKING")];
  },
};

/** Where validators that count in doubles begin to differ on what a whole number of times is. */
const largestCount = 1e21;

/** In decimals, as the steps are written, though a validator that counts in doubles finds that 1.1 is no multiple of 0.01. */
function isKnownMultiple(facts: Facts, step: Numeric): boolean {
  const known = numbersUnder(facts.layers, "multipleOf");
  const wholeOnly = (facts.types & fractions) === 0 ? [1] : [];
  return [...known, ...wholeOnly].some((value) => isMultipleOf(value, step) === true);
}

function stepOf(layer: Subschema): Numeric | undefined {
  return numbersUnder([layer], "multipleOf")[0];
}
