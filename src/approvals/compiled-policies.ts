/** Policies in use, compiled once: a version never changes. */
import type { ApprovalTx } from "./records.ts";
import type { Policies } from "./deps.ts";
import type { PolicyVersion } from "./policy/policy-records.ts";
import type { Policy } from "./types.ts";

const kept = 500;

export function compiledPolicies(): Policies {
  const known = new Map<string, Policy>();

  async function compiled({ tenant, key, version, document }: PolicyVersion): Promise<Policy> {
    const name = nameOf(tenant, key, version);
    const policy = known.get(name) ?? (await import("./policy/policy.ts")).createPolicy(document, version);
    // The most recently used are kept.
    known.delete(name);
    known.set(name, policy);
    const [oldest] = known.keys();
    if (known.size > kept && oldest !== undefined) known.delete(oldest);
    return policy;
  }

  async function pinned(tx: ApprovalTx, tenant: string, key: string, version: number): Promise<Policy> {
    const former = known.get(nameOf(tenant, key, version));
    if (former) return former;
    const found = await tx.policies.find(tenant, key, version);
    if (!found) throw new Error(`policy ${key} has no version ${version}, though a request is decided by it`);
    return compiled(found);
  }

  return {
    async active(tx, tenant, key) {
      const version = await tx.policies.activeVersion(tenant, key);
      return version === undefined ? undefined : pinned(tx, tenant, key, version);
    },
    activeVersion: (tx, tenant, key) => tx.policies.activeVersion(tenant, key),
    pinned,
  };
}

function nameOf(tenant: string, key: string, version: number): string {
  return `${tenant}/${version}/${key}`;
}
