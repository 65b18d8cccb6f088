/** The audit of what admins do with a tenant's events from outside: a chain of each tenant, for callers of it. */
import type { AuditedKind, Subject } from "../kernel/audit.ts";
import { DomainError } from "../kernel/errors.ts";
import type { InboundStore } from "./records.ts";

export function eventsSubject(tenant: string): Subject {
  return { kind: "inbound-events", id: tenant };
}

export function inboundAudits(store: InboundStore): readonly AuditedKind[] {
  const chain: AuditedKind["chain"] = async (id, tenant) => {
    const rows = id === tenant ? await store.tx((tx) => tx.audit.list(eventsSubject(tenant))) : [];
    if (rows.length > 0) return rows;
    const subject = { type: "inbound-events", name: id };
    throw new DomainError({ kind: "not_found", reason: "INBOUND_EVENT_NOT_FOUND", message: "nobody has deleted events of this tenant", subject });
  };
  return [{ kind: eventsSubject("").kind, chain }];
}
