/**
 * Artifact ids in the schema registry, by the name of the service, and whose they are.
 *
 * Guarantees: no two names or kinds give the same id. An artifact belongs to a name, and so to who owns that: others cannot publish
 * in it unless it is shared with their name.
 */
import { DomainError } from "../../kernel/errors.ts";
import { nameKeyOf } from "../keys.ts";
import type { RegistrationStore, RegistrationTx } from "../records.ts";

/** Names of modules that would give the ids of connectors and documents, and those that would give theirs in turn. */
const asOthers = /-(connector|http)(-module)*$/i;

/** The configuration schema of a module: `<name>-config`. */
export async function moduleArtifact(store: RegistrationStore, name: string): Promise<string> {
  const plain = `${name}-config`;
  if (!asOthers.test(name)) return plain;
  // A module that was registered before ids of this form belonged to others keeps its own.
  return (await store.tx((tx) => isOpenTo(tx, plain, name))) ? plain : `${name}-module-config`;
}

/** The configuration schema of a connector. */
export async function connectorArtifact(_store: RegistrationStore, name: string): Promise<string> {
  return `${name}-connector-config`;
}

/** The OpenAPI document of a service whose request names no other. */
export function httpArtifactOf(name: string): string {
  return `${name}-http-config`;
}

/**
 * Makes the artifact belong to `name`, under which a version of it is being reserved, if it is nobody's. Rejects with `denied`
 * (ARTIFACT_OWNED_BY_ANOTHER) when it belongs to a name of another owner and is not shared with this one.
 */
export async function claimArtifact(tx: RegistrationTx, artifactId: string, name: string, now: number): Promise<void> {
  const holder = await tx.artifacts.claim(artifactId, name, now);
  if (nameKeyOf(holder) === nameKeyOf(name)) return;
  const [theirs, ours] = [await tx.names.find(holder), await tx.names.find(name)];
  if (theirs === undefined) return tx.artifacts.give(artifactId, name);
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

async function isOpenTo({ artifacts }: RegistrationTx, artifactId: string, name: string): Promise<boolean> {
  const holder = await artifacts.holder(artifactId);
  return holder !== undefined && (nameKeyOf(holder) === nameKeyOf(name) || (await artifacts.isShared(artifactId, name)));
}
