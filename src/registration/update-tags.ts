/**
 * Replaces the tags of a registered instance. One transaction changes the record and leaves the event and a `show` task;
 * the task brings the catalog's entry up to the record at once, or when the catalog is back.
 *
 * The tags stay until somebody changes them: a request that registers the instance again with the tags it gave before has
 * not asked for others, so it keeps those set here (and is UNCHANGED when nothing else differs); one that gives other tags
 * than before gets what it asks for. Unregister forgets them.
 */
import { subjectOf } from "./service-id.ts";
import type { Caller } from "../kernel/caller.ts";
import { DomainError } from "../kernel/errors.ts";
import type { Ids } from "../kernel/ports.ts";
import type { RegistrationPorts } from "./attempts/attempt-context.ts";
import { checkOwner } from "./name-owner.ts";
import { lockMeant } from "./spellings.ts";
import { sameTags, shownTags, tagsOf } from "./tags.ts";
import { showTask } from "./task-types.ts";
import { checkUpdateTags, type UpdateTagsInput } from "./validate.ts";

export interface UpdateTagsDeps {
  readonly ports: RegistrationPorts;
  readonly ids: Ids;
  /** Called after the commit; resolves to true when the task was carried out. */
  readonly runTask: (taskId: string) => Promise<boolean>;
}

export interface UpdatedTags {
  /** As consumers see them. */
  readonly tags: readonly string[];
  /** Whether the catalog has followed already. */
  readonly shown: boolean;
  /** Epoch milliseconds. */
  readonly at: number;
}

/**
 * Rejects with `invalid` (all bad fields), `not_found` when the service id is not registered, `denied` when the name is
 * somebody else's, `wrong_state` when its address is not allowed any more (HOST_DENIED), or when it was approved with other tags
 * and the policy reads them (TAGS_NEED_APPROVAL). Setting the tags that are set already changes nothing and leaves no event.
 */
export async function updateTags(deps: UpdateTagsDeps, input: UpdateTagsInput, caller: Caller): Promise<UpdatedTags> {
  checkUpdateTags(input);
  const { store, clock } = deps.ports;
  const taskId = deps.ids.next();
  const now = clock.now();
  const done = await store.tx(async (tx) => {
    const key = await lockMeant(tx, input.serviceId);
    const active = key && (await tx.registrations.findActive(key.serviceId));
    if (!active) throw notRegistered(input.serviceId);
    await checkOwner(tx, active.name, caller, { operators: true });
    const violation = deps.ports.judge(active.address);
    if (violation !== undefined) throw notShown(active.serviceId, violation);
    const tags = [...new Set(input.tags)];
    const before = tagsOf(active);
    const applied = shownTags(active.request, tags);
    if (sameTags(tags, before)) return { changed: false, applied };
    if (!(await deps.ports.gate.mayTag(tx, active, tags))) throw needApproval(active.serviceId);
    await tx.registrations.setTags(active.id, tags, now);
    const detail = { attempt_id: active.id, before: before.join(","), after: tags.join(",") };
    await tx.audit.append({ subject: subjectOf(active.serviceId), at: now, actor: caller.key, action: "TAGS_UPDATED", detail });
    const payload = { type: "TagsUpdated", serviceId: active.serviceId, name: active.name, tags: applied, actor: caller.name } as const;
    const subject = subjectOf(active.serviceId);
    await tx.outbox.insert({ id: deps.ids.next(), key: active.serviceId, subject, payload, at: now, traceparent: caller.traceparent });
    await tx.tasks.insert(showTask, { id: taskId, payload: { registrationId: active.id } });
    return { changed: true, applied };
  });
  return { tags: done.applied, shown: !done.changed || (await deps.runTask(taskId)), at: now };
}

function notRegistered(serviceId: string): DomainError {
  return new DomainError({
    kind: "not_found",
    reason: "REGISTRATION_NOT_FOUND",
    message: `${serviceId} is not registered`,
    subject: { type: "service", name: serviceId },
    metadata: { service_id: serviceId },
  });
}

/** Tags that a policy reads are part of what was approved. */
function needApproval(serviceId: string): DomainError {
  return new DomainError({
    kind: "wrong_state",
    reason: "TAGS_NEED_APPROVAL",
    message: `${serviceId} was approved with other tags, which the policy registration reads: register it with these, so that people can decide`,
    subject: { type: "service", name: serviceId },
    metadata: { service_id: serviceId },
  });
}

/** What may not be dialled is about to be taken off the platform. */
function notShown(serviceId: string, violation: string): DomainError {
  return new DomainError({
    kind: "wrong_state",
    reason: "HOST_DENIED",
    message: `${serviceId} is being taken off the platform: its address ${violation}`,
    subject: { type: "service", name: serviceId },
    metadata: { service_id: serviceId },
  });
}
