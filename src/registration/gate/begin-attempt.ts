/**
 * Begins the attempt of an instance that has been approved, and sees it to its end, in one run of the task or in several: a run is short, so
 * that what a dead process, or one whose store was away, has claimed is not waited for long.
 *
 * Guarantees: at most one at a time, by the lock of the key and by request ids that nobody else can use; when it is interrupted,
 * or a dependency is away, it is begun again, until it ends. One whose instance is gone, or is not what was approved, fails
 * alone. Nothing is begun for an instance that is unregistered, has asked for something else since, or is live already.
 */
import { sha256 } from "../../kernel/canonical-json.ts";
import { DomainError, isRetryable } from "../../kernel/errors.ts";
import type { Ids } from "../../kernel/ports.ts";
import type { Log } from "../../kernel/log.ts";
import type { Again } from "../../kernel/task-kind.ts";
import { timeLimit } from "../../kernel/time-limit.ts";
import type { RegistrationPorts } from "../attempts/attempt-context.ts";
import { insertAttempt, newAttempt } from "../attempts/new-attempt.ts";
import type { Progress } from "../attempts/progress.ts";
import type { Runner } from "../attempts/runner.ts";
import type { Attempt, RegistrationTx } from "../records.ts";
import { ownRequestIds } from "../validate.ts";
import type { Ask } from "./gate-records.ts";

export interface BeginDeps {
  readonly ports: Pick<RegistrationPorts, "store" | "clock">;
  readonly ids: Ids;
  readonly log: Log;
  readonly runner: Runner;
  readonly progress: Progress;
}

export interface Beginning {
  readonly approvalId: string;
  readonly serviceId: string;
  readonly generation: number;
}

/** How often one approval of an instance begins an attempt at most. */
const mostTries = 1_000;
/** An attempt may take longer than a run of the task: the next run goes on following it. */
const followMs = 20_000;

/** Resolves to `Again` while an attempt is under way. Rejects when what it begins has to be begun again, a while later. */
export async function beginApproved(deps: BeginDeps, beginning: Beginning, signal: AbortSignal): Promise<Again | void> {
  const { clock, store } = deps.ports;
  using limit = timeLimit(clock, followMs);
  for (;;) {
    const attemptId = await begin(deps, beginning);
    if (attemptId === undefined) return;
    try {
      for await (const _event of deps.progress.follow(attemptId, 0, AbortSignal.any([signal, limit.signal])));
    } catch (error) {
      if (limit.signal.aborted && error === limit.signal.reason) return { againInMs: 0 };
      throw error;
    }
    const ended = await store.tx((tx) => tx.attempts.find(attemptId));
    if (ended?.error && isRetryable(new DomainError(ended.error))) throw new DomainError(ended.error);
  }
}

/** Resolves to the attempt that is under way, undefined when there is nothing to be done any more. */
async function begin(deps: BeginDeps, { approvalId, serviceId, generation }: Beginning): Promise<string | undefined> {
  const { ports, runner, ids, log } = deps;
  const found = await ports.store.tx((tx) => tx.asks.find(serviceId));
  if (found?.approvalId !== approvalId) return undefined;
  using admitted = runner.admit(found.actor);
  const begun = await ports.store.tx(async (tx): Promise<{ readonly attempt: Attempt; readonly isNew: boolean } | undefined> => {
    const key = await tx.instances.lockId(serviceId);
    const ask = await tx.asks.find(serviceId);
    if (!key || ask?.approvalId !== approvalId || !ask.isAdmitted) return undefined;
    if (key.generation !== generation || (await isLive(tx, ask))) return end(tx, ask);
    // Of another request, too: what it comes to decides whether anything is left to be begun.
    const live = await tx.attempts.findLive(serviceId);
    if (live) return { attempt: live, isNew: false };
    const [tries, last] = await former(tx, ask);
    if (last?.error && last.state !== "STUCK" && !isRetryable(new DomainError(last.error))) {
      log("warn", "registration.approved-in-vain", { attempt: last.id, service: serviceId, approval: approvalId, reason: last.error.reason });
      return end(tx, ask);
    }
    admitted.takeRoom();
    const { request: input, requestHash: hash, address, actor, traceparent } = ask;
    const requestId = requestIdOf(ask, tries);
    const attempt = newAttempt(runner, { id: ids.next(), now: ports.clock.now(), input, requestId, hash, address, actor, traceparent }, key);
    await insertAttempt(tx, attempt, runner.leaseMs, { key: actor });
    return { attempt, isNew: true };
  });
  if (begun?.isNew === true) admitted.start(begun.attempt);
  return begun?.attempt.id;
}

async function end(tx: RegistrationTx, { serviceId }: Ask): Promise<undefined> {
  await tx.asks.delete(serviceId);
}

async function isLive(tx: RegistrationTx, { serviceId, requestHash, address }: Ask): Promise<boolean> {
  const active = await tx.registrations.findActive(serviceId);
  return active?.requestHash === requestHash && active.address === address;
}

type Asking = Pick<Ask, "approvalId" | "digest" | "serviceId" | "generation" | "actor">;

/** How many attempts were begun for the ask, and the last of them. */
async function former(tx: RegistrationTx, ask: Asking): Promise<readonly [number, Attempt | undefined]> {
  let last: Attempt | undefined;
  for (let tries = 0; tries < mostTries; tries++) {
    const attempt = await tx.attempts.findByRequestId(ask.actor, requestIdOf(ask, tries));
    if (!attempt) return [tries, last];
    last = attempt;
  }
  throw new Error(`the approval ${ask.approvalId} has begun ${mostTries} attempts of ${ask.serviceId}`);
}

/** The request id of the attempt that an approval of this content begins: the same whoever begins it. */
function requestIdOf({ approvalId, digest, serviceId, generation }: Asking, tries: number): string {
  return `${ownRequestIds}${sha256(JSON.stringify([approvalId, digest, serviceId, generation, tries]))}`;
}

/** The attempt that the approval of this ask has begun last. */
export async function begunAttempt(tx: RegistrationTx, ask: Asking): Promise<Attempt | undefined> {
  return (await former(tx, ask))[1];
}
