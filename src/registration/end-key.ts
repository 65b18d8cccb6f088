/** The end of all that is registered under a key, with what follows from it. */
import { DomainError } from "../kernel/errors.ts";
import type { Ids } from "../kernel/ports.ts";
import type { RegistrationEvent } from "./events.ts";
import type { Gate } from "./gate/gate-types.ts";
import type { Attempt, InstanceRow, Registration, RegistrationTx } from "./records.ts";
import { subjectOf } from "./service-id.ts";
import { withdrawTask } from "./task-types.ts";
import { withdrawalOf } from "./withdraw.ts";

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

export interface EndKeyDeps {
  readonly ids: Ids;
  readonly gate: Pick<Gate, "leave">;
}

/** Ends all that is registered, or asks to be, under a key whose row the caller has locked, with its event, its audit and its task. */
export async function endKey(
  tx: RegistrationTx,
  { ids, gate }: EndKeyDeps,
  { serviceId }: InstanceRow,
  { taskId, actor, now, traceparent, why = {}, before }: Ending,
): Promise<{ readonly live: Attempt | undefined; readonly hasTask: boolean; readonly hasEnded: boolean }> {
  const live = await tx.attempts.findLive(serviceId);
  if (live) await tx.attempts.requestCancel(live.id);
  const active = await tx.registrations.findActive(serviceId);
  const registrations = await tx.registrations.endAll(serviceId, now);
  const hasTask = registrations.length > 0;
  const asked = await gate.leave(tx, serviceId);
  const hasEnded = live !== undefined || asked || hasTask;
  if (hasEnded) await tx.instances.bumpGeneration(serviceId);
  if (active) {
    for (const payload of [...(before ? [before] : []), unregisteredEvent(active)]) {
      await tx.outbox.insert({ id: ids.next(), key: serviceId, subject: subjectOf(serviceId), payload, at: now, traceparent });
    }
  }
  if (hasEnded) {
    const detail = { registrations: registrations.map(({ id }) => id).join(","), ...(live ? { cancels: live.id } : {}), ...why };
    await tx.audit.append({ subject: subjectOf(serviceId), at: now, actor, action: "UNREGISTERED", detail });
  }
  if (hasTask) await tx.tasks.insert(withdrawTask, { id: taskId, payload: withdrawalOf(registrations) });
  return { live, hasTask, hasEnded };
}

/** Refuses to go on when the key was unregistered, or its name given away, since the attempt began. Locks the key's row. */
export async function checkGeneration(tx: RegistrationTx, { serviceId, generation }: Pick<Attempt, "serviceId" | "generation">): Promise<void> {
  const row = await tx.instances.lockId(serviceId);
  if (row?.generation === generation) return;
  throw new DomainError({
    kind: "wrong_state",
    reason: "SUPERSEDED",
    message: "the instance was unregistered, or its name given to somebody else, while this attempt was running",
  });
}

/** What says that a registration is no more. */
export function unregisteredEvent({ type, serviceId, name }: Pick<Registration, "type" | "serviceId" | "name">): RegistrationEvent {
  return { type: type === "MODULE" ? "ModuleUnregistered" : "ServiceUnregistered", serviceId, name };
}
