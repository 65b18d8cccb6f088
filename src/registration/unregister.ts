/**
 * Takes an instance off the platform. Final and idempotent: one transaction ends the key's registrations, moves its
 * generation on (so that an attempt still running cannot commit), asks that attempt to stop, and leaves the event and a
 * `withdraw` task behind. The task takes the entry out of the catalog and releases the schema versions; it is tried at
 * once and, if a dependency is away, again until it is done.
 */
import { endKey } from "./end-key.ts";
import { serviceIdOf } from "./service-id.ts";
import type { Caller } from "../kernel/caller.ts";
import { DomainError } from "../kernel/errors.ts";
import type { Ids } from "../kernel/ports.ts";
import { cancelledBy, type Runner } from "./attempts/runner.ts";
import type { RegistrationPorts } from "./attempts/attempt-context.ts";
import { isSamePlace } from "./keys.ts";
import { checkOwner } from "./name-owner.ts";
import { lockMeant } from "./spellings.ts";
import { checkUnregister, type UnregisterInput } from "./validate.ts";

export interface UnregisterDeps {
  readonly ports: RegistrationPorts;
  readonly ids: Ids;
  readonly runner: Runner;
  /** Called after the commit; resolves to true when the task was carried out. */
  readonly runTask: (taskId: string) => Promise<boolean>;
}

/**
 * `ended`: something was registered, under way, or waited for an approval; `withdrawn`: whether the catalog and the schema registry have
 * followed already.
 */
export async function unregister(
  deps: UnregisterDeps,
  input: UnregisterInput,
  caller: Caller,
): Promise<{ readonly ended: boolean; readonly withdrawn: boolean }> {
  checkUnregister(input);
  const { store, clock } = deps.ports;
  const taskId = deps.ids.next();
  const ended = await store.tx(async (tx) => {
    const key = await lockMeant(tx, serviceIdOf(input.name, input.host, input.port));
    if (!key || !isSamePlace(key, input)) throw neverRegistered(input);
    await checkOwner(tx, key.name, caller);
    return endKey(tx, { ids: deps.ids, gate: deps.ports.gate }, key, { taskId, actor: caller.key, now: clock.now(), traceparent: caller.traceparent });
  });
  if (ended.live) deps.runner.cancel(ended.live.id, cancelledBy("an Unregister"));
  return { ended: ended.hasEnded, withdrawn: !ended.hasTask || (await deps.runTask(taskId)) };
}

function neverRegistered({ name, host, port }: UnregisterInput): DomainError {
  return new DomainError({
    kind: "not_found",
    reason: "REGISTRATION_NOT_FOUND",
    message: `${name} at ${host}:${port} was never registered`,
    subject: { type: "service", name: serviceIdOf(name, host, port) },
    metadata: { service_id: serviceIdOf(name, host, port) },
  });
}
