/**
 * The attempts this process carries out: starts them, keeps their leases, notices cancellations, takes over those
 * whose owner is gone, and brings all to an end at shutdown.
 *
 * A lease saves work and makes takeover prompt; it is not what keeps two processes from both moving an attempt: the
 * fenced writes of `journal.ts` do that. Undo is idempotent and takes only what the attempt made, so an old owner
 * that wakes up late undoes what it did late, and does no harm.
 */
import { DomainError } from "../../kernel/errors.ts";
import { createFairQueue, type Ticket } from "../../kernel/fair-queue.ts";
import { shareFull } from "../../kernel/shares.ts";
import { inTurns } from "../../kernel/store-turns.ts";
import { leaseLost } from "./journal.ts";
import { runAttempt, unwindAttempt, type RunnerDeps } from "./run-attempt.ts";
import type { Attempt } from "../records.ts";

export interface RunnerOptions {
  /** This process; leases are held in its name. */
  readonly owner: string;
  readonly leaseMs: number;
  /** Attempts carried out at once; more wait, up to `maxWaiting`. Callers share both (`kernel/shares.ts`). */
  readonly maxRunning: number;
  readonly maxWaiting: number;
  /** Attempts of former owners that are unwound at once, beside these. */
  readonly maxTakenOver: number;
}

/** What was admitted. Disposing it gives its room back, unless an attempt was started. */
export interface Admitted extends Disposable {
  /** Takes room for an attempt, unless that was done. Throws as `admit` does. */
  takeRoom(): void;
  /** Carries out a fresh attempt that has room and whose lease this process holds, when its turn comes. To be called once. */
  start(attempt: Attempt): void;
}

export interface Runner {
  readonly owner: string;
  readonly leaseMs: number;
  /** Aborts when this process begins to shut down. */
  readonly stopping: AbortSignal;
  /**
   * Lets in a request that may become an attempt; `share` is that of its caller. Throws `exhausted` when the share, or all room, is
   * taken, and `unavailable` when this process is shutting down.
   */
  admit(share: string): Admitted;
  runsHere(attemptId: string): boolean;
  /** How many run or wait here. */
  count(): number;
  /** Stops an attempt that runs here, which then unwinds. False when it does not run here. */
  cancel(attemptId: string, why: DomainError): boolean;
  /** Renews leases, stops what was cancelled elsewhere, and takes over what others left behind. */
  tend(): Promise<void>;
  /**
   * Waits `graceMs` for the attempts to end by themselves, then stops them and gives them three seconds to unwind. What
   * has not ended then is left to the replica that takes over, as after a crash.
   */
  drain(graceMs: number): Promise<void>;
}

interface Running {
  readonly controller: AbortController;
  readonly done: Promise<void>;
}

const unwindMs = 3_000;
/** Transactions of attempts at once. */
const parallelTx = 16;

export function createRunner(deps: () => RunnerDeps, options: RunnerOptions): Runner {
  const running = new Map<string, Running>();
  const queue = createFairQueue({
    places: options.maxRunning,
    waiting: options.maxWaiting,
    refusal: (inside, share) => shareFull(inside, share, { reason: "TOO_MANY_ATTEMPTS", what: "registrations are under way", retryAfterMs: 5_000 }),
  });
  const turns = createFairQueue({ places: parallelTx });
  let takenOver = 0;
  const stopping = new AbortController();
  let renewedAt = Number.NEGATIVE_INFINITY;

  function launch(attempt: Attempt, work: (controller: AbortController) => Promise<void>): void {
    const controller = new AbortController();
    const done = work(controller).finally(() => running.delete(attempt.id));
    running.set(attempt.id, { controller, done });
  }

  /** Waits for its turn unless it is stopped before that, by its deadline or a cancellation: then it only has to end. */
  async function carryOut(attempt: Attempt, share: string, ticket: Ticket, controller: AbortController): Promise<void> {
    const { clock } = deps().ports;
    const over = new AbortController();
    clock.sleep(Math.max(attempt.deadlineAt - clock.now(), 0), over.signal).then(
      () => controller.abort(deadlineExceeded(attempt)),
      () => undefined,
    );
    try {
      await ticket.turn(controller.signal).catch(() => undefined);
      const { ports, ...others } = deps();
      await runAttempt({ ...others, ports: { ...ports, store: inTurns(ports.store, turns, share) } }, attempt, share, controller.signal);
    } finally {
      over.abort();
      ticket[Symbol.dispose]();
    }
  }

  async function takeOver(): Promise<void> {
    const { store } = deps().ports;
    // What runs here is no leftover, however late its lease is renewed: claiming it would take it from ourselves.
    const left = await store.tx((tx) => tx.attempts.claimExpired(options.owner, options.leaseMs, options.maxTakenOver - takenOver, [...running.keys()]));
    for (const attempt of left) {
      deps().log("warn", "attempt.taken-over", { attempt: attempt.id, service: attempt.serviceId, state: attempt.state });
      takenOver += 1;
      launch(attempt, () => unwindAttempt(deps(), attempt, interrupted(attempt)).finally(() => (takenOver -= 1)));
    }
  }

  return {
    owner: options.owner,
    leaseMs: options.leaseMs,
    stopping: stopping.signal,
    admit(share) {
      if (stopping.signal.aborted) throw shuttingDown();
      // What joins an attempt, or changes nothing, needs no room; it is only not begun when there is none.
      queue.enter(share)[Symbol.dispose]();
      let ticket: Ticket | undefined;
      return {
        takeRoom: () => void (ticket ??= queue.enter(share)),
        start(attempt) {
          const taken = ticket;
          if (!taken) throw new Error("an attempt was started without room");
          ticket = undefined;
          launch(attempt, (controller) => carryOut(attempt, share, taken, controller));
        },
        [Symbol.dispose]: () => ticket?.[Symbol.dispose](),
      };
    },
    runsHere: (attemptId) => running.has(attemptId),
    count: () => running.size,
    cancel(attemptId, why) {
      const attempt = running.get(attemptId);
      attempt?.controller.abort(why);
      return attempt !== undefined;
    },
    async tend() {
      const { store, clock } = deps().ports;
      const ids = [...running.keys()];
      if (ids.length > 0) {
        const now = clock.now();
        // Renewing locks the rows that the attempts are about to move, so it is not done more often than leases need.
        const isDue = now < renewedAt || now >= renewedAt + options.leaseMs / 3;
        const { held, cancelled } = await store.tx(async ({ attempts }) => ({
          held: new Set(isDue ? await attempts.renewLeases(options.owner, ids, options.leaseMs) : ids),
          cancelled: await attempts.cancelRequested(ids),
        }));
        if (isDue) renewedAt = now;
        for (const id of ids) if (!held.has(id)) running.get(id)?.controller.abort(leaseLost(id));
        for (const id of cancelled) running.get(id)?.controller.abort(cancelledBy("a request"));
      }
      await takeOver();
    },
    async drain(graceMs) {
      stopping.abort(shuttingDown());
      const { clock } = deps().ports;
      const all = Promise.all([...running.values()].map(({ done }) => done));
      const atMost = async (ms: number): Promise<void> => {
        const over = new AbortController();
        await Promise.race([all, clock.sleep(ms, over.signal).catch(() => undefined)]);
        over.abort();
      };
      await atMost(graceMs);
      for (const { controller } of running.values()) controller.abort(shuttingDown());
      await atMost(unwindMs);
    },
  };
}

export function cancelledBy(whom: string): DomainError {
  return new DomainError({ kind: "cancelled", reason: "CANCELLED", message: `cancelled by ${whom}` });
}

function deadlineExceeded(attempt: Attempt): DomainError {
  return new DomainError({
    kind: "timeout",
    reason: "DEADLINE_EXCEEDED",
    message: `the attempt did not end within ${attempt.deadlineAt - attempt.createdAt} ms`,
  });
}

function interrupted(attempt: Attempt): DomainError {
  if (attempt.cancelRequested) return cancelledBy("a request");
  return new DomainError({
    kind: "unavailable",
    reason: "INTERRUPTED",
    message: "the server that carried out this attempt stopped; what it had done was taken back",
    retryAfterMs: 1_000,
  });
}

function shuttingDown(): DomainError {
  return new DomainError({ kind: "unavailable", reason: "SHUTTING_DOWN", message: "the server is shutting down", retryAfterMs: 1_000 });
}
