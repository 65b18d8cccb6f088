/**
 * Reads configuration schemas: from the record, and from the schema registry what the record lacks.
 *
 * The record decides what it knows: a version it has as anything but ENABLED is not given out, whatever the registry has.
 * A registry that is away is no failure as long as the record has the answer; the answer then says that it may lack what
 * only the registry has.
 */
import { nameKeyOf } from "../keys.ts";
import type { RegistrationStore } from "../records.ts";
import type { SchemaRegistry } from "../ports.ts";
import { DomainError, toDomainError, unavailable } from "../../kernel/errors.ts";
import type { SchemaSummary, SchemaVersion } from "./schema-records.ts";
import { latestFirst } from "./version-order.ts";

export interface SchemaQueryPorts {
  readonly store: RegistrationStore;
  readonly schemas: SchemaRegistry;
}

/** A version that can be read; without a summary it is known to the registry alone. */
export interface ListedVersion {
  readonly version: string;
  readonly recorded: SchemaSummary | undefined;
}

export interface ListedSchema {
  readonly artifactId: string;
  /** The latest first (`version-order.ts`), those that only the registry has at the end. Never empty. */
  readonly versions: readonly ListedVersion[];
  /** Why the registry was not read, so that versions may be missing. */
  readonly away: DomainError | undefined;
}

export interface FoundSchema extends ListedSchema {
  readonly found: ListedVersion;
  readonly content: string;
}

/** Whose schema is requested. */
export interface SchemaOwner {
  readonly what: "module" | "connector" | "artifact";
  readonly name: string;
}

/** Most versions of an artifact that are looked at. */
export const maxVersions = 1_000;

/** How long the registry is waited for when the record may have the answer. */
const registryMs = 3_000;

/** The versions of an artifact that can be read; `not_found` when there is none, `unavailable` when that is not known. */
export async function listSchemaVersions(ports: SchemaQueryPorts, artifactId: string, owner: SchemaOwner, signal: AbortSignal): Promise<ListedSchema> {
  const [recorded, registered] = await Promise.all([
    ports.store.tx((tx) => tx.schemas.list(artifactId, maxVersions)),
    registryVersions(ports, artifactId, signal),
  ]);
  const away = registered instanceof DomainError ? registered : undefined;
  const known = new Set(recorded.map(({ version }) => version));
  const enabled = recorded.filter((it) => it.state === "ENABLED" && isOf(it, owner)).map((summary) => ({ version: summary.version, recorded: summary }));
  const foreign = registered instanceof DomainError ? [] : registered.filter((version) => !known.has(version)).toReversed();
  const unrecorded = foreign.map((version) => ({ version, recorded: undefined }));
  const versions = [...latestFirst(enabled), ...latestFirst(unrecorded)].slice(0, maxVersions);
  if (versions.length > 0) return { artifactId, versions, away };
  throw away ?? unknownSchema(owner);
}

/** One version, or the latest: that of the recorded ones, else that of the registry. Rejects like `listSchemaVersions`. */
export async function findSchema(
  ports: SchemaQueryPorts,
  artifactId: string,
  version: string | undefined,
  owner: SchemaOwner,
  signal: AbortSignal,
): Promise<FoundSchema> {
  const listed = await listSchemaVersions(ports, artifactId, owner, signal);
  const found = version === undefined ? listed.versions[0] : listed.versions.find((candidate) => candidate.version === version);
  const content = found && (await contentOf(ports, artifactId, found, signal));
  if (found && content !== undefined) return { ...listed, found, content };
  throw listed.away ?? unknownVersion(artifactId, version ?? "", listed.versions);
}

/** A version as the record has it, in any state; `not_found` when it has none. */
export async function getSchemaVersion({ store }: Pick<SchemaQueryPorts, "store">, artifactId: string, version: string): Promise<SchemaVersion> {
  const found = await store.tx((tx) => tx.schemas.find(artifactId, version));
  if (found) return found;
  const others = await store.tx((tx) => tx.schemas.list(artifactId, maxVersions));
  throw others.length === 0 ? unknownSchema({ what: "artifact", name: artifactId }) : unknownVersion(artifactId, version, others);
}

/** In the artifact of a module or connector a former version of this program may have put versions of another name. */
function isOf({ name }: SchemaSummary, owner: SchemaOwner): boolean {
  return owner.what === "artifact" || nameKeyOf(name) === nameKeyOf(owner.name);
}

async function contentOf(ports: SchemaQueryPorts, artifactId: string, { version, recorded }: ListedVersion, signal: AbortSignal): Promise<string | undefined> {
  if (!recorded) return ports.schemas.get(artifactId, version, signal);
  return (await ports.store.tx((tx) => tx.schemas.find(artifactId, version)))?.content;
}

/** Enabled versions in the registry, oldest first, or why they are not known. */
async function registryVersions({ schemas }: SchemaQueryPorts, artifactId: string, signal: AbortSignal): Promise<readonly string[] | DomainError> {
  const limit = AbortSignal.timeout(registryMs);
  try {
    return await schemas.versions(artifactId, AbortSignal.any([signal, limit]));
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) return unavailable("schema registry", `no answer within ${registryMs} ms`, error);
    const failure = toDomainError(error);
    if (failure.reason === "DEPENDENCY_UNAVAILABLE" || failure.reason === "DEPENDENCY_REFUSED") return failure;
    throw error;
  }
}

function unknownSchema({ what, name }: SchemaOwner): DomainError {
  return new DomainError({
    kind: "not_found",
    reason: "SCHEMA_NOT_FOUND",
    message: `no schema of the ${what} ${name} is known`,
    subject: { type: what, name },
    metadata: { [what]: name },
  });
}

function unknownVersion(artifactId: string, version: string, available: readonly { readonly version: string }[]): DomainError {
  return new DomainError({
    kind: "not_found",
    reason: "SCHEMA_NOT_FOUND",
    message: `${artifactId} has no version ${version}`,
    subject: { type: "schema_version", name: `${artifactId}:${version}` },
    metadata: { schema_version: `${artifactId}:${version}`, available_versions: abridged(available.map((it) => it.version)) },
  });
}

/** As many as fit into an error's metadata, and how many there are beside. */
function abridged(versions: readonly string[]): string {
  const shown: string[] = [];
  let length = 0;
  for (const version of versions) {
    length += version.length + 2;
    if (length > 250) break;
    shown.push(version);
  }
  const more = versions.length - shown.length;
  return [...shown, ...(more > 0 ? [`… and ${more} more`] : [])].join(", ");
}
