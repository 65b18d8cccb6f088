/**
 * The ports that all domains share. Adapters implement them, use cases take them as arguments, only `app.ts` connects the
 * two. Unless documented otherwise an operation rejects with a DomainError: `unavailable` when the dependency cannot be reached, is
 * too slow or answers with a server error, `wrong_state` (DEPENDENCY_REFUSED) when it refuses permanently, and with the
 * signal's reason when the signal is aborted.
 */
import type { CoreTx } from "./records.ts";

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Ids {
  /** A new unique id, lexically ordered by creation time (UUIDv7). */
  next(): string;
}

/** Used by the health page: resolves when the dependency answers. */
export interface Pingable {
  ping(signal: AbortSignal): Promise<void>;
}

/** One CloudEvent, ready for the wire. */
export interface SinkRecord {
  /** `ce_id`: the outbox id, stable over redeliveries. */
  readonly id: string;
  readonly topic: string;
  /** Ordering key: the subject's id, or a name derived from it. */
  readonly key: string;
  /** The subject's id, where it differs from `key`. */
  readonly subject?: string;
  /** `ce_type`, e.g. `ai.pipestream.platform.registration.v1.ModuleRegistered`. */
  readonly type: string;
  readonly source: string;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly contentType: string;
  readonly data: Uint8Array;
  /** W3C trace context of the call that caused the event. */
  readonly traceparent?: string;
}

export interface EventSink extends Pingable, AsyncDisposable {
  /** Resolves when consumers can subscribe to what is published by default, before anything is. Rejects as `publish` does; may be repeated. */
  prepare(signal: AbortSignal): Promise<void>;
  /**
   * Resolves only when every record is durable; records of one key are delivered in the order given. At least once:
   * a batch whose call rejected may have been delivered in part. Rejects with `unavailable` when the sink is down,
   * and with `invalid` (metadata `id`) when one record can never be accepted.
   */
  publish(batch: readonly SinkRecord[], signal: AbortSignal): Promise<void>;
}

/**
 * The store. All writes of one `tx` are committed together or not at all. `Tx` is what a domain may use in a
 * transaction: a store of all domains can be passed where one of a single domain is expected.
 */
export interface Store<Tx = CoreTx> extends Pingable, AsyncDisposable {
  /**
   * Runs `fn` in one transaction and commits. Reruns all of it after a deadlock or lock
   * wait, so `fn` must only read and write through `tx`.
   */
  tx<R>(fn: (tx: Tx) => Promise<R>): Promise<R>;
  /** True when no other process can share this store: leases of former processes are void at start. */
  readonly exclusive: boolean;
}
