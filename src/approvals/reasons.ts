/**
 * Why a call about approvals fails or a vote does not count, beside the reasons that every domain has. In
 * `muster/approval/v1/reasons.proto` and `docs/errors.md`, too; a test keeps them equal.
 */
export const approvalReasons = [
  "REQUEST_CLOSED",
  "SUBJECT_CHANGED",
  "STAGE_NOT_ACTIVE",
  "NOT_IDENTIFIED",
  "PERSON_DISABLED",
  "SOD_REQUESTER",
  "SOD_AUTHOR",
  "SOD_STAND_IN",
  "ALREADY_COUNTED",
  "NOT_ELIGIBLE",
  "COMMENT_REQUIRED",
  "NOT_OWNER",
  "WRONG_STATE",
  "REQUIREMENT_UNKNOWN",
  "APPROVAL_NOT_FOUND",
  "OPEN_REQUEST_FOR_SUBJECT",
  "COMMAND_ID_REUSED",
  "POLICY_NOT_ACTIVE",
  "SUBJECT_TYPE_DIFFERS",
  "CONTEXT_INVALID",
  "STAND_IN_NOT_FOUND",
  "POLICY_INVALID",
  "POLICY_NOT_FOUND",
  "POLICY_VERSION_NOT_FOUND",
  "POLICY_ACTIVE_DIFFERS",
  "POLICY_ARCHIVED",
  "SUBJECT_RESERVED",
  "REAUTHENTICATION_NEEDED",
] as const;

export type ApprovalReason = (typeof approvalReasons)[number];

declare module "../kernel/errors.ts" {
  interface Reasons {
    readonly approval: ApprovalReason;
  }
}
