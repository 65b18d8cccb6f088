/** The document of a request as the fold of its events. Pure. */
import { isAny, isSame } from "./people.ts";
import type { Approval, ApprovalEvent, Party, Requirement, Stage, StageStatus, Vote } from "./request.ts";
import { joinWho } from "./who.ts";

/** The document after one more event. Throws when the event does not follow the document: that is a defect of the caller. */
export function evolve(before: Approval | undefined, event: ApprovalEvent): Approval {
  if (event.sequence !== (before?.sequence ?? 0) + 1) throw new Error(`event ${event.sequence} does not follow ${before?.sequence ?? 0}`);
  if (event.type === "request_created") return opened(event);
  if (before === undefined) throw new Error(`${event.type} is not the first event of a request`);
  return { ...before, ...changed(before, event), sequence: event.sequence };
}

/** The document of all its events, in order. */
export function fold(events: readonly ApprovalEvent[]): Approval | undefined {
  return events.reduce<Approval | undefined>(evolve, undefined);
}

function opened(event: Extract<ApprovalEvent, { type: "request_created" }>): Approval {
  const { id, tenant, subject, context, requester, onBehalfOf, isStanding, policy, requesterMayVote, expiresAt, stages, at } = event;
  return {
    id,
    tenant,
    policy,
    subject,
    revision: 1,
    context,
    requesters: [requester],
    ...(onBehalfOf ? { onBehalfOf } : {}),
    ...(isStanding ? { isStanding } : {}),
    author: requester,
    requesterMayVote,
    decision: "IN_REVIEW",
    grant: "NONE",
    effect: "NONE",
    openedAt: at,
    expiresAt,
    stages,
    votes: [],
    directoryVersion: 0,
    sequence: event.sequence,
  };
}

function changed(before: Approval, event: Exclude<ApprovalEvent, { type: "request_created" }>): Partial<Approval> {
  const outcome = (reason: string) => ({ outcome: { at: event.at, by: event.actor, reason } });
  switch (event.type) {
    case "requester_joined":
      return { requesters: [...before.requesters, event.requester], stages: reopened(before, event.requester) };
    case "revision_added": {
      const { digest, context, author, policy, requesterMayVote, expiresAt, stages } = event;
      const subject = { ...before.subject, digest };
      return { revision: before.revision + 1, subject, context, author, policy, requesterMayVote, expiresAt, stages, votes: [], decision: "IN_REVIEW" };
    }
    case "expression_failed":
      return {};
    case "stage_started":
      return { stages: withStage(before, event.stage, { status: "ACTIVE", activeSince: event.at }) };
    case "stage_skipped":
      return { stages: withStage(before, event.stage, { status: "SKIPPED" }) };
    case "stage_completed":
      return { stages: withStage(before, event.stage, { status: event.status }) };
    case "approvers_resolved":
      return {
        decision: before.decision === "PENDING" ? "IN_REVIEW" : before.decision,
        directoryVersion: event.directoryVersion,
        stages: withRequirements(
          { stages: withStage(before, event.stage, { isUnsatisfiable: false }) },
          event.stage,
          ({ candidates: _former, ...requirement }) => {
            const candidates = event.candidates[requirement.id];
            return candidates ? { ...requirement, candidates } : requirement;
          },
        ),
      };
    case "directory_pending":
      return { decision: "PENDING" };
    case "vote_recorded":
      return { votes: [...before.votes.filter((vote) => !isReplaced(vote, event)), voteOf(event, before.revision)] };
    case "changes_requested":
      return { decision: "CHANGES_REQUESTED" };
    case "review_resumed":
      return { decision: "IN_REVIEW" };
    case "reminded":
      return { stages: withDone(before, event.stage, event.action) };
    case "escalated": {
      const stages = withRequirements(before, event.stage, (requirement) => ({ ...requirement, who: joinWho(requirement.who, event.to) }));
      return event.action === undefined
        ? { stages: withStage({ stages }, event.stage, { isEscalated: true, isUnsatisfiable: false }) }
        : { stages: withDone({ stages }, event.stage, event.action) };
    }
    case "reassigned": {
      const added = { users: [event.to.key], groups: [], roles: [] };
      return {
        stages: withRequirements(before, event.stage, (requirement) =>
          requirement.id === event.requirement
            ? {
                ...requirement,
                who: joinWho(requirement.who, added),
                replaced: [...requirement.replaced, ...event.from.identities].filter((name) => !event.to.identities.includes(name)),
              }
            : requirement,
        ),
      };
    }
    case "unsatisfiable":
      return { stages: withStage(before, event.stage, { isUnsatisfiable: true }) };
    case "request_approved":
      return {
        decision: "APPROVED",
        ...outcome(event.reason),
        stages: closed(before),
        grant: "VALID",
        ...(event.grantUntil === undefined ? {} : { grantUntil: event.grantUntil }),
        effect: event.hasEffect ? "READY" : "NONE",
      };
    case "request_rejected":
      return { decision: "REJECTED", ...outcome(event.reason), stages: closed(before) };
    case "request_expired":
      return { decision: "EXPIRED", ...outcome(event.reason), stages: closed(before) };
    case "request_cancelled":
      return { decision: "CANCELLED", closing: event.closing, ...outcome(event.reason), stages: closed(before) };
    case "grant_changed":
      return { grant: event.grant };
    case "effect_changed":
      return { effect: event.effect };
  }
}

/** A person's earlier vote of the stage; and a vote that was cast only for a person who now votes. */
function isReplaced(vote: Vote, by: Extract<ApprovalEvent, { type: "vote_recorded" }>): boolean {
  if (vote.stage !== by.stage) return false;
  if (isSame(vote.voter, by.voter)) return true;
  const isInOwnRight = by.standsInFor.length === 0;
  return isInOwnRight && vote.standsInFor.length > 0 && vote.standsInFor.every((key) => by.voter.identities.includes(key));
}

function voteOf(event: Extract<ApprovalEvent, { type: "vote_recorded" }>, revision: number): Vote {
  const { stage, voter, verdict, comment, requirements, standsInFor, at } = event;
  return { stage, revision, voter, verdict, comment, at, requirements, standsInFor };
}

function withStage({ stages }: Pick<Approval, "stages">, id: string, change: Partial<Stage>): readonly Stage[] {
  return stages.map((stage) => (stage.id === id ? { ...stage, ...change } : stage));
}

function withDone({ stages }: Pick<Approval, "stages">, id: string, action: number): readonly Stage[] {
  return stages.map((stage) => (stage.id === id ? { ...stage, done: [...stage.done, action] } : stage));
}

function withRequirements({ stages }: Pick<Approval, "stages">, id: string, change: (requirement: Requirement) => Requirement): readonly Stage[] {
  return stages.map((stage) => (stage.id === id ? { ...stage, requirements: stage.requirements.map(change) } : stage));
}

/** A stage that somebody helped to satisfy who now asks for the request himself starts again, and what follows it waits. */
function reopened({ stages, votes, requesterMayVote }: Approval, requester: Party): readonly Stage[] {
  if (requesterMayVote) return stages;
  const isTheirs = ({ voter, standsInFor }: Vote) => isAny([...voter.identities, ...standsInFor], requester.identities);
  const first = stages.findIndex(({ id, status }) => status === "SATISFIED" && votes.some((vote) => vote.stage === id && isTheirs(vote)));
  const ended: ReadonlySet<StageStatus> = new Set(["SATISFIED", "ACTIVE"]);
  return first < 0 ? stages : stages.map((stage, i) => (i >= first && ended.has(stage.status) ? { ...stage, status: "WAITING" } : stage));
}

const unfinished: ReadonlySet<StageStatus> = new Set(["WAITING", "ACTIVE"]);

/** The stages of a request that is decided: none waits or is active any more. */
function closed({ stages }: Pick<Approval, "stages">): readonly Stage[] {
  return stages.map((stage) => (unfinished.has(stage.status) ? { ...stage, status: "CLOSED" } : stage));
}
