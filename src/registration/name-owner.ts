/**
 * Whose a name is. It belongs, in all its spellings, to the principal whose Register under it completed first. Until one has,
 * it is reserved for the principal whose attempt is under way: one that fails claims nothing.
 */
import { can, isOf, type Caller } from "../kernel/caller.ts";
import { DomainError } from "../kernel/errors.ts";
import type { Gate } from "./gate/gate-types.ts";
import type { RegistrationStore, RegistrationTx } from "./records.ts";

/**
 * Reserves a name that nobody owns for a Register of `caller`. Rejects with `denied` (NAME_OWNED_BY_ANOTHER) when it is
 * somebody else's, with `conflict` (ATTEMPT_IN_FLIGHT) while it is reserved for somebody else; an admin passes.
 */
export async function reserveName(tx: RegistrationTx, name: string, caller: Caller): Promise<void> {
  const row = await tx.names.reserve(name, caller.key);
  if (row.isReserved && row.name !== name) await takeSpelling(tx, name);
  if (isOf(row.owner, caller) || can(caller, "admin")) return;
  if (!row.isReserved) throw ownedByAnother(name);
  const now = await tx.names.lock(name);
  if (now && !now.isReserved) throw ownedByAnother(name);
  if (await tx.names.isUnderWay(name)) throw reservedForAnother(name);
  // An older program beside this one completes registrations without claiming what is reserved.
  if (await tx.names.isRegistered(name)) throw ownedByAnother(name);
  await tx.names.set(name, { owner: caller.key, isReserved: true });
}

/** A reservation whose attempts have failed does not say how the name is spelled. */
async function takeSpelling(tx: RegistrationTx, name: string): Promise<void> {
  const row = await tx.names.lock(name);
  const isInUse = !row?.isReserved || (await tx.names.isUnderWay(name)) || (await tx.names.isRegistered(name));
  if (!isInUse && (await tx.names.ownerOfSpelling(name)) === undefined) await tx.names.respell(name);
}

/**
 * Makes `actor`, whose attempt commits in this transaction, the owner of a name that nobody owns. True when nobody did. What was
 * under way or asked under it, for whom it was reserved, ends.
 */
export async function claimName(tx: RegistrationTx, gate: Pick<Gate, "leave">, name: string, actor: string): Promise<boolean> {
  const known = await tx.names.find(name);
  if (known && !known.isReserved) return false;
  const { isReserved, owner } = (await tx.names.lock(name)) ?? (await tx.names.reserve(name, actor));
  if (isReserved) await tx.names.set(name, { owner: actor, isReserved: false });
  if (isReserved && owner !== actor) await endWorkOf(tx, gate, name, owner);
  return isReserved;
}

const asksAtOnce = 200;

/**
 * Ends what `actor`, to whom the name does not belong any more, is registering or asks for under it: it would go live under another's
 * name. Generations are moved on, so that an attempt that is about to commit, or to ask, cannot.
 */
export async function endWorkOf(tx: RegistrationTx, gate: Pick<Gate, "leave">, name: string, actor: string): Promise<void> {
  for (const { id, serviceId } of await tx.attempts.liveUnder(name, actor)) {
    await tx.attempts.requestCancel(id);
    await tx.instances.bumpGeneration(serviceId);
    // Whoever asks for the instance does so by its generation.
    await gate.leave(tx, serviceId);
  }
  for (let afterId: string | undefined = ""; afterId !== undefined;) {
    const page = await tx.asks.list({ name, afterId, limit: asksAtOnce });
    for (const ask of page) if (ask.actor === actor) await gate.leave(tx, ask.serviceId);
    afterId = page.length < asksAtOnce ? undefined : page.at(-1)?.serviceId;
  }
}

const batch = 500;

/** Forgets a batch of reservations whose attempts have failed. Resolves to true when there may be more. */
export async function pruneReservations(store: RegistrationStore): Promise<boolean> {
  const found = await store.tx((tx) => tx.names.reservedInVain(batch));
  let forgotten = 0;
  for (const { name } of found) if (await store.tx((tx) => forgetReservation(tx, name))) forgotten += 1;
  return found.length === batch && forgotten > 0;
}

/** False when it is none any more. */
async function forgetReservation(tx: RegistrationTx, name: string): Promise<boolean> {
  const row = await tx.names.lock(name);
  if (!row?.isReserved || (await tx.names.isUnderWay(name)) || (await tx.names.isRegistered(name))) return false;
  await tx.names.delete(name);
  return true;
}

/**
 * Rejects with `denied` (NAME_OWNED_BY_ANOTHER) when the name is somebody else's, unless the caller is an admin, or an operator
 * where `operators` may act for others. Who became the owner of this very spelling while each had one of its own may act as well.
 */
export async function checkOwner(tx: RegistrationTx, name: string, caller: Caller, { operators = false } = {}): Promise<void> {
  const row = await tx.names.find(name);
  if (!row || isOf(row.owner, caller) || can(caller, "admin") || (operators && can(caller, "operator"))) return;
  const former = await tx.names.ownerOfSpelling(name);
  if (former === undefined || !isOf(former, caller)) throw ownedByAnother(name);
}

function ownedByAnother(name: string): DomainError {
  return new DomainError({
    kind: "denied",
    reason: "NAME_OWNED_BY_ANOTHER",
    message: `the name ${name}, in all its spellings, belongs to somebody else`,
    metadata: { name },
  });
}

function reservedForAnother(name: string): DomainError {
  return new DomainError({
    kind: "conflict",
    reason: "ATTEMPT_IN_FLIGHT",
    message: `somebody else is registering the name ${name}, which nobody owns yet: an attempt is under way, or waits for an approval`,
    metadata: { name },
    retryAfterMs: 1_000,
  });
}
