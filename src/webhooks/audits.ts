/** The audit of endpoints and secrets, for callers of their tenant. */
import type { AuditedKind } from "../kernel/audit.ts";
import type { DomainError } from "../kernel/errors.ts";
import { endpointSubject, noEndpoint, noSecret, secretSubject } from "./errors.ts";
import type { WebhookStore } from "./records.ts";

export function webhookAudits(store: WebhookStore): readonly AuditedKind[] {
  const kindOf = (subjectOf: typeof endpointSubject, missing: (id: string) => DomainError): AuditedKind => ({
    kind: subjectOf("").kind,
    chain: (id, tenant) =>
      store.tx(async (tx) => {
        const chain = await tx.audit.list(subjectOf(id));
        // Its first row says whose it is; a deleted one has no other record.
        if (chain[0]?.detail["tenant"] !== tenant) throw missing(id);
        return chain;
      }),
  });
  return [kindOf(endpointSubject, noEndpoint), kindOf(secretSubject, noSecret)];
}
