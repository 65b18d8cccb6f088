/** Between wire messages and domain values. UNSPECIFIED, bigints and unknown enum numbers end here. */
import { nameOf } from "../../kernel/caller.ts";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  EventType as WireEventType,
  RegisterResponseSchema,
  RegistrationEventSchema,
  RegistrationOutcome,
  ServiceType as WireServiceType,
  type RegisterRequest,
  type RegisterResponse,
  type RegistrationEvent,
} from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Reason as WireReason } from "../../../gen/muster/registration/v1/reasons_pb.ts";
import { AttemptSchema, AttemptState as WireAttemptState, type Attempt as WireAttempt } from "../../../gen/muster/registration/v1/registration_service_pb.ts";
import type { Reason } from "../../kernel/errors.ts";
import type { RegistrationReason } from "../../registration/reasons.ts";
import type { AttemptSummary } from "../../registration/records.ts";
import type { RegisterCandidate, WireServiceType as CandidateType } from "../../registration/validate.ts";
import { withoutByteOrderMark } from "../../schema-diff/schema-text.ts";
import type { AttemptState, EventType, Outcome, ProgressEvent, ServiceType } from "../../registration/types.ts";

const defaultHealthTimeoutMs = 60_000;
const defaultStartupGraceMs = 15_000;

const serviceTypes: Readonly<Record<number, CandidateType>> = {
  [WireServiceType.UNSPECIFIED]: "UNSPECIFIED",
  [WireServiceType.SERVICE]: "SERVICE",
  [WireServiceType.MODULE]: "MODULE",
  [WireServiceType.CONNECTOR]: "CONNECTOR",
};

/** A request as a domain value, with the defaults of absent fields; nothing is validated here. */
export function registerCandidateOf(request: RegisterRequest): RegisterCandidate {
  const { connectivity } = request;
  const healthTimeoutMs = request.healthTimeout ? durationMs(request.healthTimeout) : defaultHealthTimeoutMs;
  return {
    name: request.name,
    type: serviceTypes[request.type] ?? "UNKNOWN",
    connectivity: {
      advertisedHost: connectivity?.advertisedHost ?? "",
      advertisedPort: connectivity?.advertisedPort ?? 0,
      tlsEnabled: connectivity?.tlsEnabled ?? false,
      ...(connectivity?.internalHost === undefined ? {} : { internalHost: connectivity.internalHost }),
      ...(connectivity?.internalPort === undefined ? {} : { internalPort: connectivity.internalPort }),
    },
    version: request.version,
    metadata: { ...request.metadata },
    tags: request.tags,
    capabilities: request.capabilities,
    httpEndpoints: request.httpEndpoints.map(({ scheme, host, port, basePath, healthPath, tlsEnabled }) => ({
      scheme,
      host,
      port,
      basePath,
      healthPath,
      tlsEnabled,
    })),
    grpcServices: request.grpcServices,
    validateOnly: request.validateOnly,
    waitForApproval: request.waitForApproval,
    healthTimeoutMs,
    startupGraceMs: request.startupGrace ? durationMs(request.startupGrace) : Math.min(defaultStartupGraceMs, healthTimeoutMs),
    ...(request.httpSchema === undefined ? {} : { httpSchema: withoutByteOrderMark(request.httpSchema) }),
    ...(request.httpSchemaVersion === undefined ? {} : { httpSchemaVersion: request.httpSchemaVersion }),
    ...(request.httpSchemaArtifactId === undefined ? {} : { httpSchemaArtifactId: request.httpSchemaArtifactId }),
    ...(request.httpSchemaPath === undefined ? {} : { httpSchemaPath: request.httpSchemaPath }),
    ...(request.requestId === undefined ? {} : { requestId: request.requestId }),
  };
}

const eventTypes: Readonly<Record<EventType, WireEventType>> = WireEventType;
const outcomes: Readonly<Record<Outcome, RegistrationOutcome>> = RegistrationOutcome;
const attemptStates: Readonly<Record<AttemptState, WireAttemptState>> = {
  RUNNING: WireAttemptState.RUNNING,
  UNWINDING: WireAttemptState.UNWINDING,
  COMPLETED: WireAttemptState.COMPLETED,
  ROLLED_BACK: WireAttemptState.ROLLED_BACK,
  STUCK: WireAttemptState.STUCK,
};
export const wireServiceTypes: Readonly<Record<ServiceType, WireServiceType>> = WireServiceType;
/** Every reason that an attempt can end with; one that another domain added is none. */
const wireReasons: Readonly<Record<RegistrationReason, WireReason> & Partial<Record<Reason, WireReason>>> = WireReason;

export function registrationEventOf(event: ProgressEvent): RegistrationEvent {
  return create(RegistrationEventSchema, {
    eventType: eventTypes[event.type],
    timestamp: timestampFromMs(event.at),
    message: event.message,
    eventData: eventDataOf(event),
    sequence: BigInt(event.sequence),
    attemptId: event.attemptId,
    outcome: event.outcome ? outcomes[event.outcome] : RegistrationOutcome.UNSPECIFIED,
  });
}

export function registerResponseOf(event: ProgressEvent): RegisterResponse {
  return create(RegisterResponseSchema, { event: registrationEventOf(event) });
}

function eventDataOf(event: ProgressEvent): NonNullable<MessageInitShape<typeof RegistrationEventSchema>["eventData"]> {
  if (event.errorDetail !== undefined) return { case: "errorDetail", value: event.errorDetail };
  if (event.serviceId !== undefined) return { case: "serviceId", value: event.serviceId };
  if (event.metadata !== undefined) return { case: "metadata", value: { values: { ...event.metadata } } };
  return { case: undefined };
}

export function attemptOf(attempt: AttemptSummary): WireAttempt {
  return create(AttemptSchema, {
    attemptId: attempt.id,
    serviceId: attempt.serviceId,
    name: attempt.name,
    type: wireServiceTypes[attempt.type],
    host: attempt.host,
    port: attempt.port,
    version: attempt.version,
    state: attemptStates[attempt.state],
    outcome: attempt.outcome ? outcomes[attempt.outcome] : RegistrationOutcome.UNSPECIFIED,
    errorReason: attempt.error ? (wireReasons[attempt.error.reason] ?? WireReason.UNSPECIFIED) : WireReason.UNSPECIFIED,
    errorDetail: attempt.error?.message ?? "",
    requestId: attempt.requestId ?? "",
    actor: nameOf(attempt.actor),
    lastSequence: BigInt(attempt.lastSequence),
    createdAt: timestampFromMs(attempt.createdAt),
    updatedAt: timestampFromMs(attempt.updatedAt),
    deadlineAt: timestampFromMs(attempt.deadlineAt),
    cancelRequested: attempt.cancelRequested,
  });
}

const attemptStateNames: ReadonlyMap<number, AttemptState> = new Map(Object.entries(attemptStates).map(([name, number]) => [number, name as AttemptState]));

/** The state behind a wire number; undefined for UNSPECIFIED and unknown ones. */
export function attemptStateOf(state: number): AttemptState | undefined {
  return attemptStateNames.get(state);
}
