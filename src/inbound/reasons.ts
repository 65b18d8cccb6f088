/**
 * Why a call about events from outside fails, beside the reasons that every domain has. In `muster/inbound/v1/reasons.proto` and
 * `docs/errors.md`, too; a test keeps them equal.
 */
export const inboundReasons = ["INBOUND_EVENT_NOT_FOUND", "INBOUND_EVENT_SUCCEEDED"] as const;

export type InboundReason = (typeof inboundReasons)[number];

declare module "../kernel/errors.ts" {
  interface Reasons {
    readonly inbound: InboundReason;
  }
}
