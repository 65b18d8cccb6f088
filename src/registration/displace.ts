/**
 * Ends modules in whose place another one answers: a module that died, and one that took its address and port over.
 *
 * An address and port is looked at when an instance is registered there that proved its name by the callback, or is held for an
 * approval after it did, while one of another name is registered there. Each that was ever called back there is called back again, by its own host name, since a proxy may
 * have several behind one address. Guarantees: one that answers by its own name stays; one in whose place another name answers,
 * or what is no such server, is taken off the platform at once, with the events of a reaped instance; without an answer it is
 * looked at again. May be repeated. Services that never were called back share addresses as they like.
 */
import { DomainError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import type { Ids } from "../kernel/ports.ts";
import { endpointOf, type RegistrationPorts } from "./attempts/attempt-context.ts";
import { checkKeyOf, nameKeyOf } from "./keys.ts";
import type { Registration, RegistrationTx } from "./records.ts";
import { takeOff } from "./reconcile/actions.ts";
import { displaceTask, type Displacement } from "./task-types.ts";

export interface DisplaceDeps {
  readonly ports: Pick<RegistrationPorts, "store" | "module" | "clock" | "judge" | "gate">;
  readonly ids: Ids;
  readonly log: Log;
}

/** Leaves the task behind that looks at the address of a registration that is ACTIVE now, if others stand there. */
export async function leaveDisplacement(tx: RegistrationTx, registration: Registration): Promise<void> {
  if (!isProven(registration) || !isShared(await provenAt(tx, registration))) return;
  // A registration becomes active once.
  await tx.tasks.insert(displaceTask, { id: `${registration.id}-displace`, payload: { registrationId: registration.id } });
}

/** The same for an instance that has proven its name and is held: who is registered there is looked at, though alone. */
export async function leaveDisplacementOf(
  tx: RegistrationTx,
  { name, request, address }: Pick<Registration, "name" | "request" | "address">,
  ids: Ids,
): Promise<void> {
  for (const other of await tx.registrations.activeAt(checkKeyOf(request, address))) {
    if (!isProven(other) || nameKeyOf(other.name) === nameKeyOf(name)) continue;
    await tx.tasks.insert(displaceTask, { id: ids.next(), payload: { registrationId: other.id, isAlone: true } });
  }
}

/** The task. Rejects when somebody did not answer, or is registering anew just now, to be repeated. */
export async function displaceOthers(deps: DisplaceDeps, { registrationId, isAlone = false }: Displacement, signal: AbortSignal): Promise<void> {
  const there = await deps.ports.store.tx(async (tx) => {
    const registration = await tx.registrations.find(registrationId);
    return registration ? provenAt(tx, registration) : [];
  });
  if (!isAlone && !isShared(there)) return;
  const looks = await Promise.allSettled(there.map((it) => lookAt(deps, it, signal)));
  for (const look of looks) if (look.status === "rejected") throw look.reason;
}

async function lookAt({ ports, ids, log }: DisplaceDeps, registration: Registration, signal: AbortSignal): Promise<void> {
  // What may not be dialled any more is taken off the platform by reconciling.
  if (ports.judge(registration.address) !== undefined) return;
  const reason = await whyGone(ports, registration, signal);
  if (reason === undefined) return;
  const { id, serviceId } = registration;
  if (await takeOff({ ports, ids }, registration, ports.clock.now(), { reason })) return log("warn", "registration.displaced", { service: serviceId, reason });
  if ((await ports.store.tx((tx) => tx.registrations.find(id)))?.state !== "ACTIVE") return;
  throw new DomainError({ kind: "conflict", reason: "ATTEMPT_IN_FLIGHT", message: `a registration of ${serviceId} is under way` });
}

/** What shows that the instance is not where it was; undefined when it is there. Rejects when nothing is shown. */
async function whyGone({ module }: DisplaceDeps["ports"], { name, request, address }: Registration, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { moduleName } = await module.describe(endpointOf(request, address), signal);
    return nameKeyOf(moduleName) === nameKeyOf(name) ? undefined : `${JSON.stringify(moduleName.slice(0, 128))} answers at its address`;
  } catch (error) {
    // What answers by a gRPC status may be a proxy in front of an instance that is away.
    if (!(error instanceof DomainError) || error.kind !== "wrong_state" || error.metadata["grpc_status"] !== undefined) throw error;
    return `what answers at its address is no such module: ${error.message}`;
  }
}

function isShared(registrations: readonly Registration[]): boolean {
  return new Set(registrations.map(({ name }) => nameKeyOf(name))).size > 1;
}

async function provenAt(tx: RegistrationTx, { request, address }: Registration): Promise<readonly Registration[]> {
  return (await tx.registrations.activeAt(checkKeyOf(request, address))).filter(isProven);
}

/** Its name was proved by the callback. */
function isProven({ description }: Registration): boolean {
  return description !== undefined;
}
