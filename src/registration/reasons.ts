/**
 * Why a registration, or a call about registrations, fails, beside the reasons that every domain has. In
 * `muster/registration/v1/reasons.proto` and `docs/errors.md`, too; a test keeps them equal.
 */
export const registrationReasons = [
  "HOST_DENIED",
  "HOST_UNRESOLVABLE",
  "SERVICE_ID_CLASH",
  "NAME_OWNED_BY_ANOTHER",
  "ATTEMPT_IN_FLIGHT",
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
  "SUPERSEDED",
  "INTERRUPTED",
  "SCHEMA_NOT_FOUND",
  "OPENAPI_FETCH_FAILED",
  "OPENAPI_INVALID",
  "LIST_TOO_LARGE",
  "HEALTH_SERVICE_UNKNOWN",
  "NAME_NOT_FOUND",
  "NAME_IN_USE",
  "ARTIFACT_OWNED_BY_ANOTHER",
  "REGISTRATION_ENDED",
  "APPROVAL_REJECTED",
  "VERSION_CONTENT_DIFFERS",
  "TAGS_NEED_APPROVAL",
] as const;

export type RegistrationReason = (typeof registrationReasons)[number];

declare module "../kernel/errors.ts" {
  interface Reasons {
    readonly registration: RegistrationReason;
  }
}
