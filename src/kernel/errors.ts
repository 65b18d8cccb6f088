/** Kind of failure; `rpc/platform/errors.ts` maps each kind to one gRPC status. */
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
 * The stable, machine-readable causes shared by all domains. The same list is in `muster/errors/v1/reasons.proto` and in
 * `docs/errors.md`; a test keeps the three equal.
 */
export const sharedReasons = [
  "INVALID_FIELDS",
  "REQUEST_ID_REUSED",
  "DEPENDENCY_UNAVAILABLE",
  "DEPENDENCY_REFUSED",
  "DEADLINE_EXCEEDED",
  "CANCELLED",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "NOT_IMPLEMENTED",
  "SHUTTING_DOWN",
  "INTERNAL",
  "SLOW_READER",
  "POSITION_OUT_OF_RANGE",
  "TOO_MANY_REQUESTS",
] as const;

export type SharedReason = (typeof sharedReasons)[number];

/**
 * All reasons, by the part that lists them. A domain adds its own to this interface where its list is, as in
 * `registration/reasons.ts`: so an unlisted reason does not compile, and the kernel depends on no domain.
 */
export interface Reasons {
  readonly shared: SharedReason;
}

export type Reason = Reasons[keyof Reasons];

/** The resource of an error: `{ type: "attempt", name: "0190…" }`. */
export interface Subject {
  readonly type: string;
  readonly name: string;
}

/** One invalid request field: `field` is its proto path (`connectivity.advertised_port`), `description` what it must be. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

export interface DomainErrorInit {
  readonly kind: ErrorKind;
  readonly reason: Reason;
  /** Human-readable; may change. Never contains a secret, SQL or a stack. */
  readonly message: string;
  /** The resource that was not found, exists already, is in the wrong state or is exhausted. */
  readonly subject?: Subject;
  /** Machine-readable context, e.g. `{ dependency: "consul" }`. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly fields?: readonly FieldViolation[];
  /** How long a caller should wait before a retry. */
  readonly retryAfterMs?: number;
  /** Waiting does not help, though it does with others of this kind. */
  readonly isLasting?: boolean;
  readonly cause?: unknown;
}

/** The one error type that crosses module boundaries; adapters translate driver errors into it. */
export class DomainError extends Error {
  readonly kind: ErrorKind;
  readonly reason: Reason;
  readonly subject: Subject | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;
  readonly isLasting: boolean;

  constructor(init: DomainErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = "DomainError";
    this.kind = init.kind;
    this.reason = init.reason;
    this.subject = init.subject;
    this.metadata = init.metadata ?? {};
    this.fields = init.fields ?? [];
    this.retryAfterMs = init.retryAfterMs;
    this.isLasting = init.isLasting ?? lastingReasons.has(init.reason);
  }
}

/** A request of which these fields break their rules; the text has them all. */
export function invalidFields(fields: readonly FieldViolation[]): DomainError {
  return new DomainError({
    kind: "invalid",
    reason: "INVALID_FIELDS",
    message: fields.map(({ field, description }) => `${field} ${description}`).join("; "),
    fields,
  });
}

export type Dependency = "store" | "catalog" | "schema registry" | "event sink" | "name service" | "identity provider" | "Amazon SNS";

/** A dependency that cannot be reached or answers with a server error: the caller may retry. */
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

/** A dependency that understood the request and refuses it: a retry will not help. */
export function refused(dependency: Dependency, detail: string, cause?: unknown): DomainError {
  return new DomainError({
    kind: "wrong_state",
    reason: "DEPENDENCY_REFUSED",
    message: `${dependency} refused: ${detail}`,
    subject: { type: "dependency", name: dependency },
    metadata: { dependency },
    cause,
  });
}

/**
 * Reasons that can come with a kind that mostly passes, but do not pass: somebody has to change the request first. A domain
 * gives such a reason of its own a kind that does not pass, such as `wrong_state`, or says `isLasting`.
 */
export const lastingReasons: ReadonlySet<Reason> = new Set<SharedReason>(["REQUEST_ID_REUSED"]);

/** True when the same call, repeated later, can succeed without any change. */
export function isRetryable(error: DomainError): boolean {
  if (error.isLasting) return false;
  return error.kind === "unavailable" || error.kind === "conflict" || error.kind === "exhausted";
}

/** Any thrown value as a DomainError; any other becomes `internal` with a fixed text and keeps its cause for the log. */
export function toDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  return new DomainError({ kind: "internal", reason: "INTERNAL", message: "internal error", cause: error });
}
