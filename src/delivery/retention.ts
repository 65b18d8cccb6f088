import type { Clock, Store } from "../kernel/ports.ts";

export interface RetentionDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** How long events can be read; one that has not been published stays until it is. */
  readonly retentionMs: number;
  /** Whether there is a sink that events have to be published to. */
  readonly hasSink: boolean;
}

/** Forgets events that are too old, a part at a time, each in a transaction of its own. */
export async function pruneEvents({ store, clock, retentionMs, hasSink }: RetentionDeps, signal: AbortSignal): Promise<void> {
  const before = clock.now() - retentionMs;
  let after: number | undefined = 0;
  while (after !== undefined) {
    signal.throwIfAborted();
    const from: number = after;
    after = await store.tx((tx) => tx.eventLog.prune({ after: from, before, hasSink }));
  }
}
