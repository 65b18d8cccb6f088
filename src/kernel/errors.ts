/** What sort of failure it is; `rpc/platform/errors.ts` maps each kind to one gRPC status. */
export type ErrorKind =
  | "invalid"
  | "not_found"
  | "already_exists"
  | "wrong_state"
  | "out_of_range"
  | "conflict"
  | "unauthenticated"
  | "denied"
  | "exhausted"
  | "unavailable"
  | "timeout"
  | "cancelled"
  | "unimplemented"
  | "internal";

/**
 * The stable, machine-readable cause. The same list stands in `muster/registration/v1/reasons.proto`
 * and in `docs/errors.md`; a test keeps the three equal.
 */
export const reasons = [
  "INVALID_FIELDS",
  "HOST_DENIED",
  "HOST_UNRESOLVABLE",
  "SERVICE_ID_CLASH",
  "NAME_OWNED_BY_ANOTHER",
  "ATTEMPT_IN_FLIGHT",
  "REQUEST_ID_REUSED",
  "TOO_MANY_ATTEMPTS",
  "ATTEMPT_NOT_FOUND",
  "ATTEMPT_FINISHED",
  "REGISTRATION_NOT_FOUND",
  "HEALTH_REFUSED",
  "HEALTH_WRONG_PROTOCOL",
  "HEALTH_TLS_MISMATCH",
  "HEALTH_UNIMPLEMENTED",
  "HEALTH_NOT_SERVING",
  "HEALTH_TIMEOUT",
  "CALLBACK_FAILED",
  "CALLBACK_TIMEOUT",
  "CALLBACK_TOO_LARGE",
  "CALLBACK_UNIMPLEMENTED",
  "CALLBACK_IDENTITY_MISMATCH",
  "CALLBACK_REPORTED_UNHEALTHY",
  "SCHEMA_NOT_JSON",
  "SCHEMA_TOO_LARGE",
  "SCHEMA_TOO_COMPLEX",
  "SCHEMA_REMOTE_REF",
  "SCHEMA_INVALID",
  "SCHEMA_COMPILE_TIMEOUT",
  "SCHEMA_PATTERN_UNSUPPORTED",
  "SCHEMA_VERSION_CONFLICT",
  "DEPENDENCY_UNAVAILABLE",
  "DEPENDENCY_REFUSED",
  "DEADLINE_EXCEEDED",
  "CANCELLED",
  "SUPERSEDED",
  "INTERRUPTED",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "NOT_IMPLEMENTED",
  "SHUTTING_DOWN",
  "INTERNAL",
  "SCHEMA_NOT_FOUND",
  "OPENAPI_FETCH_FAILED",
  "OPENAPI_INVALID",
  "SLOW_READER",
  "POSITION_OUT_OF_RANGE",
] as const;

export type Reason = (typeof reasons)[number];

/** One bad request field: `field` is its proto path (`connectivity.advertised_port`), `description` what it must be. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

export interface DomainErrorInit {
  readonly kind: ErrorKind;
  readonly reason: Reason;
  /** For people; may change. Never contains a secret, SQL or a stack. */
  readonly message: string;
  /** Machine-readable context, e.g. `{ dependency: "consul" }`. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly fields?: readonly FieldViolation[];
  /** How long a caller should wait before trying again. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** The one error type that crosses module boundaries; adapters translate driver errors into it. */
export class DomainError extends Error {
  readonly kind: ErrorKind;
  readonly reason: Reason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;

  constructor(init: DomainErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = "DomainError";
    this.kind = init.kind;
    this.reason = init.reason;
    this.metadata = init.metadata ?? {};
    this.fields = init.fields ?? [];
    this.retryAfterMs = init.retryAfterMs;
  }
}

export type Dependency = "store" | "catalog" | "schema registry" | "event sink";

/** A dependency that cannot be reached or answers with a server error: the caller may try again. */
export function unavailable(dependency: Dependency, detail: string, cause?: unknown): DomainError {
  return new DomainError({
    kind: "unavailable",
    reason: "DEPENDENCY_UNAVAILABLE",
    message: `${dependency} unavailable: ${detail}`,
    metadata: { dependency },
    retryAfterMs: 2_000,
    cause,
  });
}

/** A dependency that understood the request and refuses it: trying again will not help. */
export function refused(dependency: Dependency, detail: string, cause?: unknown): DomainError {
  return new DomainError({
    kind: "wrong_state",
    reason: "DEPENDENCY_REFUSED",
    message: `${dependency} refused: ${detail}`,
    metadata: { dependency },
    cause,
  });
}

/** Reasons that may come with a kind that mostly passes, but do not pass: somebody has to change the request first. */
export const lastingReasons: ReadonlySet<Reason> = new Set(["SCHEMA_VERSION_CONFLICT", "REQUEST_ID_REUSED", "SCHEMA_TOO_LARGE", "CALLBACK_TOO_LARGE"]);

/** True when the same call, made again later, can succeed without anybody changing anything. */
export function isRetryable(error: DomainError): boolean {
  if (lastingReasons.has(error.reason)) return false;
  return error.kind === "unavailable" || error.kind === "conflict" || error.kind === "exhausted";
}

/** Any thrown value as a DomainError; what is not one becomes `internal` with a fixed text and keeps its cause for the log. */
export function toDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  return new DomainError({ kind: "internal", reason: "INTERNAL", message: "internal error", cause: error });
}
