/**
 * Proves that a schema accepts every value that other schemas accept together, constraint by constraint, or returns the
 * constraints that may refuse one.
 *
 * Guaranteed: an empty list of failures is a proof. A pair of schemas that recurs while it is being compared is
 * assumed to hold: since no schema leads back to itself for the same value (see reach.ts), it comes up for a smaller
 * value, and the proof is one by induction. When such a pair turns out not to hold, all results since then are
 * discarded. Work is bounded; what is left when it is exhausted is undecided, never proved.
 */
import { Exhausted, budgetOf } from "./budget.ts";
import { createAccepts } from "./accepts.ts";
import { type Subschema, once } from "./document.ts";
import { alternativesOf, besideRef, createFacts, tooMuch } from "./facts.ts";
import { createTypesOf } from "./types-of.ts";
import { acceptsAll, assertions, asserts } from "./keywords.ts";
import { layersOf } from "./layers.ts";
import { doubted, failureAt, merged, undecided } from "./failures.ts";
import { type Facts, type Failure, type Prover, type Rule, mostSplits } from "./rule.ts";
import type { SameText } from "./same-text.ts";

/** How many comparisons may be nested. */
const deepest = 150;

interface Means {
  readonly rules: readonly Rule[];
  readonly sameText: SameText;
  /** The number of small steps allowed. */
  readonly work: number;
}

/** Why `next` may refuse a value that `former` accepts; empty when it is proved that it refuses none. */
export function narrowings(former: Subschema, next: Subschema, means: Means): readonly Failure[] {
  const prover = createProver(means);
  return merged(untilExhausted([next], next, () => prover.failures([former], next)));
}

function createProver({ rules, sameText, work }: Means): Prover {
  const shown = new Map<string, readonly Failure[]>();
  const underWay = new Set<string>();
  const assumed = new Set<string>();
  /** The pairs that were found to hold, in order. */
  const fine: string[] = [];
  const spend = budgetOf(work);
  const byKeyword = Map.groupBy(
    rules.flatMap((rule) => rule.keywords.map((name) => ({ name, rule }))),
    ({ name }) => name,
  );
  let depth = 0;

  function failures(former: readonly Subschema[], next: Subschema): readonly Failure[] {
    if (acceptsAll(next)) return [];
    spend(1);
    if (depth >= deepest) return [undecided(next, "", tooMuch)];
    if (former.some((part) => prover.sameText(part, next))) return [];
    const facts = prover.facts(former);
    if (facts.empty) return [];
    const key = `${facts.key} > ${next.id}`;
    if (underWay.has(key)) assumed.add(key);
    return underWay.has(key) ? [] : (shown.get(key) ?? showing(key, facts, next));
  }

  function showing(key: string, facts: Facts, next: Subschema): readonly Failure[] {
    const before = fine.length;
    underWay.add(key);
    depth += 1;
    const found = merged(goalsOf(facts, next));
    depth -= 1;
    underWay.delete(key);
    shown.set(key, found);
    const wasAssumed = assumed.delete(key);
    if (found.length === 0) fine.push(key);
    else if (wasAssumed) for (const dependent of fine.splice(before)) shown.delete(dependent);
    return found;
  }

  function goalsOf(facts: Facts, next: Subschema): readonly (readonly Failure[])[] {
    const { schemas, refusal, lost, beside } = layersOf([next]);
    if (refusal) return [[failureAt(facts, refusal, "", "BREAKING")]];
    const applicable = schemas.flatMap((layer) => once(layer, "rules", rulesFor).map((rule) => ({ layer, rule })));
    return [
      ...lost.map((schema) => [undecided(schema, "$ref", "the reference is not followed")]),
      ...untilExhausted(applicable, next, ({ layer, rule }) => constraintFailures(facts, layer, rule, 0)),
      ...untilExhausted(beside, next, (schema) => failures([...facts.parts, ...facts.beside], schema).map((failure) => doubted(failure, besideRef))),
    ];
  }

  function rulesFor(layer: Subschema): readonly Rule[] {
    return [...new Set(assertions(layer).flatMap((name) => byKeyword.get(name)?.map(({ rule }) => rule) ?? []))];
  }

  function constraintFailures(facts: Facts, layer: Subschema, rule: Rule, splits: number): readonly Failure[] {
    if (facts.empty || (facts.types & rule.types) === 0) return [];
    const byValue = valueFailures(facts, layer, rule);
    if (byValue) return byValue;
    const direct = rule.failures(facts, layer, prover, splits);
    if (direct.length === 0) return [];
    const [branches] = alternativesOf(facts);
    if (branches && splits < mostSplits && rule.isDisjunctive !== true) {
      return merged(branches.map((branch) => constraintFailures(prover.facts([...facts.parts, branch]), layer, rule, splits + 1)));
    }
    const doubt = branches && splits >= mostSplits ? tooMuch : (facts.doubt ?? (facts.values ? "some of the values listed before may be refused" : undefined));
    return doubt === undefined ? direct : direct.map((failure) => doubted(failure, doubt));
  }

  /** The answer when there are few values, and it is clear for each; undefined when it is not. */
  function valueFailures(facts: Facts, layer: Subschema, rule: Rule): readonly Failure[] | undefined {
    spend(facts.values?.length ?? 0);
    const verdicts = facts.values?.map((value) => ({ value, accepted: rule.accepts(layer, value, prover) }));
    const refused = verdicts?.filter(({ accepted }) => accepted === false);
    if (refused?.some(({ value }) => facts.parts.every((part) => prover.accepts(part, value) === true))) {
      return [failureAt(facts, layer, rule.keywords.find((name) => asserts(layer, name)) ?? "", "BREAKING")];
    }
    return verdicts?.every(({ accepted }) => accepted === true) ? [] : undefined;
  }

  const prover: Prover = {
    failures,
    constraintFailures,
    holds: (former, next) => failures(former, next).length === 0,
    facts: (parts) => factsOf(parts),
    accepts: (schema, value) => acceptsValue(schema, value),
    typesOf: createTypesOf(),
    sameText,
    spend,
  };
  const factsOf = createFacts(prover);
  const acceptsValue = createAccepts(rules, prover);
  return prover;
}

/** What is found before the work is used up stays found; the rest of the goals is undecided. */
function untilExhausted<T>(goals: readonly T[], next: Subschema, failuresOf: (goal: T) => readonly Failure[]): readonly (readonly Failure[])[] {
  const found: (readonly Failure[])[] = [];
  try {
    for (const goal of goals) found.push(failuresOf(goal));
  } catch (error) {
    if (!(error instanceof Exhausted)) throw error;
    found.push([undecided(next, "", tooMuch)]);
  }
  return found;
}
