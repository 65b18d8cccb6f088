/** `anyOf` and `oneOf`. */
import { anyOf } from "../accepts.ts";
import type { Subschema } from "../document.ts";
import { alternativesOf, typesApart } from "../facts.ts";
import { doubted, failureAt, merged } from "../failures.ts";
import { anything } from "../instance-types.ts";
import { asserts, schemasUnder } from "../keywords.ts";
import { type Facts, type Failure, type Prover, type Rule, mostSplits } from "../rule.ts";
import { type Mark, areApart, candidates, markOf, mostPairwise } from "./apart.ts";

export const anyOfRule: Rule = {
  keywords: ["anyOf"],
  types: anything,
  isDisjunctive: true,
  accepts: (layer, value, prover) => anyOf(schemasUnder(layer, "anyOf").map((branch) => prover.accepts(branch, value))),
  failures: (facts, layer, prover, splits) => {
    const branches = schemasUnder(layer, "anyOf");
    return alternativeFailures({ rule: anyOfRule, layer, branches, mark: markOf(layer, branches, facts, prover), needsOne: false }, facts, prover, splits);
  },
};

export const oneOfRule: Rule = {
  keywords: ["oneOf"],
  types: anything,
  isDisjunctive: true,
  accepts: (layer, value, prover) => {
    const verdicts = schemasUnder(layer, "oneOf").map((branch) => prover.accepts(branch, value));
    const sure = verdicts.filter((verdict) => verdict === true).length;
    if (sure > 1) return false;
    return verdicts.includes(undefined) ? undefined : sure === 1;
  },
  failures: (facts, layer, prover, splits) => {
    const branches = schemasUnder(layer, "oneOf");
    if (facts.layers.some((former) => asserts(former, "oneOf") && areTheSame(schemasUnder(former, "oneOf"), branches, prover))) return [];
    const mark = markOf(layer, branches, facts, prover);
    return alternativeFailures({ rule: oneOfRule, layer, branches, mark, needsOne: !areApart(branches, mark, facts, prover) }, facts, prover, splits);
  },
};

interface Asked {
  readonly rule: Rule;
  readonly layer: Subschema;
  readonly branches: readonly Subschema[];
  readonly mark: Mark | undefined;
  /** That a branch accepts a value is not enough: no other may. */
  readonly needsOne: boolean;
}

/**
 * Either one branch accepts all values, or the values are split first, by alternatives of the former version or by
 * type, and each part has its branch.
 */
function alternativeFailures(asked: Asked, facts: Facts, prover: Prover, splits: number): readonly Failure[] {
  const { rule, layer, branches, needsOne } = asked;
  prover.spend(branches.length);
  const bySort = (sorts: readonly Subschema[]) =>
    merged(sorts.map((sort) => prover.constraintFailures(prover.facts([...facts.parts, sort]), layer, rule, splits + 1)));
  const nearest = splits < mostSplits ? nearestAlternatives(facts, asked, prover) : undefined;
  // Where all must fulfil just one branch, it is not enough that each fulfils some.
  if (nearest) return bySort(needsOne ? nearest.list : nearest.uncovered);
  const direct = directFailures(asked, facts, prover);
  const types = direct.length > 0 && splits < mostSplits ? typesApart(facts, layer) : undefined;
  return types ? bySort(types) : direct;
}

/** The list of alternatives of the former version of which the fewest are not each within a branch of the next one. */
function nearestAlternatives(
  facts: Facts,
  { layer, branches, mark }: Asked,
  prover: Prover,
): { list: readonly Subschema[]; uncovered: readonly Subschema[] } | undefined {
  const isNear = (list: readonly Subschema[]) => Number(list[0]?.pointer.startsWith(layer.pointer) ?? false);
  const lists = alternativesOf(facts)
    .toSorted((a, b) => isNear(b) - isNear(a))
    .slice(0, mostSplits);
  const covers = (former: Subschema) => (branch: Subschema | undefined) => branch !== undefined && prover.holds([former], branch);
  const isCovered = (former: Subschema, index: number) =>
    covers(former)(branches[index]) || candidates(branches, mark, prover.facts([former]), prover).some(covers(former));
  const ranked = lists.map((list) => ({ list, uncovered: list.filter((former, index) => !isCovered(former, index)) }));
  return ranked.toSorted((a, b) => a.uncovered.length - b.uncovered.length)[0];
}

interface Attempt {
  readonly branch: Subschema;
  readonly found: readonly Failure[];
  /** Whether it is shown that the branch accepts none of the values. */
  excluded(): boolean;
}

function directFailures({ layer, branches, mark, needsOne, rule }: Asked, facts: Facts, prover: Prover): readonly Failure[] {
  const keyword = rule.keywords[0] ?? "";
  const tried = candidates(branches, mark, facts, prover).map((branch): Attempt => ({
    branch,
    found: prover.failures(facts.parts, branch),
    excluded: () => prover.facts([...facts.parts, branch]).empty,
  }));
  const accepting = tried.filter(({ found }) => found.length === 0);
  if (accepting.length === 0) return noneOf(facts, layer, keyword, tried, prover);
  if (!needsOne) return [];
  if (accepting.length > 1) {
    const kind = isSettled(facts, prover) ? "BREAKING" : "UNKNOWN";
    return [failureAt(facts, layer, keyword, kind, "two alternatives accept the same values now")];
  }
  const others = tried.filter((attempt) => attempt !== accepting[0]);
  return others.every(({ excluded }) => excluded()) ? [] : [failureAt(facts, layer, keyword, "UNKNOWN", "two alternatives may accept the same value")];
}

/** The failure to report when no branch is proved to accept all values. */
function noneOf(facts: Facts, layer: Subschema, keyword: string, tried: readonly Attempt[], prover: Prover): readonly Failure[] {
  const possible = tried.filter(({ excluded }) => !excluded());
  const types = possible.reduce((all, { branch }) => all | prover.typesOf(branch), 0);
  const [only] = possible;
  if (possible.length === 1 && only) return only.found;
  if (possible.length === 0 || (facts.types & ~types) !== 0) return [failureAt(facts, layer, keyword, "BREAKING")];
  const nearest = possible.toSorted((a, b) => a.found.length - b.found.length)[0]?.found ?? [];
  const because = "another alternative may accept what this one refuses";
  if (nearest.length <= 2 && nearest.every(({ topic }) => topic === undefined)) return nearest.map((failure) => doubted(failure, because));
  return [failureAt(facts, layer, keyword, "UNKNOWN", "which alternative stands for which is not decided")];
}

/** Of every `oneOf` known to hold, no second branch can hold too: else it may have refused the values before. */
function isSettled({ layers, parts }: Facts, prover: Prover): boolean {
  const branches = layers.flatMap((layer) => (asserts(layer, "oneOf") ? schemasUnder(layer, "oneOf") : []));
  return branches.every((branch) => parts.includes(branch) || prover.facts([...parts, branch]).empty);
}

/** Each branch of one list means the same as one of the other, in long lists the one in its place; and the lists are as long as each other. */
function areTheSame(former: readonly Subschema[], next: readonly Subschema[], prover: Prover): boolean {
  if (former.length !== next.length) return false;
  const left = [...next];
  return former.every((branch, index) => {
    const same = (other: Subschema) => prover.holds([branch], other) && prover.holds([other], branch);
    const counterpart = next[index];
    const isInPlace = counterpart !== undefined && left.includes(counterpart) && same(counterpart);
    const found = isInPlace ? counterpart : next.length <= mostPairwise ? left.find(same) : undefined;
    if (found) left.splice(left.indexOf(found), 1);
    return found !== undefined;
  });
}
