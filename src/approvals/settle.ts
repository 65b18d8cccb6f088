/** What follows from a change of a request without anybody's doing: stages that start and end, and the decision. Pure. */
import { barredFrom, tallyOf, type Tally } from "./counting.ts";
import { evolve } from "./evolve.ts";
import { excludedFrom } from "./excluded.ts";
import { candidatesOf, type World } from "./people.ts";
import { activeStage, isOpen, type Approval, type ApprovalChange, type ApprovalEvent, type Candidate, type Party, type Stage, type Vote } from "./request.ts";
import { peopleOf, type Route } from "./routing.ts";
import type { Policy, TimedAction } from "./types.ts";

/** What a command made: the document after it and the events between. Without events it changed nothing. */
export interface Made {
  readonly approval: Approval;
  readonly events: readonly ApprovalEvent[];
}

/** The document under construction: every event is folded in at once. */
export interface Draft {
  approval: Approval;
  readonly events: ApprovalEvent[];
  readonly policy: Policy;
  readonly world: World;
}

export const timer = "timer";

export function emit(draft: Draft, actor: string, change: ApprovalChange): void {
  const event = { ...change, sequence: draft.approval.sequence + 1, at: draft.world.now, actor } as ApprovalEvent;
  draft.approval = evolve(draft.approval, event);
  draft.events.push(event);
}

export function run(approval: Approval, policy: Policy, world: World, work: (draft: Draft) => void): Made {
  const draft: Draft = { approval, events: [], policy, world };
  work(draft);
  return { approval: draft.approval, events: draft.events };
}

export function begin(draft: Draft, { rule, failures, routed }: Route): void {
  for (const failure of failures) emit(draft, "muster", failure);
  for (const { id, requirements } of routed.stages) if (requirements.length === 0) emit(draft, "muster", { type: "stage_skipped", stage: id });
  if (rule?.then === "approve") approve(draft, `route:${rule.id}`, rule.reason ?? `rule ${rule.id} approves it`);
  else if (rule) emit(draft, `route:${rule.id}`, { type: "request_rejected", reason: rule.reason ?? `rule ${rule.id} rejects it` });
  else settle(draft);
}

/** Goes on for as long as the document alone says what comes next. */
export function settle(draft: Draft): void {
  while (isOpen(draft.approval)) {
    const stage = activeStage(draft.approval);
    if (stage ? !settleStage(draft, stage) : !startNext(draft)) return;
  }
}

/** Starts the stage whose turn it is, or ends the request. True: there is more to settle. */
function startNext(draft: Draft): boolean {
  const { stages } = draft.approval;
  const next = stages.find(({ status }) => status === "WAITING");
  if (next) {
    emit(draft, "muster", { type: "stage_started", stage: next.id });
    resolve(draft);
  } else if (stages.some(({ status }) => status === "SATISFIED")) approve(draft, lastVoter(draft.approval), "every requirement is met");
  else emit(draft, "muster", { type: "request_rejected", reason: "no stage of the policy applies to the request, so nobody could approve it" });
  return true;
}

function settleStage(draft: Draft, stage: Stage): boolean {
  const { result, wantChanges, requirements } = tallyOf(draft.approval, stage, draft.policy.document);
  const by = lastVoter(draft.approval);
  if (result === "REJECTED") {
    const rejections = new Map(requirements.filter(({ isRejected }) => isRejected).flatMap((one) => one.rejections.map((vote) => [vote.voter.key, vote])));
    emit(draft, "muster", { type: "stage_completed", stage: stage.id, status: "REJECTED" });
    emit(draft, by, { type: "request_rejected", reason: reasonOf([...rejections.values()]) });
    return false;
  }
  if (result === "SATISFIED") {
    emit(draft, "muster", { type: "stage_completed", stage: stage.id, status: "SATISFIED" });
    return true;
  }
  // Whom an escalation has named is not known while the directory is not.
  const waits = stage.isEscalated && draft.world.directory === "unknown";
  if (result === "IMPOSSIBLE" && !stage.isUnsatisfiable && !waits)
    return unsatisfiable(
      draft,
      stage,
      requirements.filter(({ isImpossible }) => isImpossible),
    );
  const { decision } = draft.approval;
  if (wantChanges.length > 0 && decision !== "CHANGES_REQUESTED") {
    emit(draft, by, { type: "changes_requested", reason: wantChanges.map(({ voter, comment }) => `${voter.name}${comment && `: ${comment}`}`).join("; ") });
  } else if (wantChanges.length === 0 && decision === "CHANGES_REQUESTED") emit(draft, by, { type: "review_resumed" });
  return false;
}

/** What was said by those who rejected; who it was, where they are several: of one alone, the event says it. */
function reasonOf(rejections: readonly Vote[]): string {
  const [first] = rejections;
  if (rejections.length === 1) return first?.comment ?? "";
  return rejections.map(({ voter, comment }) => `${voter.name}${comment && `: ${comment}`}`).join("; ");
}

/** The stage can no longer be satisfied: says so, and does what the policy says. */
function unsatisfiable(draft: Draft, stage: Stage, impossible: readonly Tally[]): boolean {
  const { onUnsatisfiable } = draft.policy.document;
  const requirements = impossible.map(({ requirement }) => requirement.id);
  const detail = `not enough people can still approve ${requirements.join(" and ")}${barredText(draft, impossible)}`;
  emit(draft, "muster", { type: "unsatisfiable", stage: stage.id, requirements, detail });
  if (onUnsatisfiable === "expire") return false;
  if (onUnsatisfiable === "reject") {
    emit(draft, "muster", { type: "stage_completed", stage: stage.id, status: "REJECTED" });
    emit(draft, "muster", { type: "request_rejected", reason: detail });
    return false;
  }
  if (stage.isEscalated) {
    emit(draft, "muster", { type: "request_cancelled", closing: "unsatisfiable", reason: `${detail}, after an escalation too` });
    return false;
  }
  const { context, subject, requesters } = draft.approval;
  const { listed, evaluated } = peopleOf(draft.policy, onUnsatisfiable.escalate, { context, subject, requester: requesters[0] as Party });
  if ("failure" in evaluated) emit(draft, "muster", { type: "expression_failed", where: "on_unsatisfiable.escalate", failure: evaluated.failure });
  emit(draft, "muster", { type: "escalated", stage: stage.id, to: "value" in evaluated ? evaluated.value : listed });
  resolve(draft);
  return true;
}

const namedBarred = 5;

/** Why people who are named may not vote, as far as they have not voted. */
function barredText({ approval, policy, world }: Draft, impossible: readonly Tally[]): string {
  const excluded = impossible.flatMap((tally) => excludedFrom(tally, approval, policy.document, world)).filter(({ hasVoted }) => !hasVoted);
  const whys = [...new Set(excluded.map(({ why }) => why))];
  const rest = whys.length > namedBarred ? [`and ${whys.length - namedBarred} more`] : [];
  return whys.length === 0 ? "" : ` (${[...whys.slice(0, namedBarred), ...rest].join("; ")})`;
}

function approve(draft: Draft, by: string, reason: string): void {
  if (draft.approval.isStanding) {
    emit(draft, by, { type: "request_approved", reason, hasEffect: true });
    emit(draft, "muster", { type: "effect_changed", effect: "APPLIED", detail: "admitted" });
    return;
  }
  const { auto, grantTtlMs } = draft.policy.document.effect;
  const until = grantTtlMs === undefined ? {} : { grantUntil: draft.world.now + grantTtlMs };
  emit(draft, by, { type: "request_approved", reason, ...until, hasEffect: auto });
}

/** What a request granted is granted by another one from now on; one that grants nothing stays as it is. */
export function supersede(approval: Approval, by: string, policy: Policy, world: World): Made {
  return run(approval, policy, world, (draft) => {
    if (approval.grant === "VALID") emit(draft, "muster", { type: "grant_changed", grant: "SUPERSEDED", reason: `superseded by ${by}` });
  });
}

/** Nobody decided in time. */
export function expire(draft: Draft): void {
  const { onExpire } = draft.policy.document;
  const reason = "nobody decided in time";
  if (onExpire === "approve") approve(draft, timer, `${reason}, and the policy approves then`);
  else emit(draft, timer, { type: onExpire === "reject" ? "request_rejected" : "request_expired", reason });
}

/** The earliest timed action of the active stage that is due, and was so before the request expired. */
export function nextAction({ approval, world }: Draft): { readonly stage: Stage; readonly index: number; readonly action: TimedAction } | undefined {
  const stage = activeStage(approval);
  if (!stage) return undefined;
  const isDue = (at: number) => at <= world.now && at < approval.expiresAt;
  const due = stage.after
    .map((action, index) => ({ stage, index, action }))
    .filter(({ action, index }) => !stage.done.includes(index) && isDue((stage.activeSince ?? 0) + action.afterMs));
  return due.toSorted((a, b) => a.action.afterMs - b.action.afterMs || a.index - b.index)[0];
}

/** Resolves the candidates of the active stage; no event when nothing changed. */
export function resolve(draft: Draft): void {
  const { approval, world } = draft;
  const stage = activeStage(approval);
  if (!stage) return;
  const { directory } = world;
  if (directory === "unknown") {
    if (approval.decision === "IN_REVIEW" && stage.requirements.every(({ candidates }) => candidates === undefined))
      emit(draft, "muster", { type: "directory_pending" });
    return;
  }
  const barred = barredFrom(approval);
  const resolved = stage.requirements.map((requirement) => [requirement.id, candidatesOf(requirement, world, barred) ?? null] as const);
  const isNew = stage.requirements.some(({ candidates }, i) => !sameCandidates(candidates, resolved[i]?.[1] ?? undefined));
  if (!isNew && approval.decision !== "PENDING") return;
  emit(draft, "muster", { type: "approvers_resolved", stage: stage.id, directoryVersion: directory?.version ?? 0, candidates: Object.fromEntries(resolved) });
}

function sameCandidates(a: readonly Candidate[] | undefined, b: readonly Candidate[] | undefined): boolean {
  const text = (list: readonly Candidate[] | undefined) => JSON.stringify(list?.map(({ key, standsInFor }) => [key, ...standsInFor]).toSorted());
  return text(a) === text(b);
}

function lastVoter({ votes }: Approval): string {
  return votes.at(-1)?.voter.key ?? "muster";
}
