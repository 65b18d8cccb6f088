/** What an admin sees and changes of who owns names, and an owner of who may publish in his artifacts. Every change is audited. */
import type { Subject } from "../kernel/audit.ts";
import { can, isOf, type Caller } from "../kernel/caller.ts";
import { DomainError, type FieldViolation, invalidFields } from "../kernel/errors.ts";
import type { Clock } from "../kernel/ports.ts";
import type { Gate } from "./gate/gate-types.ts";
import { nameKeyOf } from "./keys.ts";
import { endWorkOf } from "./name-owner.ts";
import type { NameQuery, NameRow } from "./name-records.ts";
import type { RegistrationStore, RegistrationTx } from "./records.ts";
import { artifactOfAnother } from "./schemas/schema-artifacts.ts";
import { artifactVerdict, nameVerdict } from "./validate.ts";

export interface NamesDeps {
  readonly store: RegistrationStore;
  readonly clock: Clock;
}

export interface TransferDeps extends NamesDeps {
  readonly gate: Pick<Gate, "leave">;
}

export interface OwnedName extends NameRow {
  /** Ids of the first artifacts that belong to it, at most `mostArtifacts`. */
  readonly artifactIds: readonly string[];
  readonly hasMoreArtifacts: boolean;
}

export const mostArtifacts = 20;
const ownerKey = /^[\x21-\x7b\x7d\x7e]+\|[\x20-\x7e]+$/;

/** One page, by first spelling, and what the next page begins after if there is one. */
export async function listNames(
  store: RegistrationStore,
  query: NameQuery,
): Promise<{ readonly names: readonly OwnedName[]; readonly nextAfter: string | undefined }> {
  return store.tx(async (tx) => {
    const found = await tx.names.list({ ...query, limit: query.limit + 1 });
    const rows = found.slice(0, query.limit);
    return { names: await withArtifacts(tx, rows), nextAfter: found.length > query.limit ? rows.at(-1)?.name : undefined };
  });
}

/**
 * Gives a name to another principal. What is registered stays; what the former owner is registering just now, or waits for an approval
 * of, does not go live. Rejects with `invalid`, or with `not_found` (NAME_NOT_FOUND) when nobody owns it.
 */
export async function transferName(
  { store, clock, gate }: TransferDeps,
  { name, owner }: { readonly name: string; readonly owner: string },
  caller: Caller,
): Promise<{ readonly name: OwnedName; readonly formerOwner: string }> {
  check({ name: nameVerdict(name), owner: ownerVerdict(owner) });
  return store.tx(async (tx) => {
    const former = await lockOwned(tx, name);
    const now = { ...former, owner };
    if (former.owner !== owner) {
      await tx.names.set(name, now);
      await endWorkOf(tx, gate, name, former.owner);
      await tx.audit.append({
        subject: nameSubject(name),
        at: clock.now(),
        actor: caller.key,
        action: "NAME_TRANSFERRED",
        detail: { from: former.owner, to: owner },
      });
    }
    const [shown] = await withArtifacts(tx, [now]);
    return { name: shown ?? { ...now, artifactIds: [], hasMoreArtifacts: false }, formerOwner: former.owner };
  });
}

/**
 * Makes a name nobody's; resolves to its former owner. Rejects with `invalid`, with `not_found` (NAME_NOT_FOUND) when nobody owns
 * it, with `wrong_state` (NAME_IN_USE) while something is registered or under way under it.
 */
export async function releaseName({ store, clock }: NamesDeps, name: string, caller: Caller): Promise<string> {
  check({ name: nameVerdict(name) });
  return store.tx(async (tx) => {
    const { owner } = await lockOwned(tx, name);
    if ((await tx.names.isUnderWay(name)) || (await tx.names.isRegistered(name))) throw inUse(name);
    await tx.names.delete(name);
    await tx.artifacts.unshareAll(name);
    await tx.audit.append({ subject: nameSubject(name), at: clock.now(), actor: caller.key, action: "NAME_RELEASED", detail: { owner } });
    return owner;
  });
}

export interface Sharing {
  readonly artifactId: string;
  readonly name: string;
}

/**
 * Lets a name publish in an artifact of another, or no longer. Resolves to whether that changed anything. Rejects with `invalid`, with
 * `not_found` (SCHEMA_NOT_FOUND, NAME_NOT_FOUND), with `denied` (ARTIFACT_OWNED_BY_ANOTHER) when the caller does not own it.
 */
export async function shareArtifact({ store, clock }: NamesDeps, { artifactId, name }: Sharing, isShared: boolean, caller: Caller): Promise<boolean> {
  check({ artifact_id: artifactVerdict(artifactId), name: nameVerdict(name) });
  return store.tx(async (tx) => {
    const holder = await tx.artifacts.holder(artifactId);
    if (holder === undefined) throw noArtifact(artifactId);
    const owned = await tx.names.lock(holder);
    if (!can(caller, "admin") && !(owned && isOf(owned.owner, caller))) throw artifactOfAnother(artifactId, holder, name);
    if (isShared && (await tx.names.find(name))?.isReserved !== false) throw notOwned(name);
    if (isShared && nameKeyOf(holder) === nameKeyOf(name)) return false;
    // So that it is found among the holder's when that is released, also when an older program made it.
    if (isShared) await tx.artifacts.claim(artifactId, holder, clock.now());
    if (!(await (isShared ? tx.artifacts.share(artifactId, name) : tx.artifacts.unshare(artifactId, name)))) return false;
    const action = isShared ? "ARTIFACT_SHARED" : "ARTIFACT_UNSHARED";
    await tx.audit.append({ subject: nameSubject(holder), at: clock.now(), actor: caller.key, action, detail: { artifact_id: artifactId, name } });
    return true;
  });
}

async function withArtifacts(tx: RegistrationTx, rows: readonly NameRow[]): Promise<readonly OwnedName[]> {
  const artifacts = await tx.artifacts.ofNames(
    rows.map(({ name }) => name),
    mostArtifacts + 1,
  );
  const byName = Map.groupBy(artifacts, ({ nameKey }) => nameKey);
  return rows.map((row) => {
    const ids = (byName.get(nameKeyOf(row.name)) ?? []).map(({ artifactId }) => artifactId);
    return { ...row, artifactIds: ids.slice(0, mostArtifacts), hasMoreArtifacts: ids.length > mostArtifacts };
  });
}

/** Locks the row of a name that somebody owns. */
async function lockOwned(tx: RegistrationTx, name: string): Promise<NameRow> {
  const row = await tx.names.lock(name);
  if (!row || row.isReserved) throw notOwned(name);
  return row;
}

/** What audit rows of a name are about: it, in all its spellings. */
export function nameSubject(name: string): Subject {
  return { kind: "name", id: nameKeyOf(name) };
}

function ownerVerdict(owner: string): string | undefined {
  return owner.length <= 512 && ownerKey.test(owner) ? undefined : "must be the key of a principal, such as tokens|ci: at most 512 printable ASCII characters";
}

function check(verdicts: Readonly<Record<string, string | undefined>>): void {
  const bad = Object.entries(verdicts).flatMap(([field, description]): FieldViolation[] => (description === undefined ? [] : [{ field, description }]));
  if (bad.length > 0) throw invalidFields(bad);
}

function notOwned(name: string): DomainError {
  return new DomainError({
    kind: "not_found",
    reason: "NAME_NOT_FOUND",
    message: `nobody owns the name ${name}`,
    subject: { type: "name", name },
    metadata: { name },
  });
}

function inUse(name: string): DomainError {
  return new DomainError({
    kind: "wrong_state",
    reason: "NAME_IN_USE",
    message: `something is registered or under way under the name ${name}: it is released after that is unregistered`,
    subject: { type: "name", name },
    metadata: { name },
  });
}

function noArtifact(artifactId: string): DomainError {
  return new DomainError({
    kind: "not_found",
    reason: "SCHEMA_NOT_FOUND",
    message: `there is no artifact ${artifactId}`,
    subject: { type: "artifact", name: artifactId },
    metadata: { artifact: artifactId },
  });
}
