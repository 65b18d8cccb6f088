import type { RegistrationEvent } from "../../../src/registration/events.ts";
import type { OutboxEvent } from "../../../src/kernel/records.ts";
import type { TaskType } from "../../../src/kernel/task-kind.ts";
import type { Attempt, InstanceKey, Registration } from "../../../src/registration/records.ts";
import type { SchemaVersion } from "../../../src/registration/schemas/schema-records.ts";
import type { ProgressEvent, RegisterInput } from "../../../src/registration/types.ts";

/** A time of which 32 bits hold too little. */
export const someTime = 1_795_000_000_123;

export const key: InstanceKey = { serviceId: "parser-10.0.0.1-9000", name: "parser", host: "10.0.0.1", port: 9_000 };

export const request: RegisterInput = {
  name: key.name,
  type: "MODULE",
  connectivity: { advertisedHost: key.host, advertisedPort: key.port, tlsEnabled: false },
  version: "1.0.0",
  metadata: { zone: "b", area: "a" },
  tags: ["x"],
  capabilities: [],
  httpEndpoints: [],
  grpcServices: [],
  validateOnly: false,
  waitForApproval: false,
  healthTimeoutMs: 1_000,
  startupGraceMs: 0,
};

export function attempt(id: string, changes: Partial<Attempt> = {}): Attempt {
  return {
    id,
    serviceId: `${id}-service`,
    name: key.name,
    type: "MODULE",
    host: key.host,
    port: key.port,
    version: "1.0.0",
    requestId: undefined,
    requestHash: "hash",
    request,
    address: "10.0.0.1",
    state: "RUNNING",
    cursor: 0,
    generation: 0,
    lastSequence: 1,
    outcome: undefined,
    error: undefined,
    cancelRequested: false,
    actor: "tester",
    traceparent: undefined,
    lease: { owner: "owner", epoch: 1 },
    deadlineAt: someTime + 60_000,
    createdAt: someTime,
    updatedAt: someTime,
    ...changes,
  };
}

export function event(attemptId: string, sequence: number, changes: Partial<ProgressEvent> = {}): ProgressEvent {
  return { attemptId, sequence, type: sequence === 1 ? "STARTED" : "VALIDATED", at: someTime + sequence, message: `event ${sequence}`, ...changes };
}

export function registration(id: string, changes: Partial<Registration> = {}): Registration {
  return {
    ...key,
    id,
    type: "MODULE",
    version: "1.0.0",
    state: "PENDING",
    request,
    requestHash: "hash",
    address: "10.0.0.1",
    schema: { artifactId: "parser-config", version: "1.0.0" },
    description: '{"moduleName":"parser"}',
    actor: "tester",
    registeredAt: someTime,
    updatedAt: someTime,
    ...changes,
  };
}

export function schemaVersion(version: string, changes: Partial<SchemaVersion> = {}): SchemaVersion {
  return {
    artifactId: "parser-config",
    version,
    name: "parser",
    content: '{ "type":"object" }',
    sha256: "abc",
    synthesised: false,
    kind: "JSON",
    comparison: undefined,
    state: "PENDING",
    createdAt: someTime,
    ...changes,
  };
}

export function outboxEvent(id: string, changes: Partial<OutboxEvent<RegistrationEvent>> = {}): OutboxEvent<RegistrationEvent> {
  return {
    id,
    key: key.serviceId,
    subject: { kind: "instance", id: key.serviceId },
    payload: { type: "ServiceRegistered", ...key, version: "1.0.0" },
    at: someTime,
    traceparent: undefined,
    ...changes,
  };
}

/** A kind whose payload is a number. */
export const someTask: TaskType<number> = { kind: "some", parse: Number };

export const otherTask: TaskType<number> = { kind: "other", parse: Number };
