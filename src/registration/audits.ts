/** The audit of instances and names, which belong to no tenant. */
import type { AuditedKind } from "../kernel/audit.ts";
import { DomainError } from "../kernel/errors.ts";
import { nameSubject } from "./names.ts";
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
    {
      kind: nameSubject("").kind,
      async chain(name) {
        const chain = await store.tx((tx) => tx.audit.list(nameSubject(name)));
        if (chain.length > 0) return chain;
        throw new DomainError({
          kind: "not_found",
          reason: "NAME_NOT_FOUND",
          message: `nobody has transferred, released or shared anything of the name ${name}`,
          subject: { type: "name", name },
          metadata: { name },
        });
      },
    },
  ];
}
