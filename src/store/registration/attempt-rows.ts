/** Attempts and their events to rows and back. */
import { sha256 } from "../../kernel/canonical-json.ts";
import type { Attempt, AttemptSummary } from "../../registration/records.ts";
import type { AttemptState, ProgressEvent, RegisterInput } from "../../registration/types.ts";
import type { AttemptEventTable, AttemptTable } from "./tables.ts";

export const liveStates: readonly AttemptState[] = ["RUNNING", "UNWINDING"];

/** What is unique of a request id: it belongs to the principal with this key. Ids have no spaces. */
export function requestKey(actor: string, requestId: string): string {
  return sha256(`${actor} ${requestId}`);
}

export function attemptToRow(attempt: Attempt): Omit<AttemptTable, "lease_until"> {
  return {
    id: attempt.id,
    service_id: attempt.serviceId,
    name: attempt.name,
    type: attempt.type,
    host: attempt.host,
    port: attempt.port,
    version: attempt.version,
    request_id: null,
    given_request_id: attempt.requestId ?? null,
    request_key: attempt.requestId === undefined ? null : requestKey(attempt.actor, attempt.requestId),
    request_hash: attempt.requestHash,
    request: JSON.stringify(attempt.request),
    address: attempt.address,
    state: attempt.state,
    step_cursor: attempt.cursor,
    generation: attempt.generation,
    last_sequence: attempt.lastSequence,
    outcome: attempt.outcome ?? null,
    error: errorToText(attempt.error),
    cancel_requested: attempt.cancelRequested ? 1 : 0,
    actor: attempt.actor,
    traceparent: attempt.traceparent ?? null,
    lease_owner: attempt.lease.owner,
    lease_epoch: attempt.lease.epoch,
    deadline_at: attempt.deadlineAt,
    created_at: attempt.createdAt,
    updated_at: attempt.updatedAt,
    live_key: liveStates.includes(attempt.state) ? attempt.serviceId : null,
  };
}

/** What a list reads of an attempt: a request may have a megabyte. */
export const summaryColumns = [
  "id",
  "service_id",
  "name",
  "type",
  "host",
  "port",
  "version",
  "request_id",
  "given_request_id",
  "request_hash",
  "address",
  "state",
  "step_cursor",
  "generation",
  "last_sequence",
  "outcome",
  "error",
  "cancel_requested",
  "actor",
  "traceparent",
  "lease_owner",
  "lease_epoch",
  "deadline_at",
  "created_at",
  "updated_at",
] as const satisfies readonly (keyof AttemptTable)[];

export function attemptFromRow(row: AttemptTable): Attempt {
  return { ...summaryFromRow(row), request: JSON.parse(row.request) as RegisterInput };
}

export function summaryFromRow(row: Pick<AttemptTable, (typeof summaryColumns)[number]>): AttemptSummary {
  return {
    id: row.id,
    serviceId: row.service_id,
    name: row.name,
    type: row.type,
    host: row.host,
    port: row.port,
    version: row.version,
    requestId: row.given_request_id ?? row.request_id ?? undefined,
    requestHash: row.request_hash,
    address: row.address,
    state: row.state,
    cursor: row.step_cursor,
    generation: row.generation,
    lastSequence: row.last_sequence,
    outcome: row.outcome ?? undefined,
    error: row.error === null ? undefined : (JSON.parse(row.error) as NonNullable<Attempt["error"]>),
    cancelRequested: row.cancel_requested === 1,
    actor: row.actor,
    traceparent: row.traceparent ?? undefined,
    lease: { owner: row.lease_owner, epoch: row.lease_epoch },
    deadlineAt: row.deadline_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export function errorToText(error: Attempt["error"]): string | null {
  // The message of an Error is no member that JSON has.
  return error === undefined ? null : JSON.stringify({ ...error, message: error.message });
}

export function eventToRow(event: ProgressEvent): AttemptEventTable {
  const { attemptId, sequence, type, at, ...body } = event;
  return { attempt_id: attemptId, sequence, type, occurred_at: at, body: JSON.stringify(body) };
}

export function eventFromRow(row: AttemptEventTable): ProgressEvent {
  const body = JSON.parse(row.body) as Omit<ProgressEvent, "attemptId" | "sequence" | "type" | "at">;
  return { attemptId: row.attempt_id, sequence: row.sequence, type: row.type, at: row.occurred_at, ...body };
}
