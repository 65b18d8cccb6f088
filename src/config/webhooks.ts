/** Where webhooks may go. */
import { isLoopback } from "./server.ts";
import { rangesOf } from "./values.ts";

export const webhookVariables = {
  MUSTER_WEBHOOK_ADDRESSES: { fallback: "", secret: false },
} as const;

export interface WebhookSettings {
  readonly webhooks: { readonly allowLoopback: boolean; readonly allowedRanges: readonly string[] };
}

/** `host` is what the server listens on: only a server on loopback may reach endpoints there. */
export function parseWebhooks(get: (name: keyof typeof webhookVariables) => string, host: string, problems: string[]): WebhookSettings {
  return { webhooks: { allowLoopback: isLoopback(host), allowedRanges: rangesOf("MUSTER_WEBHOOK_ADDRESSES", get("MUSTER_WEBHOOK_ADDRESSES"), problems) } };
}
