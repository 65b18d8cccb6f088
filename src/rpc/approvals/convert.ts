/** Between wire messages and the values of approvals. UNSPECIFIED, bigints and unknown enum numbers end here. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  ApprovalEventSchema,
  ApprovalSchema,
  Closing as WireClosing,
  Decision as WireDecision,
  Effect as WireEffect,
  Grant as WireGrant,
  StageStatus as WireStageStatus,
  StandInSchema,
  Verdict as WireVerdict,
  type Approval as WireApproval,
  type ApprovalEvent as WireApprovalEvent,
  type ApprovalExplanationSchema,
  type StandIn as WireStandIn,
} from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import { Reason as WireReason } from "../../../gen/muster/approval/v1/reasons_pb.ts";
import { tallyOf } from "../../approvals/counting.ts";
import { eventText } from "../../approvals/event-text.ts";
import type { Explanation } from "../../approvals/explain.ts";
import type { FollowedEvent } from "../../approvals/follow.ts";
import { whoText } from "../../approvals/may-vote.ts";
import type { Seen } from "../../approvals/queries.ts";
import type { ApprovalReason } from "../../approvals/reasons.ts";
import type { Closing, Decision, Effect, Grant, Party, Stage, StageStatus, Vote } from "../../approvals/request.ts";
import type { Need, StandIn, Verdict } from "../../approvals/types.ts";

const wireDecisions: Readonly<Record<Decision, WireDecision>> = {
  PENDING: WireDecision.PENDING,
  IN_REVIEW: WireDecision.IN_REVIEW,
  CHANGES_REQUESTED: WireDecision.CHANGES_REQUESTED,
  APPROVED: WireDecision.APPROVED,
  REJECTED: WireDecision.REJECTED,
  EXPIRED: WireDecision.EXPIRED,
  CANCELLED: WireDecision.CANCELLED,
};
const wireClosings: Readonly<Record<Closing, WireClosing>> = {
  withdrawn: WireClosing.WITHDRAWN,
  cancelled: WireClosing.CANCELLED,
  superseded: WireClosing.SUPERSEDED,
  subject_gone: WireClosing.SUBJECT_GONE,
  unsatisfiable: WireClosing.UNSATISFIABLE,
};
const wireGrants: Readonly<Record<Grant, WireGrant>> = {
  NONE: WireGrant.UNSPECIFIED,
  VALID: WireGrant.VALID,
  USED: WireGrant.USED,
  EXPIRED: WireGrant.EXPIRED,
  REVOKED: WireGrant.REVOKED,
  SUPERSEDED: WireGrant.SUPERSEDED,
};
const wireEffects: Readonly<Record<Effect, WireEffect>> = {
  NONE: WireEffect.UNSPECIFIED,
  READY: WireEffect.READY,
  RUNNING: WireEffect.RUNNING,
  APPLIED: WireEffect.APPLIED,
  FAILED: WireEffect.FAILED,
  UNKNOWN: WireEffect.UNKNOWN,
};
const wireStatuses: Readonly<Record<StageStatus, WireStageStatus>> = {
  WAITING: WireStageStatus.WAITING,
  ACTIVE: WireStageStatus.ACTIVE,
  SATISFIED: WireStageStatus.SATISFIED,
  REJECTED: WireStageStatus.REJECTED,
  SKIPPED: WireStageStatus.SKIPPED,
  CLOSED: WireStageStatus.CLOSED,
};
const wireVerdicts: Readonly<Record<Verdict, WireVerdict>> = {
  approve: WireVerdict.APPROVE,
  reject: WireVerdict.REJECT,
  abstain: WireVerdict.ABSTAIN,
  request_changes: WireVerdict.REQUEST_CHANGES,
};

/** Undefined for UNSPECIFIED and numbers that this version does not know. */
export function decisionOf(wire: WireDecision): Decision | undefined {
  return keyOf(wireDecisions, wire);
}

export function verdictOf(wire: WireVerdict): Verdict | undefined {
  return keyOf(wireVerdicts, wire);
}

function keyOf<K extends string, V>(table: Readonly<Record<K, V>>, value: V): K | undefined {
  return (Object.keys(table) as K[]).find((key) => table[key] === value);
}

export function reasonOf(reason: ApprovalReason): WireReason {
  return WireReason[reason];
}

/** `isFull`: with context and votes. */
export function approvalOf({ approval, policy, may, newerVersion }: Seen, isFull: boolean): WireApproval {
  const { subject, outcome, grantUntil, onBehalfOf } = approval;
  const refusal = "refusal" in may ? { mayNotVoteReason: reasonOf(may.refusal), mayNotVoteMessage: may.message } : { mayVote: true };
  return create(ApprovalSchema, {
    id: approval.id,
    subject,
    policyKey: approval.policy.key,
    policyVersion: approval.policy.version,
    newerPolicyVersion: newerVersion ?? 0,
    revision: approval.revision,
    contextJson: isFull ? JSON.stringify(approval.context) : "",
    requesters: approval.requesters.map(personOf),
    ...(onBehalfOf ? { onBehalfOf: personOf(onBehalfOf) } : {}),
    author: personOf(approval.author),
    decision: wireDecisions[approval.decision],
    closing: approval.closing ? wireClosings[approval.closing] : WireClosing.UNSPECIFIED,
    decidedBy: outcome?.by ?? "",
    decisionReason: outcome?.reason ?? "",
    ...(outcome ? { decidedAt: timestampFromMs(outcome.at) } : {}),
    grant: wireGrants[approval.grant],
    ...(grantUntil === undefined ? {} : { grantUntil: timestampFromMs(grantUntil) }),
    effect: wireEffects[approval.effect],
    openedAt: timestampFromMs(approval.openedAt),
    expiresAt: timestampFromMs(approval.expiresAt),
    stages: approval.stages.map((stage) => stageOf(stage, { approval, policy })),
    votes: isFull ? approval.votes.map(voteOf) : [],
    sequence: BigInt(approval.sequence),
    ...refusal,
  });
}

function personOf({ key, name }: Pick<Party, "key" | "name">) {
  return { key, name };
}

function stageOf(stage: Stage, { approval, policy }: Pick<Seen, "approval" | "policy">) {
  const { requirements } = tallyOf(approval, stage, policy.document);
  return {
    id: stage.id,
    status: wireStatuses[stage.status],
    requirements: requirements.map(({ requirement, need, have, isMet, open }) => ({
      id: requirement.id,
      who: whoText(requirement.who),
      need: needText(requirement.need),
      needed: Number.isFinite(need) ? need : 0,
      have,
      veto: requirement.veto,
      met: isMet,
      canVote: stage.status === "ACTIVE" ? (open?.map(({ name }) => name) ?? []) : [],
    })),
    ...(stage.activeSince === undefined ? {} : { activeSince: timestampFromMs(stage.activeSince) }),
  };
}

function needText(need: Need): string {
  if (need === "all") return need;
  return "count" in need ? `${need.count}` : `${need.percent}%`;
}

function voteOf({ stage, voter, verdict, comment, requirements, standsInFor, at }: Vote) {
  return {
    stage,
    voter: personOf(voter),
    verdict: wireVerdicts[verdict],
    comment,
    requirements: [...requirements],
    standsInFor: [...standsInFor],
    votedAt: timestampFromMs(at),
  };
}

export function explanationOf({ summary, requirements, next }: Explanation): MessageInitShape<typeof ApprovalExplanationSchema> {
  return {
    summary,
    requirements: requirements.map(({ id, need, have, approvedBy, rejectedBy, canVote, who, excluded, text }) => ({
      id,
      needed: need ?? 0,
      have,
      approvedBy: [...approvedBy],
      rejectedBy: [...rejectedBy],
      canVote: [...(canVote ?? [])],
      who,
      excluded: excluded.map(({ name, why }) => ({ name, why })),
      text,
    })),
    ...(next ? { nextAt: timestampFromMs(next.at), next: next.what } : {}),
  };
}

export function eventOf({ event, decision, approval }: FollowedEvent): WireApprovalEvent {
  const { sequence, type, at, actor, ...detail } = event;
  return create(ApprovalEventSchema, {
    sequence: BigInt(sequence),
    type,
    at: timestampFromMs(at),
    actor,
    text: eventText(event, approval),
    detailJson: JSON.stringify(detail),
    decision: wireDecisions[decision],
  });
}

export function standInOf({ id, from, to, policies, since, until }: StandIn): WireStandIn {
  return create(StandInSchema, { id, from: personOf(from), to, policyKeys: [...policies], since: timestampFromMs(since), until: timestampFromMs(until) });
}
