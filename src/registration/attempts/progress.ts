/**
 * Follows an attempt's events from any sequence on. Events of attempts that run in this process are handed over as they
 * are recorded; those of other replicas are read from the store every half second. On either way a listener sees
 * every event once and in order: what was handed over is only a hint, a gap is filled from the store. A slow listener
 * holds back nobody and costs at most one attempt's events (some twenty) of memory.
 */
import type { RegistrationStore } from "../records.ts";
import type { Clock } from "../../kernel/ports.ts";
import type { ProgressEvent } from "../types.ts";

export interface Progress {
  /** Hands a recorded event to those who follow its attempt. */
  publish(event: ProgressEvent): void;
  /** Ends those who follow the attempt, with an error, when its outcome cannot be known now. */
  abandon(attemptId: string, error: Error): void;
  /**
   * Events after `afterSequence`, ending after the terminal one. Rejects with the signal's reason, and with what
   * `abandon` was given. `known` are the first of them, when the caller has them already.
   */
  follow(attemptId: string, afterSequence: number, signal: AbortSignal, known?: readonly ProgressEvent[]): AsyncGenerator<ProgressEvent>;
  /** Whether anybody in this process follows the attempt. */
  isFollowed(attemptId: string): boolean;
}

const pollMs = 500;

interface Follower {
  readonly queue: ProgressEvent[];
  wake: () => void;
  error: Error | undefined;
}

export function isTerminal(event: ProgressEvent): boolean {
  return event.type === "COMPLETED" || event.type === "FAILED";
}

/** `runsHere` says whether an attempt's events are published in this process. */
export function createProgress(store: RegistrationStore, clock: Clock, runsHere: (attemptId: string) => boolean): Progress {
  const followers = new Map<string, Set<Follower>>();

  return {
    publish(event) {
      for (const follower of followers.get(event.attemptId) ?? []) {
        follower.queue.push(event);
        follower.wake();
      }
    },
    abandon(attemptId, error) {
      for (const follower of followers.get(attemptId) ?? []) {
        follower.error = error;
        follower.wake();
      }
    },
    isFollowed: (attemptId) => followers.has(attemptId),
    async *follow(attemptId, afterSequence, signal, known = []) {
      const follower: Follower = { queue: [...known], wake: () => undefined, error: undefined };
      const peers = followers.get(attemptId) ?? new Set();
      followers.set(attemptId, peers.add(follower));
      let seen = afterSequence;
      let mustRead = known.length === 0;
      try {
        for (;;) {
          signal.throwIfAborted();
          const fresh = mustRead ? await readAfter(store, attemptId, seen) : follower.queue.splice(0);
          if (fresh === "nothing will come") return;
          mustRead = false;
          for (const event of fresh) {
            if (event.sequence <= seen) continue;
            if (event.sequence > seen + 1) {
              mustRead = true;
              break;
            }
            yield event;
            seen = event.sequence;
            if (isTerminal(event)) return;
          }
          if (mustRead || follower.queue.length > 0) continue;
          if (follower.error) throw follower.error;
          const woken = await nextWake(follower, clock, signal, !runsHere(attemptId));
          mustRead = !woken;
        }
      } finally {
        peers.delete(follower);
        if (peers.size === 0) followers.delete(attemptId);
      }
    },
  };
}

/** The recorded events after a sequence. An attempt that ended before that sequence has nothing more to show. */
async function readAfter(store: RegistrationStore, attemptId: string, sequence: number): Promise<readonly ProgressEvent[] | "nothing will come"> {
  return store.tx(async (tx) => {
    // The state first: another replica may commit between the two reads, and an end that is seen before has its event.
    const attempt = await tx.attempts.find(attemptId);
    const live = attempt?.state === "RUNNING" || attempt?.state === "UNWINDING";
    const events = await tx.attempts.events(attemptId, sequence);
    return live || events.length > 0 ? events : "nothing will come";
  });
}

/** Resolves to true when something was handed over, to false when it is time to look into the store. */
async function nextWake(follower: Follower, clock: Clock, signal: AbortSignal, poll: boolean): Promise<boolean> {
  const over = new AbortController();
  const woken = new Promise<true>((resolve) => {
    follower.wake = () => resolve(true);
  });
  const wait = AbortSignal.any([signal, over.signal]);
  const aborted = new Promise<never>((_, reject) => {
    wait.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  const poller = poll ? clock.sleep(pollMs, wait).then(() => false) : aborted;
  poller.catch(() => undefined);
  aborted.catch(() => undefined);
  try {
    return await Promise.race([woken, poller, aborted]);
  } finally {
    over.abort("woken");
  }
}
