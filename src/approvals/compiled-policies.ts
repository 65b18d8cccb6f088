/** Policies in use, compiled once: a version never changes. */
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

  return {
    async active(tx, tenant, key) {
      const found = await tx.policies.findActive(tenant, key);
      return found && compiled(found);
    },
    async pinned(tx, tenant, key, version) {
      const former = known.get(nameOf(tenant, key, version));
      if (former) return former;
      const found = await tx.policies.find(tenant, key, version);
      if (!found) throw new Error(`policy ${key} has no version ${version}, though a request is decided by it`);
      return compiled(found);
    },
  };
}

function nameOf(tenant: string, key: string, version: number): string {
  return `${tenant}/${version}/${key}`;
}
