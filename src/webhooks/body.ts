/** The body of a delivery. */
import type { Notice } from "./ports.ts";

/** What receivers call the states of a request; a state that is not here has its own name in lower case. */
const statuses: Readonly<Record<string, string>> = { CHANGES_REQUESTED: "in_review" };

/** The id of an event of a request, the same for every endpoint and attempt. */
export function eventIdOf(approvalId: string, sequence: number): string {
  return `${approvalId}-${sequence}`;
}

/**
 * The flat fields that existing receivers read, and `payload`: the published message as JSON, by the names of its protobuf fields, with
 * `actor`, `reason` and `comment` in every one.
 */
export function bodyOf(approvalId: string, notice: Notice): string {
  const { sequence, type, decision, subject, stageOrder, actor, at, reason, comment, message } = notice;
  return JSON.stringify({
    event_id: eventIdOf(approvalId, sequence),
    event_type: type,
    request_id: approvalId,
    artifact_type: subject.type,
    artifact_id: subject.id,
    status: statuses[decision] ?? decision.toLowerCase(),
    stage_order: stageOrder,
    actor,
    occurred_at: new Date(at).toISOString(),
    payload: { ...message, actor, reason, comment },
  });
}

export const testType = "webhook_test";

export function testBody(eventId: string, actor: string, at: number): string {
  return JSON.stringify({ event_id: eventId, event_type: testType, actor, occurred_at: new Date(at).toISOString(), payload: { actor } });
}
