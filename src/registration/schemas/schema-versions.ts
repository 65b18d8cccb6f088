/**
 * The life of a schema version in our record: PENDING (reserved) → ENABLED (published) → RELEASING → DISABLED, and back
 * to PENDING by the next reservation.
 *
 * Guarantees, under concurrent attempts of instances that share a version: one content a version; nobody disables a
 * version that a registration still stands on (one that is not unregistered; a superseded one is part of the history
 * that consumers may read). Both hang on the version's row lock: reserving and releasing
 * take it, and while a release is under way (RELEASING) a reservation is refused as a conflict to be tried again.
 */
import { sha256 } from "../../kernel/canonical-json.ts";
import type { SchemaRegistry } from "../ports.ts";
import { DomainError } from "../../kernel/errors.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { CheckedSchema } from "../attempts/attempt-context.ts";
import type { Registration, RegistrationStore, RegistrationTx } from "../records.ts";
import { claimArtifact } from "./schema-artifacts.ts";
import type { SchemaVersion } from "./schema-records.ts";

/** Reserves the version for a registration that is inserted in the same transaction, and claims its artifact for `name`. */
export async function reserveSchemaVersion(tx: RegistrationTx, name: string, schema: CheckedSchema, now: number): Promise<void> {
  await claimArtifact(tx, schema.artifactId, name, now);
  const row = await tx.schemas.lock(schema.artifactId, schema.version);
  if (!row) {
    await tx.schemas.insert({ ...schema, name, state: "PENDING", createdAt: now });
    return;
  }
  if (row.sha256 !== schema.sha256 || row.kind !== schema.kind) {
    throw new DomainError({
      kind: "wrong_state",
      reason: "SCHEMA_VERSION_CONFLICT",
      message: `version ${schema.version} of ${schema.artifactId} is known ${row.kind === schema.kind ? "with another content" : `as ${row.kind}`}: a changed schema needs a new version`,
      subject: { type: "artifact", name: schema.artifactId },
      metadata: { artifact: schema.artifactId, version: schema.version, known_sha256: row.sha256, given_sha256: schema.sha256 },
    });
  }
  if (row.state === "RELEASING") throw beingReleased(schema.artifactId, schema.version);
  if (row.state === "DISABLED") await tx.schemas.setState(schema.artifactId, schema.version, "PENDING");
}

/**
 * Drops a reserved version that was never published and that no other registration stands on. Rejects, `unavailable`,
 * while the version is being released: the registration that asks must stay known until that has ended, since it is what
 * the release is resumed from.
 */
export async function forgetUnpublished(
  tx: RegistrationTx,
  { artifactId, version }: NonNullable<Registration["schema"]>,
  registrationId: string,
): Promise<void> {
  const row = await tx.schemas.lock(artifactId, version);
  if (row?.state === "RELEASING") throw beingReleased(artifactId, version);
  if (row?.state !== "PENDING") return;
  if ((await tx.registrations.countUsing(artifactId, version, registrationId)) > 0) return;
  await tx.schemas.delete(artifactId, version);
}

/**
 * Disables a published version when no registration but `exceptId` stands on it. Other content under the version is
 * somebody else's and stays. Safe to repeat and to resume.
 */
export async function releaseSchemaVersion(
  ports: ReleasePorts,
  { artifactId, version }: NonNullable<Registration["schema"]>,
  exceptId: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const releasing = await ports.store.tx(async (tx) => {
    const row = await tx.schemas.lock(artifactId, version);
    if (!row || row.state === "DISABLED") return undefined;
    if ((await tx.registrations.countUsing(artifactId, version, exceptId)) > 0) return undefined;
    await tx.schemas.setState(artifactId, version, "RELEASING");
    return row;
  });
  if (releasing) await disableReleased(ports, releasing, signal);
}

/** Disables a version that was published after its reservation had been taken back, unless a registration stands on it now. */
export async function releaseLatePublication(
  ports: ReleasePorts & { readonly clock: Clock },
  name: string,
  schema: CheckedSchema,
  signal: AbortSignal,
): Promise<void> {
  const { artifactId, version } = schema;
  const releasing = await ports.store.tx(async (tx): Promise<SchemaVersion | undefined> => {
    const row = await tx.schemas.lock(artifactId, version);
    if ((await tx.registrations.countUsing(artifactId, version)) > 0) return undefined;
    if (row) {
      await tx.schemas.setState(artifactId, version, "RELEASING");
      return row;
    }
    const reserved = { ...schema, name, state: "RELEASING", createdAt: ports.clock.now() } as const;
    await tx.schemas.insert(reserved);
    return reserved;
  });
  if (releasing) await disableReleased(ports, releasing, signal);
}

async function disableReleased({ store, schemas }: ReleasePorts, { artifactId, version, sha256: known }: SchemaVersion, signal: AbortSignal): Promise<void> {
  const served = await schemas.get(artifactId, version, signal);
  const isTheirs = served !== undefined && sha256(served) !== known;
  const existed = !isTheirs && (await schemas.disable(artifactId, version, signal));
  await store.tx(async (tx) => {
    const row = await tx.schemas.lock(artifactId, version);
    if (row?.state !== "RELEASING") return;
    await (existed ? tx.schemas.setState(artifactId, version, "DISABLED") : tx.schemas.delete(artifactId, version));
  });
}

interface ReleasePorts {
  readonly store: RegistrationStore;
  readonly schemas: SchemaRegistry;
}

function beingReleased(artifactId: string, version: string): DomainError {
  return new DomainError({
    kind: "unavailable",
    reason: "ATTEMPT_IN_FLIGHT",
    message: `version ${version} of ${artifactId} is just being released by another registration`,
    retryAfterMs: 1_000,
  });
}
