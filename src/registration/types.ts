/** The words of the registration domain: plain readonly data, string-literal unions, no wire types. */

export const typeNames = ["SERVICE", "MODULE", "CONNECTOR"] as const;

export type ServiceType = (typeof typeNames)[number];

export const eventTypes = [
  "STARTED",
  "VALIDATED",
  "CONSUL_REGISTERED",
  "HEALTH_CHECK_CONFIGURED",
  "HEALTH_WAITING",
  "CONSUL_HEALTHY",
  "METADATA_RETRIEVED",
  "SCHEMA_VALIDATED",
  "DATABASE_SAVED",
  "APICURIO_REGISTERED",
  "APPROVAL_REQUESTED",
  "APPROVED",
  "REJECTED",
  "COMPLETED",
  "FAILED",
] as const;

export type EventType = (typeof eventTypes)[number];

/** PENDING_APPROVAL: all was undone, and an attempt of its own begins when people have approved. */
export type Outcome = "ACTIVE" | "UNCHANGED" | "PENDING_APPROVAL";

/** `RUNNING` and `UNWINDING` are live; the rest is final, but for `STUCK`, which the sweep tries to unwind again. */
export type AttemptState = "RUNNING" | "UNWINDING" | "COMPLETED" | "ROLLED_BACK" | "STUCK";

export interface Connectivity {
  readonly advertisedHost: string;
  readonly advertisedPort: number;
  readonly internalHost?: string;
  readonly internalPort?: number;
  readonly tlsEnabled: boolean;
}

export interface HttpEndpoint {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  readonly basePath: string;
  readonly healthPath: string;
  readonly tlsEnabled: boolean;
}

/** A Register request after conversion from the wire; field rules are checked by `validate.ts`. */
export interface RegisterInput {
  readonly name: string;
  readonly type: ServiceType;
  readonly connectivity: Connectivity;
  readonly version: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly capabilities: readonly string[];
  readonly httpEndpoints: readonly HttpEndpoint[];
  readonly httpSchema?: string;
  readonly httpSchemaVersion?: string;
  readonly httpSchemaArtifactId?: string;
  readonly httpSchemaPath?: string;
  readonly grpcServices: readonly string[];
  readonly requestId?: string;
  readonly validateOnly: boolean;
  readonly waitForApproval: boolean;
  readonly healthTimeoutMs: number;
  readonly startupGraceMs: number;
}

/** Where calls and checks go: an address that the guard has checked, never a name to be resolved again. */
export interface Endpoint {
  /** A literal IP address. */
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
  /** The name the caller gave, for `:authority` and TLS server name. */
  readonly serverName: string;
}

/** Where a health check goes, and what it asks for. */
export interface CheckTarget extends Endpoint {
  /** The service that `grpc.health.v1` is asked for; undefined: the server as a whole. */
  readonly service?: string;
}

/** One line of an attempt's progress. `sequence` is gapless from 1; at most one of the three data fields is set. */
export interface ProgressEvent {
  readonly attemptId: string;
  readonly sequence: number;
  readonly type: EventType;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly message: string;
  readonly serviceId?: string;
  readonly errorDetail?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** On COMPLETED. */
  readonly outcome?: Outcome;
}

/** What a module says of itself when it is called back. */
export interface ModuleDescription {
  readonly moduleName: string;
  readonly version: string;
  readonly jsonConfigSchema?: string;
  readonly displayName?: string;
  readonly description?: string;
  readonly owner?: string;
  readonly documentationUrl?: string;
  readonly tags: readonly string[];
  readonly healthCheckPassed: boolean;
  readonly healthCheckMessage: string;
  readonly serverInfo: string;
  readonly sdkVersion: string;
  readonly dependencies: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** `PARSER`, `SINK`; unknown numbers are dropped. */
  readonly capabilities: readonly string[];
}

/** What our own probe of `grpc.health.v1` saw. `detail` is a short text for people. */
export type HealthVerdict =
  | { readonly status: "serving" }
  | {
      readonly status: "refused" | "wrong_protocol" | "tls_mismatch" | "unimplemented" | "unknown_service" | "not_serving" | "unreachable";
      readonly detail: string;
    };
