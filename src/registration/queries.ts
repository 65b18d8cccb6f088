import { subjectOf } from "./service-id.ts";
import { can, isOf, type Caller } from "../kernel/caller.ts";
import { DomainError } from "../kernel/errors.ts";
import type { Clock } from "../kernel/ports.ts";
import { cancelledBy, type Runner } from "./attempts/runner.ts";
import type { Ask, AskFilter } from "./gate/gate-records.ts";
import type { Attempt, AttemptFilter, AttemptSummary, RegistrationStore } from "./records.ts";

/** The attempt; `not_found` when there is none of this id. */
export async function getAttempt(store: RegistrationStore, id: string): Promise<Attempt> {
  return known(id, await store.tx((tx) => tx.attempts.find(id)));
}

function known(id: string, attempt: Attempt | undefined): Attempt {
  if (attempt) return attempt;
  throw new DomainError({
    kind: "not_found",
    reason: "ATTEMPT_NOT_FOUND",
    message: `there is no attempt ${id}`,
    subject: { type: "attempt", name: id },
    metadata: { attempt_id: id },
  });
}

/** One page, newest first, and the `beforeId` of the next page if there is one. */
export async function listAttempts(
  store: RegistrationStore,
  filter: AttemptFilter,
): Promise<{ readonly attempts: readonly AttemptSummary[]; readonly nextBeforeId: string | undefined }> {
  const found = await store.tx((tx) => tx.attempts.list({ ...filter, limit: filter.limit + 1 }));
  const attempts = found.slice(0, filter.limit);
  return { attempts, nextBeforeId: found.length > filter.limit ? attempts.at(-1)?.id : undefined };
}

/** One page of the instances that wait for an approval, by service id, and the `afterId` of the next page if there is one. */
export async function listHeld(
  store: RegistrationStore,
  filter: AskFilter,
): Promise<{ readonly asks: readonly Ask[]; readonly nextAfterId: string | undefined }> {
  const found = await store.tx((tx) => tx.asks.list({ ...filter, limit: filter.limit + 1 }));
  const asks = found.slice(0, filter.limit);
  return { asks, nextAfterId: found.length > filter.limit ? asks.at(-1)?.serviceId : undefined };
}

export interface CancelDeps {
  readonly store: RegistrationStore;
  readonly clock: Clock;
  readonly runner: Runner;
}

/**
 * Asks for an attempt to be stopped and undone, wherever it runs; what is audited was live at that moment. Resolves to the
 * attempt as it is now. `wrong_state` when it has ended, `denied` when somebody else began it.
 */
export async function cancelAttempt({ store, clock, runner }: CancelDeps, id: string, caller: Caller, why: string): Promise<Attempt> {
  await store.tx(async (tx) => {
    const attempt = known(id, await tx.attempts.lock(id));
    checkMayCancel(attempt, caller);
    await tx.attempts.requestCancel(id);
    await tx.audit.append({
      subject: subjectOf(attempt.serviceId),
      at: clock.now(),
      actor: caller.key,
      action: "CANCEL_REQUESTED",
      detail: { attempt_id: id, reason: why },
    });
  });
  runner.cancel(id, cancelledBy(why ? `${caller.name}: ${why}` : caller.name));
  return getAttempt(store, id);
}

function checkMayCancel({ id, actor, state }: Attempt, caller: Caller): void {
  if (!isOf(actor, caller) && !can(caller, "admin")) {
    throw new DomainError({ kind: "denied", reason: "PERMISSION_DENIED", message: "the attempt was begun by somebody else", metadata: { attempt_id: id } });
  }
  if (state === "RUNNING" || state === "UNWINDING") return;
  throw new DomainError({
    kind: "wrong_state",
    reason: "ATTEMPT_FINISHED",
    message: `the attempt has ended: ${state}`,
    subject: { type: "attempt", name: id },
    metadata: { actual: state, needed: "RUNNING" },
  });
}
