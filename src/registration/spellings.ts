/**
 * Names and hosts that are spelled in several ways, and service ids that several of them give: which row of the record a call is about.
 *
 * Guarantees: of all spellings of an instance one has the key, and only that one registers. While something is registered
 * or under way under it, another spelling of the host is the same instance, under the same service id, and another case of
 * the name is refused; afterwards the next spelling to register takes the key over. Another name and host that give the same
 * service id (`a-b` + `c`, `a` + `b-c`) are refused and take over likewise. What was registered under several
 * spellings before there were keys stays, can be ended under its own spelling, and is not registered again beside the other.
 */
import { DomainError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import { isSamePlace } from "./keys.ts";
import type { InstanceKey, InstanceRow, Registration, RegistrationStore, RegistrationTx } from "./records.ts";

/**
 * The row to register `asked` under, given the locked row that has its key. Rejects with `already_exists` (SERVICE_ID_CLASH)
 * when another spelling, or another instance with this service id, is in the way.
 */
export async function settleSpelling(tx: RegistrationTx, asked: InstanceKey, holder: InstanceRow): Promise<InstanceRow> {
  const keeper = await inUseOrElse(tx, asked, holder);
  if (!isSamePlace(keeper, asked)) throw idClash(asked, keeper);
  if (keeper.serviceId === asked.serviceId) return keeper;
  if (holder.name !== asked.name || (await isInUse(tx, asked.serviceId))) throw clash(asked, holder);
  return holder;
}

/** `holder`, or the row of `asked` with the key, or the service id, of which `holder` has no use any more. */
async function inUseOrElse(tx: RegistrationTx, asked: InstanceKey, holder: InstanceRow): Promise<InstanceRow> {
  const isExact = holder.serviceId === asked.serviceId;
  if ((isExact && isSamePlace(holder, asked)) || (await isInUse(tx, holder.serviceId))) return holder;
  if (isExact) {
    await tx.instances.replace(asked);
    return { ...holder, ...asked };
  }
  await tx.instances.releaseKey(holder.serviceId);
  return inUseOrElse(tx, asked, await tx.instances.claim(asked));
}

/** Locks the row that a call about this service id means: of that very spelling while it is in use, else the one that has the key. */
export async function lockMeant(tx: RegistrationTx, serviceId: string): Promise<InstanceRow | undefined> {
  const exact = await tx.instances.lockId(serviceId);
  if (exact && (await isInUse(tx, serviceId))) return exact;
  return (await tx.instances.lockKey(serviceId)) ?? exact;
}

/** What is registered under this service id, or under the spelling of it that has the key. */
export async function activeOf(tx: RegistrationTx, serviceId: string): Promise<Registration | undefined> {
  const exact = await tx.registrations.findActive(serviceId);
  if (exact) return exact;
  const holder = await tx.instances.find(serviceId);
  return holder && holder.serviceId !== serviceId ? tx.registrations.findActive(holder.serviceId) : undefined;
}

async function isInUse(tx: RegistrationTx, serviceId: string): Promise<boolean> {
  return ((await tx.registrations.findActive(serviceId)) ?? (await tx.attempts.findLive(serviceId)) ?? (await tx.asks.find(serviceId))) !== undefined;
}

function clash(asked: InstanceKey, holder: InstanceKey): DomainError {
  return new DomainError({
    kind: "already_exists",
    reason: "SERVICE_ID_CLASH",
    message: `${asked.serviceId} is another spelling of ${holder.serviceId}, which is registered: to change over, run \`${unregisterCommand(holder)}\` first`,
    subject: { type: "service", name: asked.serviceId },
    metadata: { service_id: asked.serviceId, registered: holder.serviceId },
  });
}

function idClash({ serviceId }: InstanceKey, { name, host, port }: InstanceKey): DomainError {
  return new DomainError({
    kind: "already_exists",
    reason: "SERVICE_ID_CLASH",
    message: `the service id ${serviceId} belongs to another name and host, which are registered: ${name} at ${host}:${port}`,
    subject: { type: "service", name: serviceId },
    metadata: { service_id: serviceId },
  });
}

/** The command that ends what is registered under this spelling. */
function unregisterCommand({ name, host, port }: InstanceKey): string {
  return `muster unregister ${name} ${host.includes(":") ? `[${host}]` : host}:${port}`;
}

const mostLogged = 100;

/**
 * Logs what is registered under a spelling that has no key because another one has it, with the command that mends it; at most
 * 100 of each kind. Rows that an older program made beside this one get their key.
 */
export async function reportClashes(store: RegistrationStore, log: Log): Promise<void> {
  const { rows, names } = await store.tx(async (tx) => ({
    rows: await tx.instances.activeWithoutKey(mostLogged),
    names: await tx.names.withoutKey(mostLogged),
  }));
  for (const row of rows) {
    const holder = await store.tx(async (tx) => inUseOrElse(tx, row, await tx.instances.claim(row)));
    if (holder.serviceId === row.serviceId) continue;
    log("warn", "registration.spelling-clash", { service: row.serviceId, kept: holder.serviceId, mend: unregisterCommand(row) });
  }
  for (const { name, owner } of names) {
    const kept = await store.tx((tx) => tx.names.giveKey(name));
    if (kept.owner !== owner) log("warn", "registration.name-clash", { name, owner, kept: kept.owner });
  }
}
