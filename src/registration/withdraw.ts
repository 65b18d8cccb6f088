/**
 * Takes what an unregistered key left out of the catalog and the schema registry.
 *
 * Guarantees: safe to repeat, also after the key was registered again, since only what ended registrations made is touched;
 * the number of calls to the catalog does not depend on how often the key was registered, and each schema version is
 * visited once. Versions that are released already cost one read of the record when it is repeated.
 */
import type { RegistrationPorts } from "./attempts/attempt-context.ts";
import type { Registration } from "./records.ts";
import { releaseSchemaVersion } from "./schemas/schema-versions.ts";

/** What a `withdraw` task is about: registrations of one key. Former versions list all that have ended, the present one as few as it takes. */
export interface Withdrawal {
  readonly registrationIds: readonly string[];
  /** What an attempt that is held could not take out of the catalog. */
  readonly trial?: { readonly serviceId: string; readonly attemptId: string } | undefined;
}

type Ended = Pick<Registration, "id" | "serviceId" | "registeredAt" | "schema">;
type SchemaRef = NonNullable<Registration["schema"]>;

const readAtOnce = 200;

/** The registrations that stand for all that have ended at once: the latest one, which served, and one of each schema version. */
export function withdrawalOf(ended: readonly Ended[]): Withdrawal {
  const latest = latestOf(ended);
  const visited = [...(latest ? [latest] : []), ...schemasOf(ended).values()];
  return { registrationIds: [...new Set(visited.map(({ id }) => id))] };
}

/** Carries out a withdrawal. Rejects when a dependency is away, to be repeated. */
export async function withdraw(
  ports: Pick<RegistrationPorts, "store" | "catalog" | "schemas">,
  { registrationIds, trial }: Withdrawal,
  signal: AbortSignal,
): Promise<void> {
  if (trial) await ports.catalog.deregister(trial.serviceId, trial.attemptId, signal);
  const ended = await read(ports, registrationIds);
  const latest = latestOf(ended);
  if (!latest) return;
  await ports.catalog.deregister(latest.serviceId, latest.id, signal);
  await removeLeftover(ports, latest.serviceId, signal);
  for (const { schema } of schemasOf(ended).values()) await releaseSchemaVersion(ports, schema, undefined, signal);
}

/** What is still shown under the service id, when a registration made it that has ended. */
async function removeLeftover({ store, catalog }: Pick<RegistrationPorts, "store" | "catalog">, serviceId: string, signal: AbortSignal): Promise<void> {
  for (const { attemptId } of await catalog.instances({ serviceId }, signal)) {
    if (attemptId === undefined) continue;
    const made = await store.tx((tx) => tx.registrations.find(attemptId));
    if (made?.state === "UNREGISTERED") await catalog.deregister(serviceId, attemptId, signal);
  }
}

async function read({ store }: Pick<RegistrationPorts, "store">, ids: readonly string[]): Promise<readonly Ended[]> {
  const found: Ended[] = [];
  for (let from = 0; from < ids.length; from += readAtOnce) {
    const some = ids.slice(from, from + readAtOnce);
    for (const { id, serviceId, registeredAt, schema } of await store.tx((tx) => tx.registrations.findAll(some))) {
      found.push({ id, serviceId, registeredAt, schema });
    }
  }
  return found;
}

/** The one that was registered last: those of one key follow each other. */
function latestOf(ended: readonly Ended[]): Ended | undefined {
  let latest = ended[0];
  for (const it of ended) if (latest === undefined || it.registeredAt >= latest.registeredAt) latest = it;
  return latest;
}

/** One registration for each schema version, by the version. */
function schemasOf(ended: readonly Ended[]): ReadonlyMap<string, Ended & { readonly schema: SchemaRef }> {
  return new Map(ended.flatMap(({ schema, ...it }) => (schema ? [[JSON.stringify([schema.artifactId, schema.version]), { ...it, schema }]] : [])));
}
