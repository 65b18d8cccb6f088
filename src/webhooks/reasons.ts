/**
 * Why a call about webhooks fails, beside the reasons that every domain has. In `muster/webhook/v1/reasons.proto` and
 * `docs/errors.md`, too; a test keeps them equal.
 */
export const webhookReasons = [
  "WEBHOOK_ENDPOINT_NOT_FOUND",
  "WEBHOOK_SECRET_NOT_FOUND",
  "WEBHOOK_DELIVERY_NOT_FOUND",
  "WEBHOOK_LIMIT_REACHED",
  "WEBHOOK_ENDPOINT_DISABLED",
  "WEBHOOK_SECRET_IN_USE",
] as const;

export type WebhookReason = (typeof webhookReasons)[number];

declare module "../kernel/errors.ts" {
  interface Reasons {
    readonly webhook: WebhookReason;
  }
}
