/**
 * What a request is to become, by the rules in words and without care for speed or form: people are names, everything is computed anew
 * from what has happened, and whether requirements can be met is found by trying every assignment of people.
 */
import type { Need } from "../../src/approvals/types.ts";

export interface Named {
  readonly users: readonly string[];
  readonly groups: readonly string[];
  readonly roles: readonly string[];
}

/** What an expression is worth for this request. */
export type When = "yes" | "no" | "fails";

export interface NaiveRequirement {
  readonly id: string;
  readonly when: When;
  readonly who: Named;
  readonly need: Need;
  readonly veto: number;
}

export interface NaiveStage {
  readonly id: string;
  readonly when: When;
  readonly requirements: readonly NaiveRequirement[];
  /** In hours after the stage became active. */
  readonly after: readonly ({ readonly in: number; readonly do: "remind" | "reject" } | { readonly in: number; readonly do: "escalate"; readonly to: Named })[];
}

export interface NaivePolicy {
  readonly stages: readonly NaiveStage[];
  readonly distinct: "stage" | "request" | "requirement";
  readonly requesterMayVote: boolean;
  readonly onUnsatisfiable: "reject" | "expire" | { readonly escalate: Named };
  readonly onExpire: "expire" | "reject" | "approve";
  readonly ttl: number;
  readonly effect: { readonly auto: boolean; readonly grantTtl: number | undefined };
}

export interface NaivePerson {
  readonly groups: readonly string[];
  readonly roles: readonly string[];
  readonly enabled: boolean;
}

export interface NaiveVote {
  readonly stage: number;
  readonly voter: string;
  readonly verdict: string;
  readonly comment: string;
  readonly counts: readonly string[];
  readonly inPlaceOf: readonly string[];
}

export type May = { readonly counts: readonly string[]; readonly inPlaceOf: readonly string[] } | { readonly no: string };

export interface Naive {
  /** With the stages and requirements that apply alone. */
  policy: NaivePolicy;
  /** As it is written, and the one by which a revision may be decided. */
  full: NaivePolicy;
  next: NaivePolicy;
  /** Whether the directory can be read. Without it credentials say who is who. */
  isKnown: boolean;
  people: Readonly<Record<string, NaivePerson>>;
  standIns: readonly { readonly from: string; readonly to: string }[];
  /** The first opened the request. */
  asked: readonly string[];
  behalf: string | undefined;
  author: string;
  isStanding: boolean;
  now: number;
  expires: number;
  decision: string;
  grant: string;
  grantUntil: number;
  effect: string;
  votes: readonly NaiveVote[];
  /** The number of the active stage. */
  at: number;
  stages: readonly Progress[];
  /** True when the latest step said that the request cannot be satisfied. */
  saidNow: boolean;
}

/** What has become of a stage. */
interface Progress {
  since: number;
  done: readonly number[];
  /** Whom its requirements name besides, and whose place was given away. */
  added: readonly { readonly requirement: string; readonly who: Named }[];
  gone: readonly { readonly requirement: string; readonly name: string }[];
  /** Heads of each requirement, with those for whom they stand; undefined until the directory could be read. */
  heads: Readonly<Record<string, readonly Head[]>> | undefined;
  saidUnsatisfiable: boolean;
  escalated: boolean;
}

interface Head {
  readonly name: string;
  readonly inPlaceOf: readonly string[];
}

export const isOpen = (m: Naive) => ["PENDING", "IN_REVIEW", "CHANGES_REQUESTED"].includes(m.decision);

/** Who may revise, withdraw and revoke. */
export const isOwner = (m: Naive, name: string) => [m.asked[0], m.behalf, m.author].includes(name);

export const stageOf = (m: Naive): NaiveStage => m.policy.stages[m.at] as NaiveStage;

export const progressOf = (m: Naive): Progress => m.stages[m.at] as Progress;

function isNamedBy(who: Named, name: string, { groups, roles }: Pick<NaivePerson, "groups" | "roles">): boolean {
  return who.users.includes(name) || who.groups.some((group) => groups.includes(group)) || who.roles.some((role) => roles.includes(role));
}

export function hasPlace(m: Naive, { id, who }: NaiveRequirement, name: string): boolean {
  if (progressOf(m).gone.some((one) => one.requirement === id && one.name === name)) return false;
  const held = m.people[name] ?? { groups: [], roles: [] };
  return isNamedBy(who, name, held) || progressOf(m).added.some((one) => one.requirement === id && isNamedBy(one.who, name, held));
}

export function isBarredItself(m: Naive, name: string): boolean {
  return !m.policy.requesterMayVote && (m.asked.includes(name) || m.author === name);
}

/** Everybody whose place this person would take, by way of others too. */
function chain(m: Naive, name: string, seen: readonly string[] = []): readonly string[] {
  return m.standIns.filter(({ to, from }) => to === name && !seen.includes(from)).flatMap(({ from }) => [from, ...chain(m, from, [...seen, from])]);
}

export function isBarred(m: Naive, name: string): boolean {
  return isBarredItself(m, name) || chain(m, name).some((from) => isBarredItself(m, from));
}

/** By oneself, or by somebody in one's place. */
export function approvedElsewhere(m: Naive, name: string): boolean {
  const isBy = ({ voter, inPlaceOf }: NaiveVote) => voter === name || inPlaceOf.includes(name);
  return m.policy.distinct === "request" && m.votes.some((vote) => vote.stage !== m.at && vote.verdict === "approve" && isBy(vote));
}

/** A stand-in for people of whom each approved elsewhere. */
function isForNobody(m: Naive, inPlaceOf: readonly string[]): boolean {
  return inPlaceOf.length > 0 && inPlaceOf.every((from) => approvedElsewhere(m, from));
}

export function may(m: Naive, name: string): May {
  if (!isOpen(m) || m.now >= m.expires) return { no: "REQUEST_CLOSED" };
  if (m.isKnown && m.people[name]?.enabled === false) return { no: "PERSON_DISABLED" };
  if (!m.policy.requesterMayVote && m.asked.includes(name)) return { no: "SOD_REQUESTER" };
  if (isBarredItself(m, name)) return { no: "SOD_AUTHOR" };
  if (isBarred(m, name)) return { no: "SOD_STAND_IN" };
  if (approvedElsewhere(m, name)) return { no: "ALREADY_COUNTED" };
  const { requirements } = stageOf(m);
  const own = requirements.filter((one) => hasPlace(m, one, name)).map(({ id }) => id);
  if (own.length > 0) return { counts: own, inPlaceOf: [] };
  const absent = m.standIns
    .filter(({ to, from }) => to === name && (!m.isKnown || m.people[from]?.enabled === true))
    .map(({ from }) => ({ from, places: requirements.filter((one) => hasPlace(m, one, from)).map(({ id }) => id) }))
    .filter(({ places }) => places.length > 0);
  if (absent.length === 0) return { no: "NOT_ELIGIBLE" };
  const here = m.votes.filter(({ stage, voter }) => stage === m.at && voter !== name);
  const free = absent.filter(({ from }) => !approvedElsewhere(m, from) && !here.some(({ voter, inPlaceOf }) => voter === from || inPlaceOf.includes(from)));
  if (free.length === 0) return { no: "ALREADY_COUNTED" };
  return { counts: [...new Set(free.flatMap(({ places }) => places))], inPlaceOf: free.map(({ from }) => from) };
}

/** E of each requirement, by the directory of now. */
export function resolve(m: Naive): void {
  if (!m.isKnown) {
    if (m.decision === "IN_REVIEW" && progressOf(m).heads === undefined) m.decision = "PENDING";
    return;
  }
  if (m.decision === "PENDING") m.decision = "IN_REVIEW";
  const heads: Record<string, readonly Head[]> = {};
  for (const one of stageOf(m).requirements) {
    const found = new Map<string, readonly string[] | "own">();
    for (const [name, { enabled }] of Object.entries(m.people)) {
      if (!enabled || !hasPlace(m, one, name) || isBarredItself(m, name)) continue;
      const deputy = m.standIns.find(({ from }) => from === name)?.to;
      if (deputy !== undefined && m.people[deputy]?.enabled === true && !isBarred(m, deputy)) {
        const before = found.get(deputy) ?? [];
        found.set(deputy, before === "own" ? "own" : [...before, name]);
      } else if (!isBarred(m, name)) found.set(name, "own");
    }
    heads[one.id] = [...found]
      .map(([name, places]) => ({ name, inPlaceOf: places === "own" ? [] : places.toSorted() }))
      .toSorted((a, b) => a.name.localeCompare(b.name));
  }
  const progress = progressOf(m);
  if (JSON.stringify(heads) !== JSON.stringify(progress.heads)) progress.saidUnsatisfiable = false;
  progress.heads = heads;
}

/** True when people can be given to places, one place a person, so that every place has as many as it needs. */
export function canFill(needs: readonly number[], people: readonly (readonly number[])[]): boolean {
  if (needs.every((need) => need <= 0)) return true;
  const [first, ...rest] = people;
  if (first === undefined) return false;
  const without = (place: number) => needs.map((need, i) => (i === place ? need - 1 : need));
  return canFill(needs, rest) || first.some((place) => (needs[place] ?? 0) > 0 && canFill(without(place), rest));
}

/** Votes of the active stage whose voter, and for whom they are, may decide. */
export function countedVotes(m: Naive): readonly NaiveVote[] {
  return m.votes.filter(
    (one) =>
      one.stage === m.at &&
      !isBarredItself(m, one.voter) &&
      !one.inPlaceOf.some((from) => isBarredItself(m, from)) &&
      !approvedElsewhere(m, one.voter) &&
      !isForNobody(m, one.inPlaceOf),
  );
}

export function outcomeOf(m: Naive): "rejected" | "impossible" | "met" | "open" {
  const { requirements } = stageOf(m);
  const votes = countedVotes(m);
  const of = (id: string, verdict: string) => votes.filter((one) => one.verdict === verdict && one.counts.includes(id));
  if (requirements.some(({ id, veto }) => of(id, "reject").length >= veto)) return "rejected";
  const { heads: listed } = progressOf(m);
  const heads = (id: string) =>
    (listed?.[id] ?? []).filter(({ name, inPlaceOf }) => !isBarredItself(m, name) && !approvedElsewhere(m, name) && !isForNobody(m, inPlaceOf));
  // A head is taken by a vote of its own, by one for the same absent person, or when all the absent it stands for are represented.
  const isTaken = ({ name, inPlaceOf }: Head, by: readonly NaiveVote[]) =>
    by.some(({ voter }) => voter === name) ||
    (inPlaceOf.length === 0
      ? by.some((one) => one.inPlaceOf.length > 0 && one.inPlaceOf.every((from) => from === name))
      : inPlaceOf.every((from) => by.some((one) => one.voter === from || one.inPlaceOf.includes(from))));
  const needs = requirements.map(({ id, need }) => {
    if (listed === undefined) return typeof need === "object" && "count" in need ? need.count : Number.POSITIVE_INFINITY;
    const own = votes.filter(({ counts }) => counts.includes(id));
    const n = own.length + heads(id).filter((head) => !isTaken(head, own)).length;
    if (n === 0) return Number.POSITIVE_INFINITY;
    if (need === "all") return n;
    return "count" in need ? need.count : Math.max(1, Math.ceil((need.percent * n) / 100));
  });
  const canStill = (id: string) => {
    const final = votes.filter(({ verdict, counts }) => verdict === "reject" || verdict === "abstain" || (verdict === "approve" && counts.includes(id)));
    return heads(id)
      .filter((head) => !isTaken(head, final))
      .map(({ name }) => name);
  };
  const now = requirements.map(({ id }) => of(id, "approve").map(({ voter }) => voter));
  const then = requirements.map(({ id }, i) => [...new Set([...(now[i] ?? []), ...canStill(id)])]);
  const fits = (lists: readonly (readonly string[])[]) => {
    if (m.policy.distinct === "requirement") return lists.every((list, i) => list.length >= (needs[i] ?? 0));
    if (needs.some((need) => need === Number.POSITIVE_INFINITY)) return false;
    return canFill(
      needs,
      [...new Set(lists.flat())].map((name) => lists.flatMap((list, i) => (list.includes(name) ? [i] : []))),
    );
  };
  // Where nothing lists those who can vote, there may always be others.
  if (listed !== undefined && !fits(then)) return "impossible";
  return fits(now) && votes.every(({ verdict }) => verdict !== "request_changes") ? "met" : "open";
}
