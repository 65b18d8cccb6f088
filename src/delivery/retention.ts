import type { Clock, Store } from "../kernel/ports.ts";

export interface RetentionDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** How long events stay readable; an unpublished one stays until it is published. */
  readonly retentionMs: number;
  /** Whether there is a sink that events have to be published to. */
  readonly hasSink: boolean;
}

/** Deletes events that are too old, in batches, each in its own transaction. */
export async function pruneEvents({ store, clock, retentionMs, hasSink }: RetentionDeps, signal: AbortSignal): Promise<void> {
  const before = clock.now() - retentionMs;
  let after: number | undefined = 0;
  while (after !== undefined) {
    signal.throwIfAborted();
    const from: number = after;
    after = await store.tx((tx) => tx.eventLog.prune({ after: from, before, hasSink }));
  }
}
