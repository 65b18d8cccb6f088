/** What happens after a commit, on the real SQLite store with scripted faults in front of the real event log. */
import type { RegistrationStore } from "../src/registration/records.ts";
import { expect, test } from "vitest";
import { createEmbeddedEventLog } from "../src/adapters/embedded/event-log.ts";
import { systemClock } from "../src/adapters/system/clock.ts";
import { createEventCodec } from "../src/delivery/event-codec.ts";
import type { EventWire } from "../src/delivery/event-wire.ts";
import { events } from "../src/events.ts";
import { startLoop } from "../src/delivery/loop.ts";
import { relayOnce, type RelayDeps } from "../src/delivery/relay.ts";
import { DomainError, unavailable } from "../src/kernel/errors.ts";
import type { EventSink, SinkRecord } from "../src/kernel/ports.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";

const never = new AbortController().signal;
const silent = () => undefined;
const topics = Object.fromEntries(events.map(({ type }) => [type, "events"])) as EventWire["topics"];
const { encode } = createEventCodec(events, {
  format: "cloudevents",
  topics,
});

async function commit(store: RegistrationStore, ids: readonly string[], key = "key"): Promise<void> {
  for (const id of ids) {
    const payload = { type: "ServiceUnregistered", serviceId: key, name: "name" } as const;
    await store.tx((tx) => tx.outbox.insert({ id, key, payload, at: 1, traceparent: undefined }));
  }
}

/** The event log, with `fault` called before every publish. */
function faulty(sink: EventSink, fault: (batch: readonly SinkRecord[]) => void): EventSink {
  return {
    publish: async (batch, signal) => {
      fault(batch);
      await sink.publish(batch, signal);
    },
    ping: (signal) => sink.ping(signal),
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}

function relayOn(store: RegistrationStore, fault: (batch: readonly SinkRecord[]) => void = silent): RelayDeps {
  return { store, sink: faulty(createEmbeddedEventLog({ store }), fault), encode, clock: systemClock, log: silent, owner: "me" };
}

const published = (store: RegistrationStore) => store.tx(async (tx) => (await tx.eventLog.read(0, 1_000)).map(({ id }) => id));

test("every committed event is published once, in order, and a rolled-back one never", async () => {
  await using store = await openSqliteStore({ path: ":memory:" });
  await commit(store, ["1", "2"]);
  const payload = { type: "ServiceUnregistered", serviceId: "k", name: "n" } as const;
  const undone = store.tx(async (tx) => {
    await tx.outbox.insert({ id: "phantom", key: "k", payload, at: 1, traceparent: undefined });
    throw new Error("rolled back");
  });
  await expect(undone).rejects.toThrow();
  await commit(store, ["3"]);
  await relayOnce(relayOn(store), never);
  await relayOnce(relayOn(store), never);
  expect(await published(store)).toEqual(["1", "2", "3"]);
});

test("while the sink is away nothing is lost, and it all goes out when it is back", async () => {
  await using store = await openSqliteStore({ path: ":memory:" });
  await commit(store, ["1", "2"]);
  let away = true;
  const relay = relayOn(store, () => {
    if (away) throw unavailable("event sink", "away");
  });
  await expect(relayOnce(relay, never)).rejects.toMatchObject({ kind: "unavailable" });
  await commit(store, ["3"]);
  away = false;
  await relayOnce(relay, never);
  expect(await published(store)).toEqual(["1", "2", "3"]);
  expect(await store.tx((tx) => tx.outbox.backlog())).toMatchObject({ waiting: 0, parked: 0 });
});

test("a crash between publishing and marking repeats the event under the same id", async () => {
  await using store = await openSqliteStore({ path: ":memory:" });
  await commit(store, ["1"]);
  const relay = relayOn(store);
  const dying: EventSink = {
    ...relay.sink,
    publish: async (batch, signal) => relay.sink.publish(batch, signal).then(() => Promise.reject(new Error("killed"))),
  };
  await expect(relayOnce({ ...relay, sink: dying }, never)).rejects.toThrow("killed");
  await relayOnce(relay, never);
  expect(new Set(await published(store))).toEqual(new Set(["1"]));
});

test("an event that can never be accepted is parked, and the others flow", async () => {
  await using store = await openSqliteStore({ path: ":memory:" });
  await commit(store, ["1", "poison", "3"]);
  const relay = relayOn(store, (batch) => {
    if (batch.some(({ id }) => id === "poison")) {
      throw new DomainError({ kind: "invalid", reason: "DEPENDENCY_REFUSED", message: "too large", metadata: { id: "poison" } });
    }
  });
  await relayOnce(relay, never);
  expect(await published(store)).toEqual(["1", "3"]);
  expect(await store.tx((tx) => tx.outbox.backlog())).toMatchObject({ waiting: 0, parked: 1 });
});

test("only the holder of the relay's lease publishes", async () => {
  await using store = await openSqliteStore({ path: ":memory:" });
  await commit(store, ["1"]);
  await store.tx((tx) => tx.leases.acquire("relay", "somebody else", 60_000));
  expect(await relayOnce(relayOn(store), never)).toBe(false);
  expect(await published(store)).toEqual([]);
  await store.tx((tx) => tx.leases.release("relay", "somebody else"));
  await relayOnce(relayOn(store), never);
  expect(await published(store)).toEqual(["1"]);
});

test("a nudge in the middle of a round brings another round", async () => {
  let rounds = 0;
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const loop = startLoop({
    name: "test",
    everyMs: 3_600_000,
    clock: systemClock,
    log: silent,
    async round() {
      rounds += 1;
      if (rounds === 1) await first.promise;
      else second.resolve();
      return false;
    },
  });
  loop.nudge();
  first.resolve();
  await second.promise;
  await loop.stop();
  expect(rounds).toBe(2);
});
