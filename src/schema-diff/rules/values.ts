/** `type`, `enum`, `const`. */
import { type Subschema, keywordOf, once } from "../document.ts";
import { failureAt } from "../failures.ts";
import { anything, strings, typeOf, typesNamed } from "../instance-types.ts";
import { canonical, listOf } from "../json.ts";
import { asserts } from "../keywords.ts";
import type { Rule } from "../rule.ts";

export const typeRule: Rule = {
  keywords: ["type"],
  types: anything,
  accepts: (layer, value) => (typeOf(value) & typesNamed(keywordOf(layer, "type"))) !== 0,
  failures: (facts, layer) => ((facts.types & ~typesNamed(keywordOf(layer, "type"))) === 0 ? [] : [failureAt(facts, layer, "type", "BREAKING")]),
};

export const listRule: Rule = {
  keywords: ["const", "enum"],
  types: anything,
  accepts: (layer, value) => {
    const text = canonical(value);
    if (asserts(layer, "const") && text !== once(layer, "its constant", constantText)) return false;
    return !asserts(layer, "enum") || once(layer, "its list", listedTexts).has(text);
  },
  // Asked only of values that are not listed: more of them than can be listed here, unless a pattern leaves few.
  failures: (facts, layer) => {
    const keyword = asserts(layer, "const") ? "const" : "enum";
    const isNarrow = facts.types === strings && facts.layers.some((former) => asserts(former, "pattern") || asserts(former, "format"));
    return [isNarrow ? failureAt(facts, layer, keyword, "UNKNOWN", "a pattern or format may allow just these") : failureAt(facts, layer, keyword, "BREAKING")];
  },
};

function constantText(layer: Subschema): string {
  return canonical(keywordOf(layer, "const") ?? null);
}

function listedTexts(layer: Subschema): ReadonlySet<string> {
  return new Set(listOf(keywordOf(layer, "enum")).map(canonical));
}
