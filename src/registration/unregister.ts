/**
 * Takes an instance off the platform. Final and idempotent: one transaction ends the key's registrations, moves its
 * generation on (so that an attempt still running cannot commit), asks that attempt to stop, and leaves the event and a
 * `withdraw` task behind. The task takes the entry out of the catalog and releases the schema versions; it is tried at
 * once and, if a dependency is away, again until it is done.
 */
import { DomainError } from "../errors.ts";
import type { Ids } from "../ports.ts";
import { cancelledBy, type Attempts } from "./attempts.ts";
import type { RegistrationPorts } from "./attempt-context.ts";
import type { DomainEvent, Registration } from "./records.ts";
import { releaseSchemaVersion } from "./schema-versions.ts";
import type { Caller } from "./register.ts";
import { checkUnregister, type UnregisterInput } from "./validate.ts";

export interface UnregisterDeps {
  readonly ports: RegistrationPorts;
  readonly ids: Ids;
  readonly attempts: Attempts;
  /** Called after the commit; resolves to true when the task was carried out. */
  readonly runTask: (taskId: string) => Promise<boolean>;
  readonly onCommit: () => void;
}

/** `withdrawn` tells whether the catalog and the schema registry have followed already. */
export async function unregister(
  deps: UnregisterDeps,
  input: UnregisterInput,
  caller: Caller,
): Promise<{ readonly wasActive: boolean; readonly withdrawn: boolean }> {
  checkUnregister(input);
  const { store, clock } = deps.ports;
  const taskId = deps.ids.next();
  const ended = await store.tx(async (tx) => {
    const key = await tx.instances.lock(input);
    if (!key) throw neverRegistered(input);
    const owner = await tx.instances.claimName(input.name, caller.name);
    if (owner !== caller.name && !caller.isAdmin) {
      throw new DomainError({ kind: "denied", reason: "NAME_OWNED_BY_ANOTHER", message: `the name ${input.name} was first registered by somebody else` });
    }
    const now = clock.now();
    const live = await tx.attempts.findLive(key.serviceId);
    if (live) await tx.attempts.requestCancel(live.id);
    const active = await tx.registrations.findActive(key.serviceId);
    const registrations = await tx.registrations.endAll(key.serviceId, now);
    if (live || registrations.length > 0) await tx.instances.bumpGeneration(key.serviceId);
    if (active) {
      await tx.outbox.insert({ id: deps.ids.next(), key: key.serviceId, payload: unregisteredEvent(active), at: now, traceparent: caller.traceparent });
    }
    if (live || registrations.length > 0) {
      const detail = { registrations: registrations.map(({ id }) => id).join(","), ...(live ? { cancels: live.id } : {}) };
      await tx.audit.append({ subject: key.serviceId, at: now, actor: caller.name, action: "UNREGISTERED", detail });
    }
    if (registrations.length > 0) {
      await tx.tasks.insert({ id: taskId, kind: "withdraw", payload: JSON.stringify({ registrationIds: registrations.map(({ id }) => id) }) });
    }
    return { live, active, hasTask: registrations.length > 0 };
  });
  if (ended.live) deps.attempts.cancel(ended.live.id, cancelledBy("an Unregister"));
  if (ended.active) deps.onCommit();
  return { wasActive: ended.active !== undefined, withdrawn: !ended.hasTask || (await deps.runTask(taskId)) };
}

/** Carries out a `withdraw` task: safe to repeat. */
export async function withdraw(ports: RegistrationPorts, payload: string, signal: AbortSignal): Promise<void> {
  for (const id of registrationIdsOf(payload)) {
    const registration = await ports.store.tx((tx) => tx.registrations.find(id));
    if (!registration) continue;
    await ports.catalog.deregister(registration.serviceId, id, signal);
    if (registration.schema) await releaseSchemaVersion(ports, registration.schema, undefined, signal);
  }
}

function registrationIdsOf(payload: string): readonly string[] {
  const parsed: unknown = JSON.parse(payload);
  const ids = typeof parsed === "object" && parsed !== null && "registrationIds" in parsed ? parsed.registrationIds : [];
  return Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [];
}

function unregisteredEvent({ type, serviceId, name }: Registration): DomainEvent {
  return { type: type === "MODULE" ? "ModuleUnregistered" : "ServiceUnregistered", serviceId, name };
}

function neverRegistered({ name, host, port }: UnregisterInput): DomainError {
  return new DomainError({
    kind: "not_found",
    reason: "REGISTRATION_NOT_FOUND",
    message: `${name} at ${host}:${port} was never registered`,
    metadata: { service_id: `${name}-${host}-${port}` },
  });
}
