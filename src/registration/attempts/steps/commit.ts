import { subjectOf } from "../../service-id.ts";
import type { RegistrationTx } from "../../records.ts";
import type { RegistrationEvent } from "../../events.ts";
import { unavailable } from "../../../kernel/errors.ts";
import { retrying } from "../../../kernel/retry.ts";
import { claimName } from "../../name-owner.ts";
import { entryOf, type AttemptContext, type RegistrationStep } from "../attempt-context.ts";
import { checkGeneration, unregisteredEvent } from "../../end-key.ts";
import { leaveDisplacement } from "../../displace.ts";
import { promoteRecorded } from "../../reconcile/show-entry.ts";
import type { GateState } from "../../gate/gate-records.ts";
import { inheritedTags, sameTags } from "../../tags.ts";
import { showTask } from "../../task-types.ts";
import { registrationOf } from "../pending-registration.ts";

/**
 * Makes the entry the serving one in the catalog, then, in one transaction, the registration the active one, with its
 * domain event. Undo puts the former registration's entry back, if this attempt had replaced it and its address is still allowed.
 */
export const commit: RegistrationStep = {
  event: "COMPLETED",
  timeoutMs: 20_000,
  run: async (context, signal) => {
    const { ports, attempt } = context;
    const { since, former } = await ports.store.tx(async (tx) => ({
      since: await context.work.admit(tx),
      former: await tx.registrations.findActive(attempt.serviceId),
    }));
    const promoted = inheritedTags(attempt.request.tags, former) ?? attempt.request.tags;
    const { id: attemptId, serviceId, address } = attempt;
    const entry = entryOf(attempt.request, { attemptId, serviceId, address, tags: promoted, healthService: context.entry.check.service });
    let tries = 0;
    await retrying(ports.clock, signal, async () => {
      tries += 1;
      await ports.catalog.promote(entry, signal);
      if (tries > 1) await checkServing(context, signal);
    });
    return {
      message: `${attempt.type.toLowerCase()} is registered and healthy`,
      serviceId: attempt.serviceId,
      outcome: "ACTIVE",
      alongside: (tx: RegistrationTx) => activate(tx, context, { promoted, since }),
    };
  },
  undo: async ({ attempt, entry, ports }, signal) => {
    const former = await ports.store.tx((tx) => tx.registrations.findActive(attempt.serviceId));
    if (!former || former.id === attempt.id) return;
    const serving = await ports.catalog.instances({ serviceId: entry.serviceId }, signal);
    if (!serving.some((instance) => instance.attemptId === attempt.id)) return;
    await promoteRecorded(ports, former, signal);
  },
};

/** A promotion that is repeated leaves the check its status, so that it says nothing of health: the catalog is asked. */
async function checkServing({ entry, ports }: AttemptContext, signal: AbortSignal): Promise<void> {
  const instances = await ports.catalog.instances({ serviceId: entry.serviceId }, signal);
  if (instances.some(({ attemptId, status }) => attemptId === entry.attemptId && status === "passing")) return;
  throw unavailable("catalog", "it does not report the instance as passing any more");
}

/** What was done before it is active. */
interface Prepared {
  /** The tags that the catalog was given; when others were set since, a task shows them. */
  readonly promoted: readonly string[];
  readonly since: GateState;
}

async function activate(tx: RegistrationTx, context: AttemptContext, { promoted, since }: Prepared): Promise<void> {
  const { attempt, ports } = context;
  await checkGeneration(tx, attempt);
  await context.work.confirm(tx, since);
  const now = ports.clock.now();
  const former = await tx.registrations.findActive(attempt.serviceId);
  if (former) await tx.registrations.setState(former.id, "SUPERSEDED", now);
  let saved = await tx.registrations.find(attempt.id);
  if (!saved) {
    saved = registrationOf(context);
    await tx.registrations.insert(saved);
  }
  await tx.registrations.setState(attempt.id, "ACTIVE", now);
  const { service } = context.entry.check;
  if (service !== undefined) await tx.registrations.setHealthService(attempt.id, service);
  await leaveDisplacement(tx, saved);
  const inherited = inheritedTags(attempt.request.tags, former);
  if (inherited) await tx.registrations.setTags(attempt.id, inherited, now);
  if (!sameTags(inherited ?? attempt.request.tags, promoted)) {
    // An attempt commits once, so that its own id is free for the task.
    await tx.tasks.insert(showTask, { id: attempt.id, payload: { registrationId: attempt.id } });
  }
  const claims = (await claimName(tx, ports.gate, attempt.name, attempt.actor)) ? { claims: attempt.name } : {};
  const detail = { attempt_id: attempt.id, ...(former ? { replaces: former.id } : {}), version: attempt.version, ...claims };
  await tx.audit.append({ subject: subjectOf(attempt.serviceId), at: now, actor: attempt.actor, action: "REGISTERED", detail });
  const about = { key: attempt.serviceId, subject: subjectOf(attempt.serviceId), at: now, traceparent: attempt.traceparent };
  const ended = former && unregisteredEvent(former);
  // Who follows modules alone is told that it is none any more, and who follows the others likewise.
  if (ended && ended.type !== unregisteredEvent(attempt).type) await tx.outbox.insert({ ...about, id: `${attempt.id}-former`, payload: ended });
  await tx.outbox.insert({ ...about, id: attempt.id, payload: registeredEvent(context, saved.schema?.artifactId) });
}

function registeredEvent({ attempt }: AttemptContext, artifactId: string | undefined): RegistrationEvent {
  const { serviceId, name, host, port, version } = attempt;
  if (attempt.type !== "MODULE" || artifactId === undefined) return { type: "ServiceRegistered", serviceId, name, host, port, version };
  return { type: "ModuleRegistered", serviceId, name, host, port, version, schemaId: `${name}@${version}`, artifactId };
}
