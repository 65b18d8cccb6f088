/** A new attempt, and the events that it begins with. */
import type { Caller } from "../../kernel/caller.ts";
import type { Attempt, InstanceRow, RegistrationTx } from "../records.ts";
import { subjectOf } from "../service-id.ts";
import type { ProgressEvent, RegisterInput } from "../types.ts";
import type { Runner } from "./runner.ts";
import { validatedNote } from "./steps/validated.ts";

/** An attempt as a whole has this long. */
export const attemptLimitMs = 150_000;

/** What begins: a request, checked, for a key that the caller has locked. */
export interface Beginning {
  readonly id: string;
  readonly now: number;
  readonly input: RegisterInput;
  readonly requestId: string | undefined;
  readonly hash: string;
  readonly address: string;
  readonly actor: string;
  readonly traceparent: string | undefined;
}

export function newAttempt(runner: Pick<Runner, "owner">, beginning: Beginning, key: InstanceRow): Attempt {
  const { id, now, input, requestId, hash, address, actor, traceparent } = beginning;
  return {
    id,
    serviceId: key.serviceId,
    name: input.name,
    type: input.type,
    host: input.connectivity.advertisedHost,
    port: input.connectivity.advertisedPort,
    version: input.version,
    requestId,
    requestHash: hash,
    request: input,
    address,
    state: "RUNNING",
    cursor: 1,
    generation: key.generation,
    lastSequence: 2,
    outcome: undefined,
    error: undefined,
    cancelRequested: false,
    actor,
    traceparent,
    lease: { owner: runner.owner, epoch: 1 },
    deadlineAt: now + attemptLimitMs,
    createdAt: now,
    updatedAt: now,
  };
}

/** Inserts the attempt with its first events, which it resolves to. */
export async function insertAttempt(tx: RegistrationTx, attempt: Attempt, leaseMs: number, caller: Pick<Caller, "key">): Promise<readonly ProgressEvent[]> {
  const events = firstEvents(attempt);
  await tx.attempts.insert(attempt, events, leaseMs);
  await tx.audit.append({
    subject: subjectOf(attempt.serviceId),
    at: attempt.createdAt,
    actor: caller.key,
    action: "REGISTRATION_STARTED",
    detail: { attempt_id: attempt.id, request_sha256: attempt.requestHash },
  });
  return events;
}

export type Described = Pick<Attempt, "id" | "createdAt" | "serviceId" | "address">;

export function startedEvent({ id, createdAt, serviceId }: Omit<Described, "address">): ProgressEvent {
  return { attemptId: id, sequence: 1, type: "STARTED", at: createdAt, message: "registration started", serviceId };
}

/** What a new attempt begins with; its cursor and last sequence say so. */
function firstEvents(attempt: Attempt): readonly ProgressEvent[] {
  const { id: attemptId, createdAt: at } = attempt;
  return [startedEvent(attempt), { attemptId, sequence: 2, type: "VALIDATED", at, ...validatedNote(attempt) }];
}
