/** The audit of instances, which belong to no tenant. */
import type { AuditedKind } from "../kernel/audit.ts";
import { DomainError } from "../kernel/errors.ts";
import type { RegistrationStore } from "./records.ts";

export function registrationAudits(store: RegistrationStore): readonly AuditedKind[] {
  return [
    {
      kind: "instance",
      async chain(id) {
        const chain = await store.tx((tx) => tx.audit.list({ kind: "instance", id }));
        if (chain.length > 0) return chain;
        throw new DomainError({
          kind: "not_found",
          reason: "REGISTRATION_NOT_FOUND",
          message: `${id} was never registered`,
          subject: { type: "service", name: id },
          metadata: { service_id: id },
        });
      },
    },
  ];
}
