/** `not`, `if`, and the references that depend on how they are reached. */
import { type Subschema, under } from "../document.ts";
import { failureAt } from "../failures.ts";
import { anything } from "../instance-types.ts";
import { acceptsAll, assertions, asserts } from "../keywords.ts";
import type { Rule } from "../rule.ts";

export const notRule: Rule = {
  keywords: ["not"],
  types: anything,
  accepts: (layer, value, prover) => {
    const schema = under(layer, "not");
    const verdict = schema && prover.accepts(schema, value);
    return verdict === undefined ? undefined : !verdict;
  },
  failures: (facts, layer, prover) => {
    const refused = under(layer, "not");
    if (!refused || prover.facts([...facts.parts, refused]).empty) return [];
    const before = facts.layers.map((former) => under(former, "not")).filter((schema) => schema !== undefined);
    // Turned round: what is refused now must have been refused before.
    if (before.some((schema) => prover.holds([refused], schema))) return [];
    const [only, ...others] = assertions(refused);
    const inner = only === "not" && others.length === 0 ? under(refused, "not") : undefined;
    if (inner) return prover.failures(facts.parts, inner);
    if (acceptsAll(refused)) return [failureAt(facts, layer, "not", "BREAKING")];
    return [failureAt(facts, layer, "not", "UNKNOWN", "what a negated schema refuses is not decided")];
  },
};

export const ifRule: Rule = {
  keywords: ["if"],
  types: anything,
  accepts: (layer, value, prover) => {
    const [condition, then, otherwise] = conditionOf(layer);
    const verdicts = { true: then ? prover.accepts(then, value) : true, false: otherwise ? prover.accepts(otherwise, value) : true };
    const met = condition && prover.accepts(condition, value);
    const verdict = met === undefined ? (verdicts.true === verdicts.false ? verdicts.true : undefined) : verdicts[`${met}`];
    // Draft-06 does not know the keyword, though validators apply it there.
    return layer.document.year < 7 && verdict === false ? undefined : verdict;
  },
  failures: (facts, layer, prover) => {
    const [condition, then, otherwise] = conditionOf(layer);
    if (!condition) return [];
    const former = facts.layers.filter((known) => asserts(known, "if")).map(conditionOf);
    const met = former.flatMap(([known, implied]) => (known && implied && prover.holds([condition], known) ? [implied] : []));
    const unmet = former.flatMap(([known, , implied]) => (known && implied && prover.holds([known], condition) ? [implied] : []));
    const inThen = !then || prover.holds([...facts.parts, condition, ...met], then);
    // Values that all meet the condition never come to the other branch.
    const inElse = !otherwise || prover.holds([...facts.parts, ...unmet], otherwise) || prover.holds(facts.parts, condition);
    if (inThen && inElse) return [];
    return [failureAt(facts, layer, "if", "UNKNOWN", "which values a condition concerns is not decided")];
  },
};

function conditionOf(layer: Subschema): readonly [Subschema | undefined, Subschema | undefined, Subschema | undefined] {
  return [under(layer, "if"), under(layer, "then"), under(layer, "else")];
}

/** Where these lead depends on the whole document, so that any change may be a change of their meaning. */
export const dynamicRules: readonly Rule[] = ["$dynamicRef", "$recursiveRef"].map((keyword) => ({
  keywords: [keyword],
  types: anything,
  accepts: () => undefined,
  failures: (facts, layer) => [failureAt(facts, layer, keyword, "UNKNOWN", "where it leads depends on how it is reached")],
}));
