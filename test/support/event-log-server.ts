/** A replica of nothing but the log of events: it numbers what is committed through its store, and serves EventService. */
import { createUuidV7 } from "../../src/adapters/system/ids.ts";
import { createEventCodec } from "../../src/delivery/event-codec.ts";
import { notingCommits } from "../../src/delivery/event-commits.ts";
import { startEventFeed } from "../../src/delivery/event-feed.ts";
import { events } from "../../src/events.ts";
import type { Log } from "../../src/kernel/log.ts";
import type { Clock, Store } from "../../src/kernel/ports.ts";
import { createAuthGate } from "../../src/rpc/platform/auth.ts";
import { eventService } from "../../src/rpc/platform/events.ts";
import { defaultLimits } from "../../src/rpc/transport/limits.ts";
import { startServer } from "../../src/rpc/transport/server.ts";

export interface EventLogServer extends AsyncDisposable {
  readonly port: number;
  /** Commits an event that a service was unregistered, whose key and subject is `key`. */
  commit(event: { readonly id: string; readonly key: string; readonly name: string }): Promise<void>;
}

/** Serves the log in `plain` on a free port of 127.0.0.1. */
export async function startEventLogServer({ store: plain, clock, log }: { store: Store; clock: Clock; log: Log }): Promise<EventLogServer> {
  const feed = startEventFeed({ store: plain, clock, log });
  const store = notingCommits(plain, { onEvents: () => feed.nudge() });
  const { message } = createEventCodec(events, { format: "cloudevents", topics: {} });
  const server = await startServer({
    listen: { host: "127.0.0.1", port: 0 },
    services: [eventService({ feed, message, clock }, events)],
    http: [],
    gate: createAuthGate({ mode: "open" }),
    limits: defaultLimits,
    clock,
    ids: createUuidV7(clock),
    log,
  });
  return {
    port: server.port,
    async commit({ id, key, name }) {
      const payload = { type: "ServiceUnregistered", serviceId: key, name };
      await store.tx((tx) => tx.outbox.insert({ id, key, subject: { kind: "instance", id: key }, payload, at: clock.now(), traceparent: undefined }));
    },
    async [Symbol.asyncDispose]() {
      await server.close(0);
      await feed.stop();
    },
  };
}
