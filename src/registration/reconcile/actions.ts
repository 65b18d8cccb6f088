/**
 * The single acts of putting record and catalog right.
 *
 * Guarantees: each looks again, at the record, at the agent that holds the entries and at what consumers are shown, right before it acts, and leaves
 * alone what a live attempt is at; an entry is put back only after its instance has just answered SERVING, so that no
 * consumer is sent to a dead one. After a write the record is read again (`show-entry.ts`), so that an Unregister in
 * between has the last word. Each may be repeated, also by another replica at the same time.
 */
import type { CatalogInstance } from "../ports.ts";
import { serverKey } from "../../kernel/caller.ts";
import type { Ids } from "../../kernel/ports.ts";
import { checkOf, type RegistrationPorts } from "../attempts/attempt-context.ts";
import type { Critical, Registration, RegistrationTx } from "../records.ts";
import { entryOfRegistration, showEntry, writeEntry } from "./show-entry.ts";
import { subjectOf } from "../service-id.ts";
import { endKey } from "../end-key.ts";

export interface ActionDeps {
  readonly ports: Pick<RegistrationPorts, "store" | "catalog" | "module" | "clock" | "judge" | "gate">;
  readonly ids: Ids;
  readonly reapAfterMs: number;
}

export type RestoreOutcome = "restored" | "unreachable" | "left";

/** Puts a registration's entry back; `left` when it is there, not wanted any more, or an attempt is at it. */
export async function restore(deps: ActionDeps, { id }: Registration, signal: AbortSignal): Promise<RestoreOutcome> {
  const { ports } = deps;
  const registration = await ports.store.tx((tx) => untouched(tx, id));
  if (!registration) return "left";
  const { serviceId, name } = registration;
  const there = await ports.catalog.instances({ serviceId }, signal);
  // What consumers are not shown although the agent has it, such as an entry without its check, is written anew.
  const shown = await ports.catalog.instances({ serviceId, name }, signal);
  const wanted = entryOfRegistration(registration);
  if (shown.some((it) => it.attemptId === id && ports.catalog.differences(wanted, it).length === 0)) return "left";
  // Two records that fight for one service id would only make it flap.
  if (await isAnothers(ports, [...there, ...shown])) return "left";
  if (!(await isServing(deps, registration, signal))) return "unreachable";
  await writeEntry(ports, registration, signal);
  return "restored";
}

/**
 * Writes an entry as the record has it; its check keeps its state. False when there was nothing to write. One without its
 * steady check (it is on trial, or somebody removed it) would begin as passing: it is written only while the instance answers.
 */
export async function amend(deps: ActionDeps, { id }: Registration, signal: AbortSignal): Promise<boolean> {
  const { ports } = deps;
  const registration = await ports.store.tx((tx) => untouched(tx, id));
  if (!registration || ports.judge(registration.address) !== undefined) return false;
  const [entry] = await ports.catalog.instances({ serviceId: registration.serviceId }, signal);
  if (entry?.attemptId !== id) return false;
  const hasCheck = !ports.catalog.differences(entryOfRegistration(registration), entry).includes("check");
  if (hasCheck) return showEntry(ports, id, signal);
  if (!(await isServing(deps, registration, signal))) return false;
  return (await writeEntry(ports, registration, signal)) || showEntry(ports, id, signal);
}

export type RemoveOutcome = "removed" | "foreign" | "left";

/** Takes an entry out whose attempt this record knows and that is over; `foreign` when the record has never heard of it. */
export async function remove({ ports }: ActionDeps, { serviceId, attemptId = "" }: CatalogInstance, signal: AbortSignal): Promise<RemoveOutcome> {
  const { attempt, registration } = await ports.store.tx(async (tx) => ({
    attempt: await tx.attempts.find(attemptId),
    registration: await tx.registrations.find(attemptId),
  }));
  if (!attempt && !registration) return "foreign";
  const isOver = attempt === undefined || attempt.state === "COMPLETED" || attempt.state === "ROLLED_BACK";
  if (!isOver || registration?.state === "ACTIVE") return "left";
  await ports.catalog.deregister(serviceId, attemptId, signal);
  return "removed";
}

/** Writes down that an instance is critical, with its event. False when it is known or not registered any more. */
export async function tellCritical({ ports, ids, reapAfterMs }: ActionDeps, critical: Critical): Promise<boolean> {
  const { registrationId, serviceId, name, since } = critical;
  return ports.store.tx(async (tx) => {
    await tx.instances.lockId(serviceId);
    if ((await tx.registrations.find(registrationId))?.state !== "ACTIVE" || (await tx.criticals.find(registrationId))) return false;
    await tx.criticals.insert(critical);
    const payload = { type: "InstanceCritical", serviceId, name, since, reapedAfter: since + reapAfterMs } as const;
    await tx.outbox.insert({ id: ids.next(), key: serviceId, subject: subjectOf(serviceId), payload, at: ports.clock.now(), traceparent: undefined });
    return true;
  });
}

/** Forgets that an instance was critical; with the event that it has recovered, when it has. */
export async function endCritical({ ports, ids }: ActionDeps, { registrationId, serviceId, name }: Critical, hasRecovered: boolean): Promise<boolean> {
  return ports.store.tx(async (tx) => {
    await tx.instances.lockId(serviceId);
    const known = await tx.criticals.find(registrationId);
    if (!known) return false;
    await tx.criticals.delete(registrationId);
    const isActive = (await tx.registrations.find(registrationId))?.state === "ACTIVE";
    if (!hasRecovered || !isActive) return false;
    const payload = { type: "InstanceRecovered", serviceId, name, since: known.since } as const;
    await tx.outbox.insert({ id: ids.next(), key: serviceId, subject: subjectOf(serviceId), payload, at: ports.clock.now(), traceparent: undefined });
    return true;
  });
}

/** Takes an instance off the platform that was critical for too long and does not answer us either, or may not be dialled. False when it is left. */
export async function reap(deps: ActionDeps, { id }: Registration, since: number, signal: AbortSignal): Promise<boolean> {
  const { ports, ids } = deps;
  const registration = await ports.store.tx((tx) => untouched(tx, id));
  if (!registration || (await isServing(deps, registration, signal))) return false;
  const violation = ports.judge(registration.address);
  const criticalForMs = String(ports.clock.now() - since);
  const why = violation === undefined ? { reason: "critical for too long", critical_for_ms: criticalForMs } : { reason: `its address ${violation}` };
  return takeOff({ ports, ids }, registration, since, why);
}

/** Ends a registration that nobody ended, with the events that say so; `why` is for the audit. False when it is left. */
export async function takeOff(
  { ports, ids }: { readonly ports: Pick<RegistrationPorts, "store" | "clock" | "gate">; readonly ids: Ids },
  { id, serviceId }: Registration,
  since: number,
  why: Readonly<Record<string, string>>,
): Promise<boolean> {
  return ports.store.tx(async (tx) => {
    const key = await tx.instances.lockId(serviceId);
    if (!key || !(await untouched(tx, id))) return false;
    const before = { type: "InstanceReaped", serviceId, name: key.name, since } as const;
    await endKey(tx, { ids, gate: ports.gate }, key, { taskId: ids.next(), actor: serverKey, now: ports.clock.now(), why, before });
    await tx.criticals.delete(id);
    return true;
  });
}

/** The registration, if it is active and no attempt is at its key. */
async function untouched(tx: RegistrationTx, id: string): Promise<Registration | undefined> {
  const registration = await tx.registrations.find(id);
  if (registration?.state !== "ACTIVE" || (await tx.attempts.findLive(registration.serviceId))) return undefined;
  return registration;
}

/** True when an entry was made by an attempt this record does not know. */
async function isAnothers({ store }: ActionDeps["ports"], entries: readonly CatalogInstance[]): Promise<boolean> {
  for (const { attemptId } of entries) {
    if (attemptId === undefined) continue;
    const known = await store.tx(async (tx) => (await tx.attempts.find(attemptId)) ?? tx.registrations.find(attemptId));
    if (!known) return true;
  }
  return false;
}

/** False, and not dialled, when the address is not allowed any more. */
async function isServing({ ports: { module, judge } }: ActionDeps, { request, address, healthService }: Registration, signal: AbortSignal): Promise<boolean> {
  if (judge(address) !== undefined) return false;
  return (await module.health(checkOf(request, address, healthService), signal)).status === "serving";
}
