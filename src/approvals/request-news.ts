/** What requests publish: each change of state is a message of its own. */
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  ApprovalApprovedSchema,
  ApprovalApproversResolvedSchema,
  ApprovalCancelledSchema,
  ApprovalChangesRequestedSchema,
  ApprovalCreatedSchema,
  ApprovalEffectChangedSchema,
  ApprovalEscalatedSchema,
  ApprovalExpiredSchema,
  ApprovalGrantChangedSchema,
  ApprovalReassignedSchema,
  ApprovalRejectedSchema,
  ApprovalRemindedSchema,
  ApprovalRequesterJoinedSchema,
  ApprovalReviewResumedSchema,
  ApprovalRevisedSchema,
  ApprovalStageCompletedSchema,
  ApprovalStageStartedSchema,
  ApprovalUnsatisfiableSchema,
  ApprovalVoteRecordedSchema,
} from "../../gen/muster/approval/v1/request_events_pb.ts";
import type { Approval, ApprovalChange, ApprovalEvent } from "./request.ts";

export const approvalTopic = "platform.approval.events";

/** So that the message of a large group is no larger than what brokers take. */
const mostCandidates = 1_000;

/** The published name of each event of a request; those without one stay within the request. */
const names = {
  request_created: "ApprovalCreated",
  requester_joined: "ApprovalRequesterJoined",
  revision_added: "ApprovalRevised",
  stage_started: "ApprovalStageStarted",
  stage_completed: "ApprovalStageCompleted",
  approvers_resolved: "ApprovalApproversResolved",
  vote_recorded: "ApprovalVoteRecorded",
  changes_requested: "ApprovalChangesRequested",
  review_resumed: "ApprovalReviewResumed",
  reminded: "ApprovalReminded",
  escalated: "ApprovalEscalated",
  reassigned: "ApprovalReassigned",
  unsatisfiable: "ApprovalUnsatisfiable",
  request_approved: "ApprovalApproved",
  request_rejected: "ApprovalRejected",
  request_expired: "ApprovalExpired",
  request_cancelled: "ApprovalCancelled",
  grant_changed: "ApprovalGrantChanged",
  effect_changed: "ApprovalEffectChanged",
} as const satisfies Partial<Record<ApprovalChange["type"], string>>;

/** The events that are published, by their names within a request. */
export const publishedTypes: readonly string[] = Object.keys(names);

type Names = typeof names;
type Published = keyof Names;

/** The request after an event. */
interface NewsState {
  readonly id: string;
  readonly tenant: string;
  readonly subject: Approval["subject"];
  readonly revision: number;
  readonly policyKey: string;
  readonly policyVersion: number;
  readonly decision: string;
  readonly sequence: number;
}

type ChangeOf<T, C = ApprovalChange> = C extends { readonly type: infer U } ? (T extends U ? C : never) : never;
type NewsOf<T extends Published> = {
  readonly type: Names[T];
  readonly tenant: string;
  readonly approval: NewsState;
  readonly event: ChangeOf<T> & Pick<ApprovalEvent, "sequence" | "at" | "actor">;
};
export type RequestNews = { readonly [T in Published]: NewsOf<T> }[Published];

/** What is published of an event, given the request after it; undefined for an event that stays within the request. */
export function newsOf(event: ApprovalEvent, { id, tenant, subject, revision, policy, decision }: Approval): RequestNews | undefined {
  if (!(event.type in names)) return undefined;
  const approval = { id, tenant, subject, revision, policyKey: policy.key, policyVersion: policy.version, decision, sequence: event.sequence };
  // The document of the request is long, and readers of the log ask for it where they need it.
  const { stages: _stages, context: _context, ...shown } = event as ApprovalEvent & { stages?: unknown; context?: unknown };
  return { type: names[event.type as Published], tenant, approval, event: shown } as RequestNews;
}

/** The fields of a message beside state, actor and time. */
type Fields<T extends Published> = (event: NewsOf<T>["event"]) => object;

function row<T extends Published, D extends DescMessage>(type: T, schema: D, summary: string, fields: Fields<T> = () => ({})) {
  return {
    type: names[type],
    topic: approvalTopic,
    schema,
    summary,
    message: ({ approval: { subject, sequence, ...state }, event }: NewsOf<T>, at: number) =>
      ({
        approval: { ...state, subjectType: subject.type, subjectId: subject.id, subjectDigest: subject.digest, sequence: BigInt(sequence) },
        actor: event.actor,
        timestamp: timestampFromMs(at),
        ...fields(event),
      }) as unknown as MessageInitShape<D>,
  };
}

export const requestEvents = [
  row("request_created", ApprovalCreatedSchema, "A request was opened.", ({ requester, expiresAt }) => ({
    requester: requester.key,
    expiresAt: timestampFromMs(expiresAt),
  })),
  row("requester_joined", ApprovalRequesterJoinedSchema, "Somebody else asked for the same content.", ({ requester }) => ({ requester: requester.key })),
  row("revision_added", ApprovalRevisedSchema, "A request has new content; votes on the former are void.", ({ author }) => ({ author: author.key })),
  row("stage_started", ApprovalStageStartedSchema, "People can decide on a stage.", ({ stage }) => ({ stage })),
  row("stage_completed", ApprovalStageCompletedSchema, "A stage has ended.", ({ stage, status }) => ({ stage, status })),
  row("approvers_resolved", ApprovalApproversResolvedSchema, "It was found out, or has changed, who can decide on a stage.", ({ stage, candidates }) => {
    const keys = [...new Set(Object.values(candidates).flatMap((some) => some?.map(({ key }) => key) ?? []))];
    return { stage, candidates: keys.slice(0, mostCandidates), more: Math.max(keys.length - mostCandidates, 0) };
  }),
  row("vote_recorded", ApprovalVoteRecordedSchema, "Somebody voted, or changed a vote.", ({ stage, voter, verdict, comment, standsInFor }) => ({
    stage,
    voter: voter.key,
    verdict,
    comment,
    standsInFor: [...standsInFor],
  })),
  row("changes_requested", ApprovalChangesRequestedSchema, "Somebody wants changes before deciding.", ({ reason }) => ({ reason })),
  row("review_resumed", ApprovalReviewResumedSchema, "Nobody wants changes any more."),
  row("reminded", ApprovalRemindedSchema, "A stage has been open for long; those who can vote should be reminded.", ({ stage }) => ({ stage })),
  row("escalated", ApprovalEscalatedSchema, "Further people can decide on a stage.", ({ stage }) => ({ stage })),
  row("reassigned", ApprovalReassignedSchema, "A place in a stage moved from one person to another.", ({ stage, requirement, from, to, reason }) => ({
    stage,
    requirement,
    from: from.key,
    to: to.key,
    reason,
  })),
  row("unsatisfiable", ApprovalUnsatisfiableSchema, "Not enough people can still approve a stage.", ({ stage, detail }) => ({ stage, reason: detail })),
  row("request_approved", ApprovalApprovedSchema, "A request is approved. Final.", ({ reason, grantUntil }) => ({
    reason,
    ...(grantUntil === undefined ? {} : { grantUntil: timestampFromMs(grantUntil) }),
  })),
  row("request_rejected", ApprovalRejectedSchema, "A request is rejected. Final.", ({ reason }) => ({ reason })),
  row("request_expired", ApprovalExpiredSchema, "Nobody decided in time. Final.", ({ reason }) => ({ reason })),
  row("request_cancelled", ApprovalCancelledSchema, "A request ended without a decision. Final.", ({ closing, reason }) => ({ closing, reason })),
  row("grant_changed", ApprovalGrantChangedSchema, "What an approval grants has changed.", ({ grant, reason }) => ({ grant, reason })),
  row("effect_changed", ApprovalEffectChangedSchema, "The effect of an approval has moved on.", ({ effect, detail }) => ({ effect, detail })),
] as const;
