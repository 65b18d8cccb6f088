/** What a request waits for, in words and in data. Pure; by the same predicates as votes. */
import { tallyOf, type Tally } from "./counting.ts";
import { oneLine } from "./event-text.ts";
import { excludedFrom, type Excluded } from "./excluded.ts";
import { namesText, whoText } from "./may-vote.ts";
import { dueAt } from "./machine.ts";
import { memberOf, nameIn, type World } from "./people.ts";
import { activeStage, isOpen, type Approval, type Stage } from "./request.ts";
import type { PolicyDocument } from "./types.ts";

export interface ExplainedRequirement {
  readonly id: string;
  /** How many must approve; undefined while that is not known. */
  readonly need: number | undefined;
  readonly have: number;
  readonly approvedBy: readonly string[];
  readonly rejectedBy: readonly string[];
  /** Who can still vote; undefined where nothing lists them: `who` says whom it names. */
  readonly canVote: readonly string[] | undefined;
  readonly who: string;
  readonly excluded: readonly Excluded[];
  /** One sentence. */
  readonly text: string;
}

export interface Explanation {
  /** One paragraph: the state, what it waits for, and what happens by itself. */
  readonly summary: string;
  readonly stage: string | undefined;
  readonly requirements: readonly ExplainedRequirement[];
  /** What happens by itself, and when. */
  readonly next: { readonly at: number; readonly what: string } | undefined;
}

export function explain(approval: Approval, policy: PolicyDocument, world: World): Explanation {
  const stage = isOpen(approval) ? activeStage(approval) : undefined;
  if (!stage) return { summary: oneLine(ended(approval, world)), stage: undefined, requirements: [], next: nextOf(approval, policy, undefined) };
  const tally = tallyOf(approval, stage, policy);
  const requirements = tally.requirements.map((one) => explained(one, approval, policy, world));
  const next = nextOf(approval, policy, stage);
  const changes = tally.wantChanges.map(({ voter, comment }) => `${voter.name} wants changes${comment && ` (${comment})`}.`);
  const unknown = approval.decision === "PENDING" ? ["The directory of people cannot be read yet."] : [];
  const waits = requirements.filter(({ have, need }) => need === undefined || have < need).map(({ text }) => text);
  const summary = [`Stage ${stage.id} is open.`, ...unknown, ...changes, ...waits, ...(next ? [`It ${next.what} at ${iso(next.at)}.`] : [])].join(" ");
  return { summary: oneLine(summary), stage: stage.id, requirements, next };
}

function explained(tally: Tally, approval: Approval, policy: PolicyDocument, world: World): ExplainedRequirement {
  const { requirement, approvals, rejections, open, have, isImpossible } = tally;
  const need = Number.isFinite(tally.need) ? tally.need : undefined;
  const who = whoText(requirement.who);
  const named = (name: string, standsInFor: readonly string[]) =>
    standsInFor.length > 0 ? `${name} (for ${standsInFor.map((key) => nameOf(key, approval, world)).join(", ")})` : name;
  const namesOf = (votes: typeof approvals) => votes.map(({ voter, standsInFor }) => named(voter.name, standsInFor));
  const canVote = open?.map(({ name, standsInFor }) => named(name, standsInFor));
  const approvedBy = namesOf(approvals);
  const counted = `${have} of ${need ?? "an unknown number"}${approvedBy.length > 0 ? ` by ${namesText(approvedBy)}` : ""}`;
  const left = canVote
    ? canVote.length > 0
      ? `${namesText(canVote)} can still vote${isImpossible ? ", which is not enough" : ""}`
      : "nobody is left who can vote"
    : `anybody of ${who} can vote`;
  const done = need !== undefined && have >= need;
  return {
    id: requirement.id,
    need,
    have,
    approvedBy,
    rejectedBy: namesOf(rejections),
    canVote,
    who,
    excluded: excludedFrom(tally, approval, policy, world),
    text: done ? `${requirement.id} is met: ${counted}.` : `${requirement.id} has ${counted}; ${left}.`,
  };
}

function nextOf(approval: Approval, policy: PolicyDocument, stage: Stage | undefined): Explanation["next"] {
  const at = dueAt(approval);
  if (at === undefined) return undefined;
  if (!stage) return { at, what: isOpen(approval) ? "expires" : "stops granting anything" };
  // What is due at the moment of the expiry does not happen any more.
  const action = at < approval.expiresAt && stage.after.find(({ afterMs }, i) => !stage.done.includes(i) && (stage.activeSince ?? 0) + afterMs === at);
  if (!action)
    return { at, what: policy.onExpire === "expire" ? "expires" : `is ${policy.onExpire === "reject" ? "rejected" : "approved"} for lack of a decision` };
  if (action.do === "escalate") return { at, what: `is escalated to ${whoText(action.to)}` };
  return { at, what: action.do === "remind" ? "reminds those who can vote" : "is rejected" };
}

function ended(approval: Approval, world: World): string {
  const { decision, closing, outcome, grant, effect } = approval;
  const how = closing ? `${decision} (${closing})` : decision;
  const by = outcome ? ` by ${nameOf(outcome.by, approval, world)} at ${iso(outcome.at)}${outcome.reason && `: ${outcome.reason}`}` : "";
  // What is not begun is not begun any more without a grant.
  const happens = grant === "VALID" || (effect !== "NONE" && effect !== "READY") ? `, its effect ${effect}` : "";
  return `${sentence(`The request is ${how}${by}`)}${grant === "NONE" ? "" : ` Its grant is ${grant}${happens}.`}`;
}

/** The name of whoever has this key, as the directory, the request or a stand-in says. */
function nameOf(key: string, approval: Approval, { directory, standIns }: World): string {
  return memberOf(key, directory)?.name ?? standIns.find(({ from }) => from.key === key)?.from.name ?? nameIn(approval, key);
}

/** With a full stop, unless it has an end of its own. */
function sentence(text: string): string {
  return /[.!?\u2026]$/.test(text.trimEnd()) ? text.trimEnd() : `${text}.`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
