/**
 * Event sink in the store, for installations without Kafka: the log that `EventService` reads.
 *
 * Guarantees: a batch is appended whole or not at all, in the order given, so also in order per key. As in a topic, a record that is
 * published twice stands in the log twice, with the same id.
 */
import type { EventSink, Store } from "../../kernel/ports.ts";
import { checkSizes } from "../cloud-event.ts";

/** `store` stays the caller's to dispose. */
export function createEmbeddedEventLog({ store }: { readonly store: Store }): EventSink {
  return {
    async publish(batch, signal) {
      signal.throwIfAborted();
      checkSizes(batch);
      if (batch.length === 0) return;
      await store.tx(async (tx) => {
        for (const { id, topic, key, type, contentType, time, data } of batch) {
          await tx.eventLog.append({ id, topic, key, type, contentType, at: time, data });
        }
      });
    },

    ping: (signal) => store.ping(signal),

    async [Symbol.asyncDispose]() {},
  };
}
