/**
 * Takes an instance off the platform. Final and idempotent: one transaction ends the key's registrations, moves its
 * generation on (so that an attempt still running cannot commit), asks that attempt to stop, and leaves the event and a
 * `withdraw` task behind. The task takes the entry out of the catalog and releases the schema versions; it is tried at
 * once and, if a dependency is away, again until it is done.
 */
import { subjectOf } from "./service-id.ts";
import type { RegistrationEvent } from "./events.ts";
import type { Caller } from "../kernel/caller.ts";
import { DomainError } from "../kernel/errors.ts";
import type { Ids } from "../kernel/ports.ts";
import { cancelledBy, type Runner } from "./attempts/runner.ts";
import type { RegistrationPorts } from "./attempts/attempt-context.ts";
import { claimName } from "./name-owner.ts";
import type { Attempt, InstanceRow, Registration, RegistrationTx } from "./records.ts";
import { withdrawTask } from "./tasks.ts";
import { checkUnregister, type UnregisterInput } from "./validate.ts";
import { withdrawalOf } from "./withdraw.ts";

export interface UnregisterDeps {
  readonly ports: RegistrationPorts;
  readonly ids: Ids;
  readonly runner: Runner;
  /** Called after the commit; resolves to true when the task was carried out. */
  readonly runTask: (taskId: string) => Promise<boolean>;
}

/** `withdrawn`: whether the catalog and the schema registry have followed already. */
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
    await claimName(tx, input.name, caller);
    return endKey(tx, deps.ids, key, { taskId, actor: caller.key, now: clock.now(), traceparent: caller.traceparent });
  });
  if (ended.live) deps.runner.cancel(ended.live.id, cancelledBy("an Unregister"));
  return { wasActive: ended.active !== undefined, withdrawn: !ended.hasTask || (await deps.runTask(taskId)) };
}

export interface Ending {
  /** Of the `withdraw` task, if there is something to withdraw. */
  readonly taskId: string;
  readonly actor: string;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly traceparent?: string | undefined;
  /** More facts for the audit. */
  readonly why?: Readonly<Record<string, string>>;
  /** An event that goes out before the one of the unregistration. */
  readonly before?: RegistrationEvent;
}

/** Ends all that is registered under a key whose row the caller has locked, with its event, its audit and its task. */
export async function endKey(
  tx: RegistrationTx,
  ids: Ids,
  { serviceId }: InstanceRow,
  { taskId, actor, now, traceparent, why = {}, before }: Ending,
): Promise<{ readonly live: Attempt | undefined; readonly active: Registration | undefined; readonly hasTask: boolean }> {
  const live = await tx.attempts.findLive(serviceId);
  if (live) await tx.attempts.requestCancel(live.id);
  const active = await tx.registrations.findActive(serviceId);
  const registrations = await tx.registrations.endAll(serviceId, now);
  const hasTask = registrations.length > 0;
  if (live || hasTask) await tx.instances.bumpGeneration(serviceId);
  if (active) {
    for (const payload of [...(before ? [before] : []), unregisteredEvent(active)]) {
      await tx.outbox.insert({ id: ids.next(), key: serviceId, subject: subjectOf(serviceId), payload, at: now, traceparent });
    }
  }
  if (live || hasTask) {
    const detail = { registrations: registrations.map(({ id }) => id).join(","), ...(live ? { cancels: live.id } : {}), ...why };
    await tx.audit.append({ subject: subjectOf(serviceId), at: now, actor, action: "UNREGISTERED", detail });
  }
  if (hasTask) await tx.tasks.insert(withdrawTask, { id: taskId, payload: withdrawalOf(registrations) });
  return { live, active, hasTask };
}

function unregisteredEvent({ type, serviceId, name }: Registration): RegistrationEvent {
  return { type: type === "MODULE" ? "ModuleUnregistered" : "ServiceUnregistered", serviceId, name };
}

function neverRegistered({ name, host, port }: UnregisterInput): DomainError {
  return new DomainError({
    kind: "not_found",
    reason: "REGISTRATION_NOT_FOUND",
    message: `${name} at ${host}:${port} was never registered`,
    subject: { type: "service", name: `${name}-${host}-${port}` },
    metadata: { service_id: `${name}-${host}-${port}` },
  });
}
