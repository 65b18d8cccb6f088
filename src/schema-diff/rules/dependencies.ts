/** `dependentRequired`, `dependentSchemas`, and `dependencies`, which later dialects leave to the validator. */
import { allOf } from "../accepts.ts";
import { type Subschema, extended, keywordOf, under } from "../document.ts";
import { requiredNames } from "../facts.ts";
import { doubted } from "../failures.ts";
import { objects } from "../instance-types.ts";
import { isObject, own, stringsOf } from "../json.ts";
import { asserts } from "../keywords.ts";
import { casesFor, objectParts } from "../object-parts.ts";
import type { Facts, Failure, Prover, Rule } from "../rule.ts";

interface Dependency {
  readonly trigger: string;
  readonly names: readonly string[];
  readonly schema: Subschema | undefined;
}

function dependenciesOf(layer: Subschema, keyword: string): readonly Dependency[] {
  const value = asserts(layer, keyword) ? keywordOf(layer, keyword) : undefined;
  if (!isObject(value)) return [];
  return Object.keys(value).map((trigger) => ({ trigger, names: stringsOf(own(value, trigger)), schema: under(layer, keyword, trigger) }));
}

export const dependencyRules: readonly Rule[] = ["dependentRequired", "dependentSchemas", "dependencies"].map((keyword) => ({
  keywords: [keyword],
  types: objects,
  accepts: (layer, value, prover) => {
    if (!isObject(value)) return true;
    const verdict = allOf(
      dependenciesOf(layer, keyword)
        .filter(({ trigger }) => Object.hasOwn(value, trigger))
        .map(({ names, schema }) => (names.every((name) => Object.hasOwn(value, name)) ? schema === undefined || prover.accepts(schema, value) : false)),
    );
    return verdict === false && isOptional(layer, keyword) ? undefined : verdict;
  },
  failures: (facts, layer, prover) => {
    // A keyword that a validator may ignore proves nothing for one that it may not.
    const usable = keyword === "dependencies" ? ["dependencies", ...binding] : binding;
    const known = facts.layers.flatMap((former) => usable.flatMap((name) => dependenciesOf(former, name)));
    const found = dependenciesOf(layer, keyword).flatMap((asked) => dependencyFailures(keyword, asked, known, facts, layer, prover));
    if (!isOptional(layer, keyword)) return found;
    return found.map((failure) => doubted(failure, "some validators ignore dependencies in this dialect"));
  },
}));

const binding = ["dependentRequired", "dependentSchemas"];

function dependencyFailures(
  keyword: string,
  asked: Dependency,
  known: readonly Dependency[],
  facts: Facts,
  layer: Subschema,
  prover: Prover,
): readonly Failure[] {
  const { trigger, names, schema } = asked;
  prover.spend(1 + facts.layers.length);
  const parts = facts.layers.flatMap(objectParts);
  if (casesFor(parts, { name: trigger }).every((held) => held.length > 0 && prover.facts(held).empty)) return [];
  const present = presentWith(trigger, requiredNames(facts.layers), known, prover);
  const missing = names.filter((name) => !present.has(name));
  const pointer = extended(extended(layer.pointer, keyword), trigger);
  const before = known.find((dependency) => dependency.trigger === trigger && dependency.names.length > 0)?.names;
  const found: Failure[] = missing.length === 0 ? [] : [{ pointer, keyword, kind: "BREAKING", former: before, next: names }];
  if (!schema) return found;
  const applied = known.filter((dependency) => present.has(dependency.trigger)).flatMap((dependency) => dependency.schema ?? []);
  const withTrigger = schema.document.made({ type: "object", required: [trigger] }, "");
  return [...found, ...prover.failures([...facts.parts, withTrigger, ...applied], schema)];
}

/** The properties that are there whenever the trigger is. */
function presentWith(trigger: string, required: readonly string[], known: readonly Dependency[], prover: Prover): ReadonlySet<string> {
  const present = new Set([trigger, ...required]);
  for (let before = 0; before < present.size;) {
    prover.spend(known.length);
    before = present.size;
    for (const dependency of known) if (present.has(dependency.trigger)) for (const name of dependency.names) present.add(name);
  }
  return present;
}

function isOptional({ document }: Subschema, keyword: string): boolean {
  return keyword === "dependencies" && document.year >= 2019;
}
