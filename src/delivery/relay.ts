/**
 * Publishes the outbox to the event sink.
 *
 * Guarantees: an event is marked published only after the sink has stored it durably, so none is lost and a crash in between
 * can only repeat it, under the same id; events of one key go out in the order they were committed, since one replica at
 * a time holds the relay's lease and reads unpublished rows, never "ids after the last one" (ids are given before
 * commit, so a smaller one may appear later). A replica that lost the lease while publishing can only repeat events.
 * An event that can never be published (unreadable, or refused by the sink) is parked, with an error in the log, and the others
 * continue. An event of an unknown type is left to a newer replica: until it is published, later events of its key wait
 * too, the others continue, and after each round the lease is released so that the newer replica can take it.
 */
import type { OutboxEvent, StoredEvent } from "../kernel/records.ts";
import { DomainError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import type { Clock, EventSink, SinkRecord, Store } from "../kernel/ports.ts";
import { payloadOf, type EventCodec } from "./event-codec.ts";
import { startLoop, type Loop, type LoopOptions } from "./loop.ts";

export interface RelayDeps {
  readonly store: Store;
  readonly sink: EventSink;
  readonly codec: Pick<EventCodec, "encode" | "knows">;
  readonly clock: Clock;
  readonly log: Log;
  readonly owner: string;
  readonly state: RelayState;
}

/** State of a relay between its rounds. */
export interface RelayState {
  /** When the lease was last renewed; not every round renews it. */
  prolongedAt: number;
  /** Types that were reported as unknown. */
  readonly unknown: Set<string>;
  /** Whether consumers can subscribe already. */
  isPrepared: boolean;
}

const leaseName = "relay";
const batchSize = 200;
const leaseMs = 20_000;
/** For this long after a renewal the lease is held without asking the store. */
const sureForMs = leaseMs / 4;

export function newRelayState(): RelayState {
  return { prolongedAt: Number.NEGATIVE_INFINITY, unknown: new Set(), isPrepared: false };
}

/** Publishes after each nudge, and every second in any case; after its disposal another replica can publish immediately. */
export function startRelay(deps: RelayDeps, { after }: Pick<LoopOptions, "after">): Pick<Loop, "nudge"> & AsyncDisposable {
  const { clock, log } = deps;
  const { nudge, stop } = startLoop({ name: "relay", everyMs: 1_000, clock, log, ...(after ? { after } : {}), round: (signal) => relayOnce(deps, signal) });
  return {
    nudge,
    async [Symbol.asyncDispose]() {
      await stop();
      await releaseRelay(deps).catch((error: unknown) => log("warn", "relay.lease-not-released", { error }));
    },
  };
}

/**
 * Publishes one batch; when there are events of unknown types, everything waiting that can be published. Resolves to true when
 * there may be more.
 */
export async function relayOnce(deps: RelayDeps, signal: AbortSignal): Promise<boolean> {
  const heldKeys = new Set<string>();
  for (let afterSerial = 0; ;) {
    const batch = await nextBatch(deps, afterSerial);
    if (batch === undefined) return false;
    await prepare(deps, signal);
    const records = await recordsOf(deps, batch, heldKeys);
    await publish(deps, records, signal);
    if (heldKeys.size === 0) return batch.length === batchSize;
    if (batch.length < batchSize) break;
    // A row that was not committed yet may still come below this one: the next round begins at the start again.
    afterSerial = batch.at(-1)?.serial ?? afterSerial;
  }
  deps.state.prolongedAt = Number.NEGATIVE_INFINITY;
  await releaseRelay(deps);
  return false;
}

/** Undefined when another replica has the lease. */
async function nextBatch({ store, clock, owner, state }: RelayDeps, afterSerial: number): Promise<readonly StoredEvent[] | undefined> {
  const now = clock.now();
  const isSure = now >= state.prolongedAt && now < state.prolongedAt + sureForMs;
  const batch = await store.tx(async (tx) => {
    const isOurs = isSure || (await tx.leases.acquire(leaseName, owner, leaseMs));
    return isOurs ? tx.outbox.unpublished(batchSize, afterSerial) : undefined;
  });
  if (batch && !isSure) state.prolongedAt = now;
  return batch;
}

/** Before the first event of all, so that a consumer may be started before there is one. */
async function prepare({ sink, state }: RelayDeps, signal: AbortSignal): Promise<void> {
  if (state.isPrepared) return;
  await sink.prepare(signal);
  state.isPrepared = true;
}

/** What can be published of a batch. Parks what nobody can read; adds to `heldKeys` the keys whose events have to wait. */
async function recordsOf(deps: RelayDeps, batch: readonly StoredEvent[], heldKeys: Set<string>): Promise<readonly SinkRecord[]> {
  const records: SinkRecord[] = [];
  for (const stored of batch) {
    if (heldKeys.has(stored.key)) continue;
    try {
      const event: OutboxEvent = { ...stored, payload: payloadOf(stored) };
      if (deps.codec.knows(event.payload.type)) records.push(deps.codec.encode(event));
      else hold(deps, event, heldKeys);
    } catch (error) {
      await park(deps, stored.id, error);
    }
  }
  return records;
}

function hold({ state, log }: RelayDeps, { id, key, payload }: OutboxEvent, heldKeys: Set<string>): void {
  heldKeys.add(key);
  if (state.unknown.has(payload.type)) return;
  state.unknown.add(payload.type);
  log("warn", "event.unknown", { event: id, type: payload.type, reason: "it is left to a newer replica, and so are later events of its key" });
}

async function publish(deps: RelayDeps, records: readonly SinkRecord[], signal: AbortSignal): Promise<void> {
  let rest = records;
  while (rest.length > 0) {
    try {
      await deps.sink.publish(rest, signal);
      break;
    } catch (error) {
      const culprit = error instanceof DomainError && error.kind === "invalid" ? error.metadata["id"] : undefined;
      if (culprit === undefined || !rest.some(({ id }) => id === culprit)) throw error;
      await park(deps, culprit, error);
      rest = rest.filter(({ id }) => id !== culprit);
    }
  }
  const published = rest.map(({ id }) => id);
  if (published.length > 0) await deps.store.tx((tx) => tx.outbox.markPublished(published, deps.clock.now()));
}

async function park({ store, log }: RelayDeps, event: string, error: unknown): Promise<void> {
  log("error", "event.parked", { event, error });
  await store.tx((tx) => tx.outbox.park(event, error instanceof Error ? error.message : "refused"));
}

async function releaseRelay({ store, owner }: Pick<RelayDeps, "store" | "owner">): Promise<void> {
  await store.tx((tx) => tx.leases.release(leaseName, owner));
}
