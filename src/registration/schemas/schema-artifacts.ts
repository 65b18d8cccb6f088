/**
 * Artifact ids in the schema registry, by the name of the service, and whose they are.
 *
 * Guarantees: no two names or kinds give the same id, and all spellings of a name give the same. An artifact belongs to a name, and so to
 * who owns that: others cannot publish in it unless it is shared with their name.
 */
import { DomainError } from "../../kernel/errors.ts";
import { nameKeyOf } from "../keys.ts";
import type { RegistrationStore, RegistrationTx } from "../records.ts";

/** Names of modules that would give the ids of connectors and documents, and those that would give theirs in turn. */
const asOthers = /-(connector|http)(-module)*$/i;
/** Versions of a shared artifact that are looked through. */
const maxRead = 1_000;

/** The artifact of one kind that a name gives, in this very spelling. */
export type ArtifactOf = (store: RegistrationStore, name: string) => Promise<string>;

/**
 * The spelling of a name by which its artifact is called: the first one, so that all spellings have one artifact. What an earlier version of
 * the program published under another spelling stays there as long as it is in use.
 */
export async function publishedName(store: RegistrationStore, name: string, artifactOf: ArtifactOf): Promise<string> {
  const first = (await store.tx((tx) => tx.names.find(name)))?.name ?? name;
  if (first === name) return name;
  const own = await artifactOf(store, name);
  return (await store.tx((tx) => tx.schemas.enabled(own))).length > 0 ? name : first;
}

/** Where a module publishes its configuration schema: `<name>-config`. */
export async function moduleArtifact(store: RegistrationStore, name: string): Promise<string> {
  const plain = `${name}-config`;
  if (!asOthers.test(name)) return plain;
  // A module that was registered before ids of this form belonged to others keeps its own.
  const holder = await store.tx((tx) => tx.artifacts.holder(plain));
  return holder !== undefined && isSame(holder, name) ? plain : `${name}-module-config`;
}

/** Where a module's schema is to be read: what it published before, while it has not published since. */
export async function readModuleArtifact(store: RegistrationStore, given: string): Promise<string> {
  const name = await publishedName(store, given, moduleArtifact);
  const own = await moduleArtifact(store, name);
  const plain = `${name}-config`;
  if (own === plain) return own;
  return store.tx(async ({ schemas }) => {
    if ((await schemas.list(own, 1)).length > 0) return own;
    return (await schemas.list(plain, maxRead)).some((version) => isSame(version.name, name)) ? plain : own;
  });
}

/** The configuration schema of a connector. */
export async function connectorArtifact(_store: RegistrationStore, name: string): Promise<string> {
  return `${name}-connector-config`;
}

/** Where a connector's schema is to be read. */
export async function readConnectorArtifact(store: RegistrationStore, name: string): Promise<string> {
  return connectorArtifact(store, await publishedName(store, name, connectorArtifact));
}

/** The OpenAPI document of a service whose request names no other. */
export function httpArtifactOf(name: string): string {
  return `${name}-http-config`;
}

/** Whether the artifact that a request names is the one that its name gives, in any spelling. */
export function isOwnHttpArtifact(artifactId: string, name: string): boolean {
  return isSame(artifactId, httpArtifactOf(name));
}

/**
 * Makes the artifact belong to `name`, under which a version of it is being reserved, if it is nobody's. Rejects with `denied`
 * (ARTIFACT_OWNED_BY_ANOTHER) when it belongs to a name of another owner and is not shared with this one.
 */
export async function claimArtifact(tx: RegistrationTx, artifactId: string, name: string, now: number): Promise<void> {
  const holder = await tx.artifacts.claim(artifactId, name, now);
  if (isSame(holder, name)) return;
  const [theirs, ours] = [await tx.names.find(holder), await tx.names.find(name)];
  if (!theirs || (theirs.isReserved && !(await tx.names.isUnderWay(holder)))) return tx.artifacts.give(artifactId, name);
  if (theirs.owner === ours?.owner || (await tx.artifacts.isShared(artifactId, name))) return;
  throw artifactOfAnother(artifactId, holder, name);
}

/** `name` may not publish in the artifact. */
export function artifactOfAnother(artifactId: string, holder: string, name: string): DomainError {
  return new DomainError({
    kind: "denied",
    reason: "ARTIFACT_OWNED_BY_ANOTHER",
    message: `the artifact ${artifactId} belongs to ${holder}, which is somebody else's: its owner can run \`muster names share ${artifactId} ${name}\``,
    subject: { type: "artifact", name: artifactId },
    metadata: { artifact: artifactId, holder },
  });
}

function isSame(one: string, other: string): boolean {
  return nameKeyOf(one) === nameKeyOf(other);
}
