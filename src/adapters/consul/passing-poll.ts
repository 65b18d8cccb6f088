/**
 * One shared poll for all calls that wait for a trial to pass.
 *
 * Guarantees: one request at a time for any number of waiters, and none without waiters; a waiter resolves at the
 * first answer that lists one of its keys. A failing read is retried for 5 s, then all waiters are rejected with its
 * error; a permanent refusal rejects them immediately.
 * Why a poll: Consul's blocking queries see only the catalog, not the agent, and one for each waiter would use up the
 * agent's 200 connections. A pass that lasts less than one interval may be missed; the checks run once a second.
 */
import { type DomainError, isRetryable, toDomainError, unavailable } from "../../kernel/errors.ts";
import { orAborted } from "../../kernel/or-aborted.ts";
import type { Clock } from "../../kernel/ports.ts";

const fastMs = 25;
const slowMs = 50;
/** A waiter is young for so long, and the poll is fast while there are young ones. */
const youngMs = 2_000;
const tolerateMs = 5_000;

export interface PassingPoll extends Disposable {
  /** Resolves when a read lists one of `keys`. */
  wait(keys: readonly string[], signal: AbortSignal, share?: string): Promise<void>;
  /** How many wait: the young ones of everybody, and of this share all. */
  waiting(share: string | undefined): number;
}

interface Waiter {
  readonly keys: readonly string[];
  readonly share: string | undefined;
  readonly since: number;
  resolve(): void;
  reject(reason: unknown): void;
}

export function createPassingPoll(clock: Clock, read: (signal: AbortSignal) => Promise<ReadonlySet<string>>): PassingPoll {
  const waiters = new Set<Waiter>();
  const closed = new AbortController();
  let running = false;

  function settle(passing: ReadonlySet<string>): void {
    for (const waiter of waiters) {
      if (waiter.keys.some((key) => passing.has(key))) waiter.resolve();
    }
  }

  function rejectAll(error: DomainError): void {
    for (const waiter of waiters) waiter.reject(error);
  }

  async function loop(): Promise<void> {
    let failingSince: number | undefined;
    while (waiters.size > 0 && !closed.signal.aborted) {
      try {
        settle(await read(closed.signal));
        failingSince = undefined;
      } catch (thrown) {
        const error = toDomainError(thrown);
        failingSince ??= clock.now();
        if (!isRetryable(error) || clock.now() - failingSince > tolerateMs) rejectAll(error);
      }
      // Waiters leave in a microtask after they are settled, so the pause also keeps a settled one from being counted.
      await clock.sleep(pace(), closed.signal).catch(() => {});
    }
    running = false;
  }

  const isYoung = ({ since }: Waiter): boolean => clock.now() - since < youngMs;
  const pace = (): number => (waiters.values().some(isYoung) ? fastMs : slowMs);

  return {
    async wait(keys, signal, share) {
      signal.throwIfAborted();
      if (closed.signal.aborted) throw unavailable("catalog", "closed");
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const waiter: Waiter = { keys, share, since: clock.now(), resolve, reject };
      waiters.add(waiter);
      if (!running) {
        running = true;
        void loop();
      }
      try {
        await orAborted(promise, signal);
      } finally {
        waiters.delete(waiter);
      }
    },
    waiting: (share) => waiters.values().reduce((count, waiter) => count + (waiter.share === share || isYoung(waiter) ? 1 : 0), 0),
    [Symbol.dispose]() {
      closed.abort();
      rejectAll(unavailable("catalog", "closed"));
    },
  };
}
