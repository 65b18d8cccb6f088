/** Whether a schema may mean something else because it names another dialect. */
import { type SchemaDocument, type Subschema, keywordOf } from "./document.ts";
import { isObject } from "./json.ts";
import { assertions } from "./keywords.ts";

/** The years in which what a keyword means, or whether it means anything, changed. */
const turns: Readonly<Record<string, readonly number[]>> = {
  if: [7],
  const: [6],
  contains: [6],
  propertyNames: [6],
  dependencies: [2019],
  dependentRequired: [2019],
  dependentSchemas: [2019],
  minContains: [2019],
  maxContains: [2019],
  prefixItems: [2020],
  additionalItems: [2020],
  unevaluatedItems: [2019, 2020],
  unevaluatedProperties: [2019],
  $recursiveRef: [2019, 2020],
  $dynamicRef: [2019, 2020],
  format: [2019],
  contentEncoding: [7, 2019],
  contentMediaType: [7, 2019],
  contentSchema: [2019],
};

/** Validators differ on whether these count in draft-04. */
const laterThanDraft04 = new Set(["const", "contains", "propertyNames", "if"]);

/** A keyword whose meaning depends on which of two dialects a document is read in; undefined if there is none. */
export function ambiguousKeyword(documents: readonly SchemaDocument[], schemas: readonly Subschema[]): string | undefined {
  const years = documents.map(({ year }) => year);
  const crosses = (turn: number) => turn > Math.min(...years) && turn <= Math.max(...years);
  for (const schema of schemas) {
    if (!isObject(schema.value)) continue;
    const isEarly = (keyword: string) => schema.document.year === 4 && laterThanDraft04.has(keyword);
    const ambiguous = Object.keys(schema.value).find((keyword) => isEarly(keyword) || turnsOf(schema, keyword).some(crosses));
    if (ambiguous !== undefined) return ambiguous;
  }
  return undefined;
}

function turnsOf(schema: Subschema, keyword: string): readonly number[] {
  if (keyword === "items") return Array.isArray(keywordOf(schema, "items")) ? [2020] : [];
  if (keyword === "$ref") return assertions(schema).length > 1 ? [2019] : [];
  return Object.hasOwn(turns, keyword) ? (turns[keyword] ?? []) : [];
}
