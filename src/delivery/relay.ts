/**
 * Carries the outbox to the event sink.
 *
 * Guarantees: an event is marked published only after the sink has it for good, so none is lost and a crash in between
 * can only repeat it, under the same id; events of one key go out in the order they were committed, since one replica at
 * a time holds the relay's lease and reads unpublished rows, never "ids after the last one" (ids are given before
 * commit, so a smaller one may appear later). A replica that lost the lease while publishing can only repeat events.
 * An event that the sink can never take is parked, with an error in the log, and the others flow.
 */
import type { OutboxEvent } from "../kernel/records.ts";
import { DomainError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import type { Clock, EventSink, Store } from "../kernel/ports.ts";
import type { EventCodec } from "./event-codec.ts";

export interface RelayDeps {
  readonly store: Store;
  readonly sink: EventSink;
  readonly encode: EventCodec["encode"];
  readonly clock: Clock;
  readonly log: Log;
  readonly owner: string;
  /** When the lease was last prolonged; with it, not every round prolongs it. */
  readonly lease?: { prolongedAt: number };
}

const leaseName = "relay";
const batchSize = 200;
const leaseMs = 20_000;
/** As long after it was prolonged the lease is ours without asking. */
const sureForMs = leaseMs / 4;
const keepPublishedMs = 24 * 3_600_000;

/** Publishes one batch. Resolves to true when there may be more. */
export async function relayOnce(deps: RelayDeps, signal: AbortSignal): Promise<boolean> {
  const { store, clock, lease } = deps;
  const now = clock.now();
  const isSure = lease !== undefined && now >= lease.prolongedAt && now < lease.prolongedAt + sureForMs;
  const batch = await store.tx(async (tx) => {
    const isOurs = isSure || (await tx.leases.acquire(leaseName, deps.owner, leaseMs));
    return isOurs ? tx.outbox.unpublished(batchSize) : undefined;
  });
  if (batch === undefined) return false;
  if (lease && !isSure) lease.prolongedAt = now;
  if (batch.length === 0) return false;
  await publish(deps, batch, signal);
  return batch.length === batchSize;
}

async function publish(deps: RelayDeps, batch: readonly OutboxEvent[], signal: AbortSignal): Promise<void> {
  let rest = batch;
  while (rest.length > 0) {
    try {
      await deps.sink.publish(rest.map(deps.encode), signal);
      break;
    } catch (error) {
      const culprit = error instanceof DomainError && error.kind === "invalid" ? error.metadata["id"] : undefined;
      if (culprit === undefined || !rest.some(({ id }) => id === culprit)) throw error;
      deps.log("error", "event.parked", { event: culprit, error });
      await deps.store.tx((tx) => tx.outbox.park(culprit, error instanceof Error ? error.message : "refused"));
      rest = rest.filter(({ id }) => id !== culprit);
    }
  }
  const published = rest.map(({ id }) => id);
  if (published.length > 0) await deps.store.tx((tx) => tx.outbox.markPublished(published, deps.clock.now()));
}

/** Lets another replica publish at once; for a relay that has stopped. */
export async function releaseRelay({ store, owner }: Pick<RelayDeps, "store" | "owner">): Promise<void> {
  await store.tx((tx) => tx.leases.release(leaseName, owner));
}

/** Forgets events published more than a day ago. */
export async function pruneOutbox({ store, clock }: Pick<RelayDeps, "store" | "clock">): Promise<void> {
  await store.tx((tx) => tx.outbox.prune(clock.now() - keepPublishedMs));
}
