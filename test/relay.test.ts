/** From the outbox to a sink, on each database: what is published, in which order, and what becomes of what cannot be. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { systemClock } from "../src/adapters/system/clock.ts";
import { createEventCodec } from "../src/delivery/event-codec.ts";
import { newRelayState, relayOnce, type RelayDeps } from "../src/delivery/relay.ts";
import { events } from "../src/events.ts";
import { DomainError, unavailable } from "../src/kernel/errors.ts";
import type { EventSink, SinkRecord, Store } from "../src/kernel/ports.ts";
import { openMysqlStore } from "../src/store/mysql.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { createDatabase, execute } from "./support/muster.ts";
import { describeReal } from "./support/real-servers.ts";

const never = new AbortController().signal;
const silent = () => undefined;
const topics = Object.fromEntries(events.map(({ type }) => [type, "events"]));
const codec = createEventCodec(events, { format: "cloudevents", topics });

interface Database extends AsyncDisposable {
  open(): Promise<Store>;
  /** Carries out one statement while no store is open. */
  execute(sql: string): Promise<void>;
}

async function sqliteDatabase(): Promise<Database> {
  const directory = await mkdtemp(join(tmpdir(), "muster-relay-"));
  const path = join(directory, "muster.db");
  return {
    open: () => openSqliteStore({ path }),
    async execute(sql) {
      using database = new DatabaseSync(path);
      database.exec(sql);
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

async function mysqlDatabase(server: string): Promise<Database> {
  const { url, drop } = await createDatabase(server);
  return { open: () => openMysqlStore({ url, clock: systemClock }), execute: (sql) => execute(url, sql), [Symbol.asyncDispose]: drop };
}

describe("the relay on SQLite", () => relayTests(sqliteDatabase));
describeReal("the relay on MySQL", (servers) => relayTests(() => mysqlDatabase(servers.mysql)));

interface Sink extends EventSink {
  /** Ids in the order in which they came. */
  readonly ids: readonly string[];
}

/** Keeps what it is given; `fault` is called before. */
function keepingSink(fault: (batch: readonly SinkRecord[]) => void = silent): Sink {
  const ids: string[] = [];
  return {
    ids,
    async publish(batch) {
      fault(batch);
      ids.push(...batch.map(({ id }) => id));
    },
    prepare: async () => undefined,
    ping: async () => undefined,
    async [Symbol.asyncDispose]() {},
  };
}

async function commit(store: Store, ids: readonly string[], { key = "key", type = "ServiceUnregistered" } = {}): Promise<void> {
  for (const id of ids) {
    const payload = { type, serviceId: key, name: "name" };
    await store.tx((tx) => tx.outbox.insert({ id, key, subject: { kind: "instance", id: key }, payload, at: 1, traceparent: undefined }));
  }
}

function relayOn(store: Store, sink: EventSink, owner = "me"): RelayDeps {
  return { store, sink, codec, clock: systemClock, log: silent, owner, state: newRelayState() };
}

/** A relay of a version that knows the events of the type `Future`, too. */
function newerRelayOn(store: Store, sink: EventSink): RelayDeps {
  const [row] = events;
  if (row === undefined) throw new Error("there are events");
  const newer = createEventCodec([...events, { ...row, type: "Future" }], { format: "cloudevents", topics: { ...topics, Future: "events" } });
  return { ...relayOn(store, sink, "newer"), codec: newer };
}

const backlog = (store: Store) => store.tx((tx) => tx.outbox.backlog());

function relayTests(openDatabase: () => Promise<Database>): void {
  test("every committed event is published once, in order, and a rolled-back one never", async () => {
    await using database = await openDatabase();
    await using store = await database.open();
    const sink = keepingSink();
    await commit(store, ["1", "2"]);
    const undone = store.tx(async (tx) => {
      await tx.outbox.insert({ id: "phantom", key: "k", subject: { kind: "instance", id: "k" }, payload: { type: "x" }, at: 1, traceparent: undefined });
      throw new Error("rolled back");
    });
    await expect(undone).rejects.toThrow();
    await commit(store, ["3"]);
    const relay = relayOn(store, sink);
    await relayOnce(relay, never);
    await relayOnce(relay, never);
    expect(sink.ids).toEqual(["1", "2", "3"]);
  });

  test("while the sink is away nothing is lost, and it all goes out when it is back", async () => {
    await using database = await openDatabase();
    await using store = await database.open();
    await commit(store, ["1", "2"]);
    let away = true;
    const sink = keepingSink(() => {
      if (away) throw unavailable("event sink", "away");
    });
    const relay = relayOn(store, sink);
    await expect(relayOnce(relay, never)).rejects.toMatchObject({ kind: "unavailable" });
    await commit(store, ["3"]);
    away = false;
    await relayOnce(relay, never);
    expect(sink.ids).toEqual(["1", "2", "3"]);
    expect(await backlog(store)).toMatchObject({ waiting: 0, parked: 0 });
  });

  test("a crash between publishing and marking repeats the event under the same id", async () => {
    await using database = await openDatabase();
    await using store = await database.open();
    await commit(store, ["1"]);
    const sink = keepingSink();
    const dying: EventSink = { ...sink, publish: async (batch, signal) => sink.publish(batch, signal).then(() => Promise.reject(new Error("killed"))) };
    await expect(relayOnce(relayOn(store, dying), never)).rejects.toThrow("killed");
    await relayOnce(relayOn(store, sink), never);
    expect(sink.ids).toEqual(["1", "1"]);
  });

  test("an event that the sink can never take is parked, and the others flow", async () => {
    await using database = await openDatabase();
    await using store = await database.open();
    await commit(store, ["1", "poison", "3"]);
    const sink = keepingSink((batch) => {
      if (batch.some(({ id }) => id === "poison")) {
        throw new DomainError({ kind: "invalid", reason: "DEPENDENCY_REFUSED", message: "too large", metadata: { id: "poison" } });
      }
    });
    await relayOnce(relayOn(store, sink), never);
    expect(sink.ids).toEqual(["1", "3"]);
    expect(await backlog(store)).toMatchObject({ waiting: 0, parked: 1 });
  });

  test.each([
    ["is no JSON", '{"type":'],
    ["is no object", "7"],
    ["has no type", '{"serviceId":"s"}'],
    ["is not what its type says", '{"type":"TagsUpdated","serviceId":"s","name":"n"}'],
  ])("an event whose payload %s is parked with an error in the log, and the others flow", async (_what, payload) => {
    await using database = await openDatabase();
    {
      await using store = await database.open();
      await commit(store, ["1", "broken", "3"]);
    }
    await database.execute(`update outbox set payload = '${payload}', type = null where id = 'broken'`);
    await using store = await database.open();
    const sink = keepingSink();
    const logged: unknown[] = [];
    await relayOnce({ ...relayOn(store, sink), log: (level, event, fields) => void logged.push([level, event, fields?.["event"]]) }, never);
    expect(sink.ids).toEqual(["1", "3"]);
    expect(await backlog(store)).toMatchObject({ waiting: 0, parked: 1 });
    expect(logged).toEqual([["error", "event.parked", "broken"]]);
    // In the log it has its place.
    expect((await store.tx((tx) => tx.eventLog.number(9))).map(({ id }) => id)).toEqual(["1", "broken", "3"]);
  });

  test("an event of a newer version holds back its key alone, is reported once, and goes out with a newer replica", async () => {
    await using database = await openDatabase();
    await using store = await database.open();
    await commit(store, ["1"], { key: "a" });
    await commit(store, ["2"], { key: "a", type: "Future" });
    await commit(store, ["3"], { key: "a" });
    await commit(store, ["4"], { key: "b" });
    const sink = keepingSink();
    const logged: unknown[] = [];
    const older: RelayDeps = { ...relayOn(store, sink), log: (level, event, fields) => void logged.push([level, event, fields?.["type"]]) };
    expect(await relayOnce(older, never)).toBe(false);
    expect(await relayOnce(older, never)).toBe(false);
    expect(sink.ids).toEqual(["1", "4"]);
    expect(await backlog(store)).toMatchObject({ waiting: 2, parked: 0 });
    expect(logged).toEqual([["warn", "event.unknown", "Future"]]);
    // The lease is free between the rounds of one that cannot publish everything, and kept by one that can.
    await relayOnce(newerRelayOn(store, sink), never);
    expect(sink.ids).toEqual(["1", "4", "2", "3"]);
    await commit(store, ["5"], { key: "b" });
    expect(await relayOnce(older, never)).toBe(false);
    expect(sink.ids).toEqual(["1", "4", "2", "3"]);
  });

  test("more events of newer versions than a batch holds do not keep others from flowing", { timeout: 60_000 }, async () => {
    await using database = await openDatabase();
    await using store = await database.open();
    await store.tx(async (tx) => {
      for (let n = 0; n < 450; n++) {
        const payload = { type: n === 420 ? "ServiceUnregistered" : "Future", serviceId: `${n}`, name: "n" };
        await tx.outbox.insert({ id: `${n}`, key: `${n}`, subject: { kind: "instance", id: `${n}` }, payload, at: 1, traceparent: undefined });
      }
    });
    const sink = keepingSink();
    expect(await relayOnce(relayOn(store, sink), never)).toBe(false);
    expect(sink.ids).toEqual(["420"]);
  });

  test("only the holder of the relay's lease publishes", async () => {
    await using database = await openDatabase();
    await using store = await database.open();
    await commit(store, ["1"]);
    await store.tx((tx) => tx.leases.acquire("relay", "somebody else", 60_000));
    const sink = keepingSink();
    expect(await relayOnce(relayOn(store, sink), never)).toBe(false);
    expect(sink.ids).toEqual([]);
    await store.tx((tx) => tx.leases.release("relay", "somebody else"));
    await relayOnce(relayOn(store, sink), never);
    expect(sink.ids).toEqual(["1"]);
  });
}
