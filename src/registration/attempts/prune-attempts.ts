import type { RegistrationStore } from "../records.ts";
import type { Clock } from "../../kernel/ports.ts";

const batch = 500;
/** One that changed nothing is worth little, and modules that register again all the time make many. */
const unchangedRetentionMs = 24 * 3_600_000;

export interface PruneDeps {
  readonly store: RegistrationStore;
  readonly clock: Clock;
  readonly retentionMs: number;
  /** Sorts after every id made before `ms` and before all others. */
  readonly idFloor: (ms: number) => string;
}

/**
 * Deletes a batch of attempts that ended and were begun longer than `retentionMs` ago, a day ago for those that changed
 * nothing. Their registrations and the audit stay; their request ids are free again. Resolves to true when there may be more.
 */
export async function pruneAttempts({ store, clock, retentionMs, idFloor }: PruneDeps): Promise<boolean> {
  const now = clock.now();
  const filter = { belowId: idFloor(now - retentionMs), unchangedBelowId: idFloor(now - Math.min(retentionMs, unchangedRetentionMs)), limit: batch };
  return (await store.tx((tx) => tx.attempts.prune(filter))) === batch;
}
