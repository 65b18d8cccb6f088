/** Takes what an unregistered key left out of the catalog and the schema registry. Safe to repeat. */
import type { RegistrationPorts } from "./attempts/attempt-context.ts";
import { releaseSchemaVersion } from "./schemas/schema-versions.ts";

/** What a `withdraw` task is about: registrations of one key. */
export interface Withdrawal {
  readonly registrationIds: readonly string[];
}

/** Carries out a withdrawal. Rejects when a dependency is away, to be repeated. */
export async function withdraw(
  ports: Pick<RegistrationPorts, "store" | "catalog" | "schemas">,
  { registrationIds }: Withdrawal,
  signal: AbortSignal,
): Promise<void> {
  for (const id of registrationIds) {
    const registration = await ports.store.tx((tx) => tx.registrations.find(id));
    if (!registration) continue;
    await ports.catalog.deregister(registration.serviceId, id, signal);
    if (registration.schema) await releaseSchemaVersion(ports, registration.schema, undefined, signal);
  }
}
