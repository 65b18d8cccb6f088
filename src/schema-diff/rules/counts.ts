/** `minLength`, `maxLength`, `minItems`, `maxItems`, `minProperties`, `maxProperties`. */
import { arrayParts, mostItems } from "../array-parts.ts";
import { numbersUnder } from "../bounds.ts";
import { compareNumeric, greatest, least } from "../exact-number.ts";
import { failureAt } from "../failures.ts";
import { requiredNames } from "../facts.ts";
import { arrays, objects, strings } from "../instance-types.ts";
import type { JsonValue } from "../json.ts";
import { isClosed, objectParts } from "../object-parts.ts";
import type { Facts, Rule } from "../rule.ts";

/** What the other keywords say about the count. */
type Known = (facts: Facts) => number;

export const countRules: readonly Rule[] = [
  leastRule("minLength", strings, () => 0),
  mostRule("maxLength", strings, () => Infinity),
  leastRule("minItems", arrays, () => 0),
  mostRule("maxItems", arrays, (facts) => Math.min(...facts.layers.flatMap(arrayParts).map(mostItems))),
  leastRule("minProperties", objects, (facts) => requiredNames(facts.layers).length),
  mostRule("maxProperties", objects, (facts) => {
    const closed = facts.layers.flatMap(objectParts).filter(isClosed);
    return Math.min(...closed.map(({ named }) => named.size));
  }),
];

function leastRule(keyword: string, types: number, known: Known): Rule {
  return {
    keywords: [keyword],
    types,
    accepts: (layer, value) => numbersUnder([layer], keyword).every((fewest) => compareNumeric(countOf(value), fewest) >= 0),
    failures: (facts, layer) => {
      const sure = greatest([known(facts), ...numbersUnder(facts.layers, keyword)]);
      return numbersUnder([layer], keyword).every((fewest) => compareNumeric(fewest, sure) <= 0) ? [] : [failureAt(facts, layer, keyword, "BREAKING")];
    },
  };
}

function mostRule(keyword: string, types: number, known: Known): Rule {
  return {
    keywords: [keyword],
    types,
    accepts: (layer, value) => numbersUnder([layer], keyword).every((most) => compareNumeric(countOf(value), most) <= 0),
    failures: (facts, layer) => {
      const sure = least([known(facts), ...numbersUnder(facts.layers, keyword)]);
      return numbersUnder([layer], keyword).every((most) => compareNumeric(most, sure) >= 0) ? [] : [failureAt(facts, layer, keyword, "BREAKING")];
    },
  };
}

/** Characters (code points), items or properties. */
function countOf(value: JsonValue): number {
  if (typeof value === "string") return [...value].length;
  return typeof value === "object" && value !== null ? Object.keys(value).length : 0;
}
