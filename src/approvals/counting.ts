/**
 * What the votes of a stage amount to. Pure: it reads the document alone.
 *
 * For a requirement, E are its candidates, A, R the distinct people who approve and reject it. It is satisfied when A ≥ need,
 * rejected when R ≥ veto, and cannot be satisfied when A + open < need; open are those of E who can still
 * add an approval. With n = |E ∪ voters|, a need of p percent is max(1, ⌈p·n/100⌉), and `all` is n. Where people must be distinct
 * within a stage, `A ≥ need` is an assignment of people to requirements in which each takes one place.
 */
import { assign } from "./matching.ts";
import { isAny, isKeyOf } from "./people.ts";
import type { Approval, Candidate, Requirement, Stage, Vote } from "./request.ts";
import type { PolicyDocument } from "./types.ts";

export interface Tally {
  readonly requirement: Requirement;
  /** How many must approve; infinite for a share of people whom nothing lists. */
  readonly need: number;
  /** How many approvals count for it, at most `need`. */
  readonly have: number;
  readonly approvals: readonly Vote[];
  readonly rejections: readonly Vote[];
  /**
   * Candidates who can still add an approval: they have not voted, want changes, or approved other requirements alone. Undefined
   * where nothing lists them.
   */
  readonly open: readonly Candidate[] | undefined;
  readonly isMet: boolean;
  readonly isRejected: boolean;
  /** Even with the approval of everybody who is left it would not be met. */
  readonly isImpossible: boolean;
}

export interface StageTally {
  readonly requirements: readonly Tally[];
  readonly result: "SATISFIED" | "REJECTED" | "IMPOSSIBLE" | "OPEN";
  /** Those who want changes, and have not changed their vote. */
  readonly wantChanges: readonly Vote[];
}

/** Names of everybody who asked for this request or wrote its revision, and so may not decide on it. */
export function barredFrom({ requesterMayVote, requesters, onBehalfOf, author }: Approval): readonly string[] {
  if (requesterMayVote) return [];
  return [...requesters, author, ...(onBehalfOf ? [onBehalfOf] : [])].flatMap(({ identities }) => identities);
}

/**
 * Names of those who approved another stage, themselves or by a stand-in, where a person counts once in the whole request. They do not
 * count again, neither themselves nor by a stand-in.
 */
export function usedUp(approval: Approval, stage: string, { distinctPeople }: Pick<PolicyDocument, "distinctPeople">): readonly string[] {
  if (distinctPeople !== "request") return [];
  const approvals = approval.votes.filter((vote) => vote.stage !== stage && vote.verdict === "approve");
  return approvals.flatMap(({ voter, standsInFor }) => [...voter.identities, ...standsInFor]);
}

/** True when nobody is left in whose place a stand-in would vote. */
function isForNobody(standsInFor: readonly string[], used: readonly string[]): boolean {
  return standsInFor.length > 0 && standsInFor.every((key) => used.includes(key));
}

export function tallyOf(approval: Approval, stage: Stage, policy: Pick<PolicyDocument, "distinctPeople">): StageTally {
  const barred = barredFrom(approval);
  const used = usedUp(approval, stage.id, policy);
  const isOut = ({ voter: { identities }, standsInFor }: Vote) =>
    isAny([...identities, ...standsInFor], barred) || isAny(identities, used) || isForNobody(standsInFor, used);
  const votes = approval.votes.filter((vote) => vote.stage === stage.id && !isOut(vote));
  const counts = stage.requirements.map((requirement) => countOf(requirement, votes, barred, used));
  const [have, possible] = policy.distinctPeople === "requirement" ? apart(counts) : together(counts);
  const requirements = counts.map(({ requirement, need, approvals, rejections, open }, i) => ({
    requirement,
    need,
    have: have[i] ?? 0,
    approvals,
    rejections,
    open,
    isMet: (have[i] ?? 0) >= need,
    isRejected: rejections.length >= requirement.veto,
    isImpossible: (possible[i] ?? 0) < need,
  }));
  const wantChanges = votes.filter(({ verdict }) => verdict === "request_changes");
  return { requirements, wantChanges, result: resultOf(requirements, wantChanges) };
}

function resultOf(requirements: readonly Tally[], wantChanges: readonly Vote[]): StageTally["result"] {
  if (requirements.some(({ isRejected }) => isRejected)) return "REJECTED";
  if (requirements.some(({ isImpossible }) => isImpossible)) return "IMPOSSIBLE";
  return wantChanges.length === 0 && requirements.every(({ isMet }) => isMet) ? "SATISFIED" : "OPEN";
}

interface Count {
  readonly requirement: Requirement;
  readonly need: number;
  readonly approvals: readonly Vote[];
  readonly rejections: readonly Vote[];
  readonly open: readonly Candidate[] | undefined;
}

function countOf(requirement: Requirement, votes: readonly Vote[], barred: readonly string[], used: readonly string[]): Count {
  const own = votes.filter(({ requirements }) => requirements.includes(requirement.id));
  const isOut = ({ key, standsInFor }: Candidate) => barred.includes(key) || used.some((name) => isKeyOf(name, key)) || isForNobody(standsInFor, used);
  const candidates = requirement.candidates?.filter((candidate) => !isOut(candidate));
  const without = (cast: readonly Vote[]) => candidates?.filter((candidate) => !isTaken(candidate, cast));
  const n = candidates && own.length + (without(own)?.length ?? 0);
  const isFinal = ({ verdict, requirements }: Vote) =>
    verdict === "reject" || verdict === "abstain" || (verdict === "approve" && requirements.includes(requirement.id));
  return {
    requirement,
    need: needOf(requirement.need, n),
    approvals: own.filter(({ verdict }) => verdict === "approve"),
    rejections: own.filter(({ verdict }) => verdict === "reject"),
    open: without(votes.filter(isFinal)),
  };
}

/** True when a vote of the candidate's would add nobody: the candidate voted, or the places are taken that the vote would be for. */
function isTaken({ key, standsInFor }: Candidate, votes: readonly Vote[]): boolean {
  if (votes.some(({ voter }) => voter.identities.includes(key))) return true;
  if (standsInFor.length === 0) return votes.some((vote) => vote.standsInFor.length > 0 && vote.standsInFor.every((absent) => isKeyOf(absent, key)));
  return standsInFor.every((absent) => votes.some((vote) => vote.voter.identities.includes(absent) || vote.standsInFor.includes(absent)));
}

/** How many of `n` people must approve; at least one, whatever a policy says. */
export function needOf(need: Requirement["need"], n: number | undefined): number {
  if (need !== "all" && "count" in need) return Math.max(1, need.count);
  if (n === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(1, need === "all" ? n : Math.ceil((need.percent * n) / 100));
}

type Filled = readonly [have: readonly number[], possible: readonly number[]];

/** Each requirement for itself. */
function apart(counts: readonly Count[]): Filled {
  return [
    counts.map(({ approvals, need }) => Math.min(approvals.length, need)),
    counts.map(({ approvals, open, need }) => (open === undefined ? need : Math.min(approvals.length + open.length, need))),
  ];
}

/** Each person for one requirement at most. */
function together(counts: readonly Count[]): Filled {
  if (counts.length === 1) return apart(counts);
  const choices = new Map<string, number[]>();
  const voters: number[][] = [];
  const choose = (key: string, place: number) => choices.set(key, [...(choices.get(key) ?? []), place]);
  counts.forEach(({ approvals }, i) => approvals.forEach(({ voter }) => choose(voter.key, i)));
  voters.push(...choices.values());
  const finite = (need: number) => Math.min(need, 100_000);
  const have = assign(
    voters,
    counts.map(({ need }) => finite(need)),
  );
  // A requirement whose people nothing lists takes none of the listed ones away: there may always be others.
  const approvers = counts.flatMap(({ approvals }) => approvals.map(({ voter }) => voter));
  const voterOf = (key: string) => approvers.find(({ identities }) => identities.includes(key))?.key ?? key;
  counts.forEach(({ open }, i) => open?.forEach(({ key }) => choose(voterOf(key), i)));
  const capacity = counts.map(({ open, need }) => (open === undefined ? 0 : finite(need)));
  const listed = assign([...choices.values()], capacity);
  return [have, counts.map(({ open, need }, i) => (open === undefined ? need : (listed[i] ?? 0)))];
}
