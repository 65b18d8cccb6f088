/**
 * What a caller is shown who waits for an approval: votes, the decision, and the attempt that begins because of it.
 *
 * Guarantees: exactly one end. An event of the approval has sequence 0 and the approval's id; those of the attempt that begins have its
 * own id and sequences. A wait that this server cannot go on with ends `unavailable`: the same request continues it.
 */
import { DomainError } from "../../kernel/errors.ts";
import { orAborted } from "../../kernel/or-aborted.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { Progress } from "../attempts/progress.ts";
import type { Attempt, RegistrationStore } from "../records.ts";
import type { ProgressEvent } from "../types.ts";
import type { DecisionNews } from "./approvals.ts";
import { begunAttempt } from "./begin-attempt.ts";
import { waitsFor, type HeldInstance } from "./held-events.ts";

export interface AwaitDeps {
  readonly store: RegistrationStore;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly follow: (approvalId: string, signal: AbortSignal) => AsyncGenerator<DecisionNews>;
  /** Aborts when this server stops. */
  readonly stopping: AbortSignal;
}

/** Shorter than the life of a call, so that its end says how to go on. */
const mostWaitMs = 25 * 60_000;
const repeatMs = 20_000;
const lookMs = 1_000;
/** Between looks for the attempt that begins: it mostly has when the decision is seen, or does within milliseconds. */
const beginLookMs = { first: 5, longest: 50 } as const;
const beginMs = 60_000;

/** What happens from now on to an instance that is held, until it is live or it is known that it will not be. Rejects with the signal's reason. */
export async function* awaitDecision(deps: AwaitDeps, held: HeldInstance, signal: AbortSignal): AsyncGenerator<ProgressEvent> {
  const { clock, store } = deps;
  const over = new AbortController();
  const following = AbortSignal.any([signal, deps.stopping, over.signal]);
  const until = clock.now() + mostWaitMs;
  const news = deps.follow(held.approvalId, following);
  let shown: DecisionNews | undefined;
  try {
    let next = news.next();
    let saidAt = clock.now();
    for (;;) {
      const item = await Promise.race([next, sleep(clock, lookMs, following)]);
      if (deps.stopping.aborted || clock.now() >= until) throw continueLater(held.approvalId);
      signal.throwIfAborted();
      if (item === "quiet") {
        const ask = await store.tx((tx) => tx.asks.find(held.serviceId));
        if (ask?.approvalId !== held.approvalId || ask.digest !== held.digest) {
          // It may be that the decision has ended the ask, and is yet to be read.
          const last = await Promise.race([next, sleep(clock, lookMs, following)]);
          if (last === "quiet" || last.done) return yield failed(clock.now(), noLongerAsks(held.serviceId));
          next = Promise.resolve(last);
        } else if (shown && clock.now() - saidAt >= repeatMs) {
          saidAt = clock.now();
          yield requested(shown, clock.now(), waitsFor(shown.shown));
        }
        continue;
      }
      if (item.done) return yield failed(clock.now(), noLongerAsks(held.serviceId));
      const isFirst = shown === undefined;
      shown = item.value;
      if (shown.decision !== "open") break;
      if (shown.digest !== held.digest) return yield failed(shown.at, noLongerAsks(held.serviceId));
      saidAt = clock.now();
      if (!isFirst) yield requested(shown, shown.at, shown.message);
      next = news.next();
    }
  } finally {
    over.abort("the wait is over");
    await news.return(undefined).catch(() => undefined);
  }
  yield* afterDecision(deps, held, shown, signal);
}

async function* afterDecision(
  deps: AwaitDeps,
  held: HeldInstance,
  { decision, at, by, reason, message }: DecisionNews,
  signal: AbortSignal,
): AsyncGenerator<ProgressEvent> {
  const metadata = { approval_id: held.approvalId, by, reason };
  if (decision !== "approved" && !(await wasReleased(deps, held))) {
    const attemptId = await liveSince(deps, held, at);
    if (attemptId !== undefined) return yield* deps.progress.follow(attemptId, 0, signal);
    const errorDetail = `APPROVAL_REJECTED: ${message}`;
    if (decision === "rejected") yield { ...noAttempt, type: "REJECTED", at, message, errorDetail };
    return yield { ...noAttempt, type: "FAILED", at, message: "the registration was not approved", errorDetail };
  }
  yield { ...noAttempt, type: "APPROVED", at, message, metadata };
  const attemptId = await begun(deps, held, signal);
  if (attemptId === undefined) return yield failed(deps.clock.now(), noLongerAsks(held.serviceId));
  yield* deps.progress.follow(attemptId, 0, signal);
}

/** It goes live although its request has ended, since the gate was opened. */
function wasReleased({ store }: AwaitDeps, held: HeldInstance): Promise<boolean> {
  return store.tx(async (tx) => {
    const ask = await tx.asks.find(held.serviceId);
    return (ask?.approvalId === held.approvalId && ask.isAdmitted) || (await begunAttempt(tx, held)) !== undefined;
  });
}

/** The attempt by which the same request is live, where that came after its request for approval had ended. */
async function liveSince({ store }: AwaitDeps, { serviceId, requestHash }: HeldInstance, at: number): Promise<string | undefined> {
  const active = await store.tx((tx) => tx.registrations.findActive(serviceId));
  return active?.requestHash === requestHash && active.registeredAt >= at ? active.id : undefined;
}

const failures: ReadonlySet<Attempt["state"]> = new Set(["ROLLED_BACK", "STUCK"]);

/** The attempt that goes on: the one that the approval began, or one of the instance itself, which came before it or after its failure. */
async function begun({ store, clock, stopping }: AwaitDeps, held: HeldInstance, signal: AbortSignal): Promise<string | undefined> {
  const until = clock.now() + beginMs;
  for (let pauseMs: number = beginLookMs.first; ; pauseMs = Math.min(2 * pauseMs, beginLookMs.longest)) {
    const found = await store.tx(async (tx) => {
      // The ask first: it ends with its attempt, which is there then.
      const ask = await tx.asks.find(held.serviceId);
      const own = await begunAttempt(tx, held);
      if (own && !failures.has(own.state)) return own.id;
      const others = [await tx.attempts.findLive(held.serviceId), await tx.registrations.findActive(held.serviceId)];
      const going = others.find((other) => other?.requestHash === held.requestHash) ?? own;
      return going?.id ?? (ask?.approvalId === held.approvalId ? undefined : "none");
    });
    if (found === "none") return undefined;
    if (found !== undefined) return found;
    if (stopping.aborted || clock.now() >= until) throw continueLater(held.approvalId);
    await orAborted(clock.sleep(pauseMs, signal), signal);
  }
}

async function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<"quiet"> {
  await clock.sleep(ms, signal).catch(() => undefined);
  return "quiet";
}

const noAttempt = { attemptId: "", sequence: 0 } as const;

function requested({ shown }: DecisionNews, at: number, message: string): ProgressEvent {
  return { ...noAttempt, type: "APPROVAL_REQUESTED", at, message, metadata: shown };
}

function failed(at: number, detail: string): ProgressEvent {
  return { ...noAttempt, type: "FAILED", at, message: "the registration was not approved", errorDetail: detail };
}

function noLongerAsks(serviceId: string): string {
  return `SUPERSEDED: ${serviceId} does not ask for this any more: it was unregistered, or registered with another content`;
}

function continueLater(approvalId: string): DomainError {
  return new DomainError({
    kind: "unavailable",
    reason: "SHUTTING_DOWN",
    message: `this server cannot wait any longer; the approval ${approvalId} is not affected: send the same request again to go on waiting`,
    metadata: { approval_id: approvalId },
    retryAfterMs: 1_000,
  });
}
