/** `pattern`, `format` and `content…`. No pattern is ever run. */
import { type Subschema, keywordOf } from "../document.ts";
import { failureAt } from "../failures.ts";
import { anything, strings } from "../instance-types.ts";
import { canonical } from "../json.ts";
import { asserts } from "../keywords.ts";
import { matchesAll, patternMatches } from "../pattern.ts";
import type { Rule } from "../rule.ts";

export const patternRule: Rule = {
  keywords: ["pattern"],
  types: strings,
  accepts: (layer, value) => (typeof value === "string" ? patternMatches(patternOf(layer), value) : true),
  failures: (facts, layer) => {
    const pattern = patternOf(layer);
    const former = facts.layers.filter((known) => asserts(known, "pattern"));
    if (matchesAll(pattern) || former.some((known) => patternOf(known) === pattern)) return [];
    if (former.length > 0) return [failureAt(facts, layer, "pattern", "UNKNOWN", "whether one pattern matches all that another does is not decided")];
    return [failureAt(facts, layer, "pattern", "BREAKING")];
  },
};

function patternOf(layer: Subschema): string {
  return String(keywordOf(layer, "pattern"));
}

/** Keywords that one validator checks and another takes for an annotation: only the very same is known to be the same. */
export const optionalRules: readonly Rule[] = ["format", "contentEncoding", "contentMediaType", "contentSchema"].map((keyword) => ({
  keywords: [keyword],
  types: keyword === "format" ? anything : strings,
  accepts: () => undefined,
  failures: (facts, layer) => {
    const text = canonical(keywordOf(layer, keyword) ?? null);
    const isKept = facts.layers.some((known) => asserts(known, keyword) && canonical(keywordOf(known, keyword) ?? null) === text);
    return isKept ? [] : [failureAt(facts, layer, keyword, "UNKNOWN", `some validators check ${keyword}, others do not`)];
  },
}));
