/** The audit of what approvals keep, for callers of its tenant. */
import type { AuditedKind, AuditRow } from "../kernel/audit.ts";
import { notFound } from "./change.ts";
import { policySubject } from "./policy/policies.ts";
import { notFound as noPolicy } from "./policy/policy-errors.ts";
import type { ApprovalStore } from "./records.ts";
import { noStandIn } from "./stand-ins.ts";

export function approvalAudits(store: ApprovalStore): readonly AuditedKind[] {
  const found = (chain: readonly AuditRow[], missing: () => Error): readonly AuditRow[] => {
    if (chain.length === 0) throw missing();
    return chain;
  };
  return [
    {
      kind: "approval",
      chain: (id, tenant) =>
        store.tx(async (tx) => {
          if (!(await tx.approvals.find(tenant, id))) throw notFound(id);
          return tx.approvals.chain(id);
        }),
    },
    {
      kind: "policy",
      chain: (key, tenant) => store.tx(async (tx) => found(await tx.audit.list(policySubject(tenant, key)), () => noPolicy(key, 0))),
    },
    {
      kind: "stand-in",
      chain: (id, tenant) =>
        store.tx(async (tx) => {
          const chain = await tx.audit.list({ kind: "stand-in", id });
          // Its first row says whose it is; an ended one has no other record.
          return found(chain[0]?.detail["tenant"] === tenant ? chain : [], () => noStandIn(id));
        }),
    },
  ];
}
