/** Each event of a request as one sentence, the same in RPC, CLI and docs. Pure. */
import { namesText, whoText } from "./may-vote.ts";
import { nameIn } from "./people.ts";
import type { Approval, ApprovalEvent } from "./request.ts";

const voted = { approve: "approved", reject: "rejected", abstain: "abstained from", request_changes: "requested changes to" } as const;

const ended = { request_approved: "approved", request_rejected: "rejected", request_expired: "ended" } as const;

/** `approval`: the request after the event, or later. */
export function eventText(event: ApprovalEvent, approval: Approval): string {
  return oneLine(textOf(event, approval));
}

/** What somebody wrote in several lines, in one. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}

function textOf(event: ApprovalEvent, approval: Approval): string {
  const by = nameIn(approval, event.actor);
  switch (event.type) {
    case "request_created":
      return `${by} asked for approval of ${event.subject.type} ${event.subject.id}, by policy ${event.policy.key} version ${event.policy.version}`;
    case "requester_joined":
      return `${by} asked for the same${event.requester.identities.includes(event.actor) ? "" : `, for ${event.requester.name}`}`;
    case "revision_added":
      return `${by} gave a new revision, decided by policy version ${event.policy.version}; votes on the former one are void`;
    case "expression_failed":
      return `the expression ${event.where} failed: ${event.failure}`;
    case "stage_started":
      return `stage ${event.stage} is open`;
    case "stage_skipped":
      return `stage ${event.stage} does not apply`;
    case "stage_completed":
      return `stage ${event.stage} is ${event.status.toLowerCase()}`;
    case "approvers_resolved":
      return `those who can decide on stage ${event.stage}: ${candidatesText(event.candidates)}`;
    case "directory_pending":
      return "the directory of people cannot be read yet";
    case "vote_recorded": {
      const absent = event.standsInFor.length > 0 ? ` for ${event.standsInFor.map((key) => nameIn(approval, key)).join(" and ")}` : "";
      return `${event.voter.name}${absent} ${voted[event.verdict]} stage ${event.stage}${event.comment && `: ${event.comment}`}`;
    }
    case "changes_requested":
      return `changes are requested by ${event.reason}`;
    case "review_resumed":
      return "no changes are requested any more";
    case "reminded":
      return `those who can decide on stage ${event.stage} are reminded`;
    case "escalated":
      return `stage ${event.stage} is escalated to ${whoText(event.to)}`;
    case "reassigned":
      return `${by} gave the place of ${event.from.name} in ${event.requirement} to ${event.to.name}${event.reason && `: ${event.reason}`}`;
    case "unsatisfiable":
      return `stage ${event.stage} cannot be satisfied: ${event.detail}`;
    case "request_approved":
    case "request_rejected":
    case "request_expired":
      return `${ended[event.type]} by ${by}${event.reason && `: ${event.reason}`}`;
    case "request_cancelled":
      return `cancelled (${event.closing}) by ${by}${event.reason && `: ${event.reason}`}`;
    case "grant_changed":
      return `its grant is ${event.grant}${event.reason && `: ${event.reason}`}`;
    case "effect_changed":
      return `its effect is ${event.effect}${event.detail && `: ${event.detail}`}`;
  }
}

function candidatesText(candidates: Extract<ApprovalEvent, { type: "approvers_resolved" }>["candidates"]): string {
  const parts = Object.entries(candidates).map(
    ([id, some]) => `${id}: ${some === null ? "anybody of those named" : namesText(some.map(({ name }) => name)) || "nobody"}`,
  );
  return parts.join("; ");
}
