/** The items of arrays: which schema holds for which, `contains`, `uniqueItems`, `unevaluatedItems`. */
import { allOf } from "../accepts.ts";
import { type ArrayParts, arrayParts, itemAt, mostItems } from "../array-parts.ts";
import { numbersUnder } from "../bounds.ts";
import { type Subschema, keywordOf, under } from "../document.ts";
import { type Numeric, compareNumeric, greatest, least as leastOf } from "../exact-number.ts";
import { doubted, failureAt, narrowed } from "../failures.ts";
import { arrays } from "../instance-types.ts";
import { type JsonValue, canonical, listOf } from "../json.ts";
import { acceptsAll, asserts } from "../keywords.ts";
import { isConditional } from "../evaluated.ts";
import type { Facts, Failure, Prover, Rule } from "../rule.ts";

export const itemsRule: Rule = {
  keywords: ["items", "prefixItems", "additionalItems", "unevaluatedItems"],
  types: arrays,
  accepts: (layer, value, prover) =>
    allOf(
      listOf(value).flatMap((item, index) => {
        const schemas = arrayParts(layer).map((parts) => itemAt(parts, index));
        return schemas.map((schema) => (schema === undefined ? true : prover.accepts(schema, item)));
      }),
    ),
  failures: (facts, layer, prover) => {
    const former = facts.layers.flatMap(arrayParts);
    const leftOver = facts.layers.some((known) => isConditional(known, "unevaluatedItems", "contains"));
    const found = arrayParts(layer).flatMap((next) => positionFailures(next, former, longestOf(facts), prover));
    return leftOver ? found.map(mayBeLeftOver) : found;
  },
};

function positionFailures(next: ArrayParts, former: readonly ArrayParts[], longest: Numeric, prover: Prover): readonly Failure[] {
  const tuples = Math.max(next.tuple.length, ...former.map(({ tuple }) => tuple.length));
  const found: Failure[] = [];
  for (let index = 0; index <= tuples && compareNumeric(index, longest) < 0; index += 1) {
    prover.spend(1 + former.length);
    const at = index === tuples ? Infinity : index;
    const held = former.map((parts) => itemAt(parts, at)).filter((schema) => schema !== undefined);
    if (held.length > 0 && prover.facts(held).empty) break;
    const asked = itemAt(next, at);
    if (asked) found.push(...narrowed(held, asked, prover));
  }
  return found;
}

function mayBeLeftOver(failure: Failure): Failure {
  return failure.topic === "restricted" ? doubted(failure, "unevaluatedItems may have refused it before") : failure;
}

function longestOf(facts: Facts): Numeric {
  return leastOf([...numbersUnder(facts.layers, "maxItems"), ...facts.layers.flatMap(arrayParts).map(mostItems)]);
}

export const uniqueRule: Rule = {
  keywords: ["uniqueItems"],
  types: arrays,
  accepts: (layer, value) => !wantsUnique(layer) || new Set(listOf(value).map(canonical)).size === listOf(value).length,
  failures: (facts, layer) => {
    const isKnown = !wantsUnique(layer) || facts.layers.some(wantsUnique) || compareNumeric(longestOf(facts), 1) <= 0;
    return isKnown ? [] : [failureAt(facts, layer, "uniqueItems", "BREAKING")];
  },
};

function wantsUnique(layer: Subschema): boolean {
  return keywordOf(layer, "uniqueItems") === true;
}

interface Contains {
  readonly part: Subschema;
  readonly least: Numeric;
  readonly most: Numeric;
}

function containsOf(layer: Subschema): Contains | undefined {
  const part = asserts(layer, "contains") ? under(layer, "contains") : undefined;
  const limit = (name: string, otherwise: number) => (asserts(layer, name) ? (numbersUnder([layer], name)[0] ?? otherwise) : otherwise);
  return part && { part, least: limit("minContains", 1), most: limit("maxContains", Infinity) };
}

export const containsRule: Rule = {
  keywords: ["contains", "minContains", "maxContains"],
  types: arrays,
  accepts: (layer, value, prover) => {
    const asked = containsOf(layer);
    if (!asked) return true;
    const verdicts = listOf(value).map((item: JsonValue) => prover.accepts(asked.part, item));
    const sure = verdicts.filter((verdict) => verdict === true).length;
    const possible = sure + verdicts.filter((verdict) => verdict === undefined).length;
    const [isBelow, isAbove] = [(count: number) => compareNumeric(count, asked.least) < 0, (count: number) => compareNumeric(count, asked.most) > 0];
    if (isBelow(possible) || isAbove(sure)) return false;
    return !isBelow(sure) && !isAbove(possible) ? true : undefined;
  },
  failures: (facts, layer, prover) => {
    const asked = containsOf(layer);
    if (!asked) return [];
    const known = facts.layers.map(containsOf).filter((contains) => contains !== undefined);
    const isEnough = asked.least === 0 || known.some(({ part, least }) => compareNumeric(least, asked.least) >= 0 && prover.holds([part], asked.part));
    const isFewEnough =
      compareNumeric(asked.most, longestOf(facts)) >= 0 ||
      known.some(({ part, most }) => compareNumeric(most, asked.most) <= 0 && prover.holds([asked.part], part));
    const found: Failure[] = [];
    if (!isEnough) found.push(failureAt(facts, layer, asserts(layer, "minContains") ? "minContains" : "contains", tooFew(asked)));
    if (!isFewEnough) found.push(failureAt(facts, layer, "maxContains", tooMany(asked)));
    return found;

    /** An array without a single match was fine before, or fewer matches of the same were. */
    function tooFew({ part }: Contains): Failure["kind"] {
      const same = known.filter((contains) => prover.holds([part], contains.part) && prover.holds([contains.part], part));
      const couldBeEmpty = known.every(({ least }) => least === 0) && compareNumeric(greatest(numbersUnder(facts.layers, "minItems")), 0) <= 0;
      return couldBeEmpty || (known.length === 1 && same.length === 1) ? "BREAKING" : "UNKNOWN";
    }

    function tooMany({ part }: Contains): Failure["kind"] {
      const same = known.filter((contains) => prover.holds([part], contains.part) && prover.holds([contains.part], part));
      return (known.length === 1 && same.length === 1) || (known.length === 0 && acceptsAll(part)) ? "BREAKING" : "UNKNOWN";
    }
  },
};

export const unevaluatedItemsRule: Rule = {
  keywords: ["unevaluatedItems"],
  types: arrays,
  accepts: (layer) => (isConditional(layer, "unevaluatedItems", "contains") ? undefined : true),
  failures: (facts, layer, prover) => {
    // What does not depend on the value is seen to by the rule of items.
    if (!isConditional(layer, "unevaluatedItems", "contains") || facts.layers.some((former) => prover.sameText(former, layer))) return [];
    return [failureAt(facts, layer, "unevaluatedItems", "UNKNOWN", "it depends on all that stands beside it")];
  },
};
