/**
 * Brings the catalog's entry of a registration up to the record, where the catalog still shows that registration.
 *
 * Guarantees: what is written is what the record says after the write, too: when the record moved on meanwhile the entry
 * is written again, and when the registration ended it is taken out, so that neither an Unregister nor another update is
 * overwritten for good. An entry that another attempt made is not touched: its own commit, or the record's comparison
 * with the catalog (`reconcile/`), sees to it. The status of the entry's check stays what it is.
 * An address that the configuration does not allow any more is not written: nobody is to dial it.
 * Not guaranteed: that the entry is there at all.
 */
import { unavailable } from "../../kernel/errors.ts";
import { entryOf, type RegistrationPorts } from "../attempts/attempt-context.ts";
import type { Registration } from "../records.ts";
import { sameTags, tagsOf } from "../tags.ts";

const maxRounds = 5;

type Ports = Pick<RegistrationPorts, "store" | "catalog" | "judge">;

/** Resolves to false when there was nothing to bring up to the record: not registered any more, or not in the catalog. */
export async function showEntry(ports: Ports, registrationId: string, signal: AbortSignal): Promise<boolean> {
  const { catalog } = ports;
  let registration = await activeOf(ports, registrationId);
  for (let round = 0; round < maxRounds; round++) {
    if (!registration) return false;
    const { serviceId } = registration;
    const serving = await catalog.instances({ serviceId }, signal);
    if (!serving.some(({ attemptId, onTrial }) => attemptId === registrationId && !onTrial)) return false;
    const settled = await writeEntry(ports, registration, signal);
    if (settled) return true;
    registration = await activeOf(ports, registrationId);
  }
  throw unavailable("catalog", `the registration ${registrationId} changes faster than the catalog can follow`);
}

/**
 * Writes the entry as the registration has it. Resolves to true when the record still said so afterwards; a registration
 * that has ended by then is taken out again.
 */
export async function writeEntry(ports: Ports, registration: Registration, signal: AbortSignal): Promise<boolean> {
  const { id, serviceId } = registration;
  await promoteRecorded(ports, registration, signal);
  const now = await ports.store.tx((tx) => tx.registrations.find(id));
  if (now?.state === "ACTIVE") return sameTags(tagsOf(now), tagsOf(registration));
  const successor = await ports.store.tx((tx) => tx.registrations.findActive(serviceId));
  const replaced = successor !== undefined && (await promoteRecorded(ports, successor, signal));
  if (!replaced) await ports.catalog.deregister(serviceId, id, signal);
  return true;
}

/** Makes the registration's entry the serving one. False, and nothing is written, when its address is not allowed any more. */
export async function promoteRecorded({ catalog, judge }: Pick<Ports, "catalog" | "judge">, registration: Registration, signal: AbortSignal): Promise<boolean> {
  if (judge(registration.address) !== undefined) return false;
  await catalog.promote(entryOfRegistration(registration), signal);
  return true;
}

/** The entry that the record wants in the catalog. */
export function entryOfRegistration(registration: Registration): ReturnType<typeof entryOf> {
  const { request, id, serviceId, address, healthService } = registration;
  return entryOf(request, { attemptId: id, serviceId, address, tags: tagsOf(registration), healthService });
}

async function activeOf({ store }: Pick<RegistrationPorts, "store">, id: string): Promise<Registration | undefined> {
  const found = await store.tx((tx) => tx.registrations.find(id));
  return found?.state === "ACTIVE" ? found : undefined;
}
