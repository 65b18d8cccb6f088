/** Use cases of policies: putting a version, activating and archiving it, reading. Everything is of the caller's tenant. */
import type { Subject } from "../../kernel/audit.ts";
import type { Caller } from "../../kernel/caller.ts";
import type { Clock, Ids } from "../../kernel/ports.ts";
import { digestOf } from "./digest.ts";
import { ownerOfPolicy, type SubjectOwner } from "../owners.ts";
import { activeDiffers, archived, notFound, policyInvalid } from "./policy-errors.ts";
import type { PolicyNews } from "./policy-news.ts";
import type { PolicyAction, PolicyStore, PolicySummary, PolicyTx, PolicyVersion } from "./policy-records.ts";
import type { Problem } from "../../documents/problems.ts";

/** Loaded when it is needed: few starts put a policy. */
const parser = () => import("./parse.ts");

export interface PolicyDeps {
  readonly owners: readonly SubjectOwner[];
  readonly store: PolicyStore;
  readonly clock: Pick<Clock, "now">;
  readonly ids: Ids;
  /** Whether the members of the tenant's groups and roles can be listed. */
  isEnumerable(tenant: string): boolean | Promise<boolean>;
}

export interface PutPolicy {
  /** YAML or JSON. */
  readonly source: string;
  /** Nothing is stored, and no error is thrown for what is wrong with the document. */
  readonly validateOnly: boolean;
}

export interface PutResult {
  /** Undefined when the document has errors. Of a dry run, the version that would be stored. */
  readonly policy: PolicyVersion | undefined;
  /** False when the latest version has this document already, and of a dry run. */
  readonly isNew: boolean;
  readonly problems: readonly Problem[];
}

/** The chain of a policy in the audit, and the subject of its events. */
export function policySubject(tenant: string, key: string): Subject {
  return { kind: "policy", id: `${tenant}/${key}` };
}

/**
 * Stores a document as the next DRAFT of its key. The document of the latest version, unless that is archived, is not stored
 * again. Rejects with `invalid` (POLICY_INVALID, every error as a field) when the document has errors.
 */
export async function putPolicy(deps: PolicyDeps, { source, validateOnly }: PutPolicy, caller: Caller): Promise<PutResult> {
  const { document, problems } = (await parser()).parsePolicy(source, { isEnumerable: await deps.isEnumerable(caller.tenant) });
  if (!document) {
    if (validateOnly) return { policy: undefined, isNew: false, problems };
    throw policyInvalid(problems);
  }
  const digest = digestOf(document);
  const { tenant } = caller;
  const done = { by: caller.key, at: deps.clock.now() };
  return deps.store.tx(async (tx) => {
    const [latest] = await tx.policies.lock(tenant, document.key);
    if (latest?.digest === digest && latest.status !== "ARCHIVED") {
      return { policy: await tx.policies.find(tenant, document.key, latest.version), isNew: false, problems };
    }
    const policy: PolicyVersion = {
      tenant,
      key: document.key,
      version: (latest?.version ?? 0) + 1,
      status: "DRAFT",
      digest,
      subject: document.subject,
      created: done,
      activated: undefined,
      archived: undefined,
      document,
      source,
    };
    if (validateOnly) return { policy, isNew: false, problems };
    await tx.policies.insert(policy);
    await audit(tx, policy, "POLICY_PUT", caller, done.at);
    return { policy, isNew: true, problems };
  });
}

export interface ActivatePolicy {
  readonly key: string;
  readonly version: number;
  /** The version that has to be active now, 0 for none; undefined for any. */
  readonly expectedActive: number | undefined;
  /** For the owner of the policy's subjects: see `SubjectOwner`. */
  readonly admitLive?: boolean;
  readonly release?: boolean;
}

/** What follows for the owner of the policy's subjects: see `SubjectOwner`. */
export interface Followed {
  readonly policy: PolicyVersion;
  readonly followed: number;
}

/**
 * Makes a version the active one; the one before it is archived. One that is active already stays so. Rejects with `not_found`,
 * `conflict` (POLICY_ACTIVE_DIFFERS), `wrong_state` (POLICY_ARCHIVED), and `invalid` (POLICY_INVALID) when the document has become wrong
 * since it was put, such as a percentage of groups whose members cannot be listed any more.
 */
export async function activatePolicy(deps: PolicyDeps, { key, version, expectedActive, admitLive = true }: ActivatePolicy, caller: Caller): Promise<Followed> {
  const { tenant } = caller;
  const isEnumerable = await deps.isEnumerable(tenant);
  const at = deps.clock.now();
  return deps.store.tx(async (tx) => {
    const all = await tx.policies.lock(tenant, key);
    const wanted = requireVersion(all, key, version);
    const active = all.find(({ status }) => status === "ACTIVE");
    if (expectedActive !== undefined && expectedActive !== (active?.version ?? 0)) throw activeDiffers(key, expectedActive, active?.version ?? 0);
    if (wanted.status === "ARCHIVED") throw archived(wanted);
    const found = await tx.policies.find(tenant, key, version);
    const { problems, document } = (await parser()).parsePolicy(found?.source ?? "", { isEnumerable });
    if (!document) throw policyInvalid(problems);
    let followed = 0;
    if (wanted.status !== "ACTIVE") {
      const done = { by: caller.key, at };
      if (active) await tx.policies.setStatus(active, "ARCHIVED", done);
      await tx.policies.setStatus(wanted, "ACTIVE", done);
      await audit(tx, wanted, "POLICY_ACTIVATED", caller, at, { replaced: String(active?.version ?? 0) });
      await publish(deps, tx, { type: "PolicyActivated", replaced: active?.version ?? 0, ...stateOf(wanted, caller) }, caller, at);
      followed = (await ownerOfPolicy(deps.owners, wanted)?.activated(tx, wanted, { admitLive })) ?? 0;
    }
    return { policy: requireFound(await tx.policies.find(tenant, key, version), key, version), followed };
  });
}

/**
 * Takes a version out of use; `version` 0 means the active one. One that is archived already stays so. Requests that are open keep
 * their version. Rejects with `not_found`, and with `conflict` when `expectedActive` is given and another version is active.
 */
export async function archivePolicy(deps: PolicyDeps, { key, version, expectedActive, release = false }: ActivatePolicy, caller: Caller): Promise<Followed> {
  const { tenant } = caller;
  const at = deps.clock.now();
  return deps.store.tx(async (tx) => {
    const all = await tx.policies.lock(tenant, key);
    const active = all.find(({ status }) => status === "ACTIVE");
    const wanted = version === 0 && active ? active : requireVersion(all, key, version);
    if (expectedActive !== undefined && expectedActive !== (active?.version ?? 0)) throw activeDiffers(key, expectedActive, active?.version ?? 0);
    let followed = 0;
    if (wanted.status !== "ARCHIVED") {
      const wasActive = wanted.status === "ACTIVE";
      await tx.policies.setStatus(wanted, "ARCHIVED", { by: caller.key, at });
      await audit(tx, wanted, "POLICY_ARCHIVED", caller, at, { was: wanted.status });
      await publish(deps, tx, { type: "PolicyArchived", wasActive, ...stateOf(wanted, caller) }, caller, at);
      if (wasActive) followed = (await ownerOfPolicy(deps.owners, wanted)?.archived(tx, { release, by: caller.key })) ?? 0;
    }
    return { policy: requireFound(await tx.policies.find(tenant, key, wanted.version), key, wanted.version), followed };
  });
}

/** One version; 0 means the active one, or else the latest. Rejects with `not_found`. */
export async function getPolicy({ store }: Pick<PolicyDeps, "store">, key: string, version: number, caller: Pick<Caller, "tenant">): Promise<PolicyVersion> {
  const { tenant } = caller;
  return store.tx(async (tx) => {
    if (version === 0) return requireFound((await tx.policies.findActive(tenant, key)) ?? (await tx.policies.findLatest(tenant, key)), key, 0);
    const found = await tx.policies.find(tenant, key, version);
    return requireFound(found, key, found || (await tx.policies.findLatest(tenant, key)) ? version : 0);
  });
}

export interface PolicyPage {
  readonly policies: readonly PolicySummary[];
  /** Where the next page begins; undefined after the last one. */
  readonly next: { readonly afterKey: string } | { readonly beforeVersion: number } | undefined;
}

/** Of each key the active version, or else the latest, in the order of the keys. */
export async function listPolicies(
  { store }: Pick<PolicyDeps, "store">,
  afterKey: string,
  limit: number,
  { tenant }: Pick<Caller, "tenant">,
): Promise<PolicyPage> {
  const found = await store.tx((tx) => tx.policies.list({ tenant, afterKey, limit: limit + 1 }));
  const policies = found.slice(0, limit);
  const last = policies.at(-1);
  return { policies, next: found.length > limit && last ? { afterKey: last.key } : undefined };
}

/** The versions of one key, latest first. Rejects with `not_found` when there is no such key. */
export async function listVersions(
  { store }: Pick<PolicyDeps, "store">,
  key: string,
  beforeVersion: number | undefined,
  limit: number,
  { tenant }: Pick<Caller, "tenant">,
): Promise<PolicyPage> {
  const found = await store.tx((tx) => tx.policies.versions({ tenant, key, ...(beforeVersion === undefined ? {} : { beforeVersion }), limit: limit + 1 }));
  if (found.length === 0 && beforeVersion === undefined) throw notFound(key, 0);
  const policies = found.slice(0, limit);
  const last = policies.at(-1);
  return { policies, next: found.length > limit && last ? { beforeVersion: last.version } : undefined };
}

function stateOf({ tenant, key, version, digest }: PolicySummary, caller: Caller): Pick<PolicyNews, "tenant" | "key" | "version" | "digest" | "actor"> {
  return { tenant, key, version, digest, actor: caller.key };
}

function audit(
  tx: PolicyTx,
  policy: PolicySummary,
  action: PolicyAction,
  caller: Caller,
  at: number,
  detail: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { tenant, key, version, digest } = policy;
  return tx.audit.append({ subject: policySubject(tenant, key), at, actor: caller.key, action, detail: { version: String(version), digest, ...detail } });
}

function publish({ ids }: Pick<PolicyDeps, "ids">, tx: PolicyTx, payload: PolicyNews, { traceparent }: Caller, at: number): Promise<void> {
  const subject = policySubject(payload.tenant, payload.key);
  return tx.outbox.insert({ id: ids.next(), key: `policy/${subject.id}`, subject, payload, at, traceparent });
}

function requireVersion(all: readonly PolicySummary[], key: string, version: number): PolicySummary {
  const found = all.find((each) => each.version === version);
  if (found) return found;
  throw notFound(key, all.length === 0 ? 0 : version);
}

function requireFound(found: PolicyVersion | undefined, key: string, version: number): PolicyVersion {
  if (found) return found;
  throw notFound(key, version);
}
