/** The answers to what is not there, whoever has it; and the subjects of the audit. */
import type { Subject } from "../kernel/audit.ts";
import { DomainError } from "../kernel/errors.ts";
import type { WebhookReason } from "./reasons.ts";

export function endpointSubject(id: string): Subject {
  return { kind: "webhook-endpoint", id };
}

export function secretSubject(id: string): Subject {
  return { kind: "webhook-secret", id };
}

function missing(reason: WebhookReason, what: string, type: string, id: string): DomainError {
  return new DomainError({ kind: "not_found", reason, message: `there is no ${what} with this id`, subject: { type, name: id } });
}

export function noEndpoint(id: string): DomainError {
  return missing("WEBHOOK_ENDPOINT_NOT_FOUND", "webhook endpoint", "webhook-endpoint", id);
}

export function noSecret(id: string): DomainError {
  return missing("WEBHOOK_SECRET_NOT_FOUND", "webhook secret", "webhook-secret", id);
}

export function noDelivery(id: string): DomainError {
  return missing("WEBHOOK_DELIVERY_NOT_FOUND", "webhook delivery", "webhook-delivery", id);
}

export function limitReached(message: string, subject: { readonly type: string; readonly name: string }): DomainError {
  return new DomainError({ kind: "exhausted", reason: "WEBHOOK_LIMIT_REACHED", message, subject, isLasting: true });
}

/** `user`: an endpoint, or a callback, that needs the secret. */
export function secretInUse(id: string, user: { readonly id: string; readonly approvalId: string | undefined }): DomainError {
  const message = `the ${user.approvalId === undefined ? "endpoint" : "callback"} ${user.id} is signed by it`;
  return new DomainError({ kind: "wrong_state", reason: "WEBHOOK_SECRET_IN_USE", message, subject: { type: "webhook-secret", name: id } });
}

export function endpointDisabled(id: string): DomainError {
  return new DomainError({
    kind: "wrong_state",
    reason: "WEBHOOK_ENDPOINT_DISABLED",
    message: "the endpoint is disabled: enable it first",
    subject: { type: "webhook-endpoint", name: id },
  });
}
