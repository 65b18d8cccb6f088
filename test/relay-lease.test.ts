/** Which replica publishes and when: the relay's lease, its rounds, and what is left when it stops; by a clock that the test moves. */
import { expect, test } from "vitest";
import { createEventCodec } from "../src/delivery/event-codec.ts";
import { newRelayState, relayOnce, startRelay, type RelayDeps } from "../src/delivery/relay.ts";
import { events } from "../src/events.ts";
import { DomainError, unavailable } from "../src/kernel/errors.ts";
import type { SinkRecord, Store } from "../src/kernel/ports.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { manualClock, type ManualClock } from "./support/manual-clock.ts";
import { untilAborted } from "./support/until-aborted.ts";

const never = new AbortController().signal;
const codec = createEventCodec(events, { format: "cloudevents", topics: Object.fromEntries(events.map(({ type }) => [type, "events"])) });
const start = 1_795_000_000_000;

type Publish = (batch: readonly SinkRecord[], signal: AbortSignal) => Promise<void> | void;

interface Scene extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly store: Store;
  /** A relay whose sink calls `fault` and then notes the batch. */
  relay(
    owner: string,
    fault?: Publish,
    store?: Store,
  ): { readonly deps: RelayDeps; readonly batches: readonly (readonly string[])[]; readonly logged: readonly string[] };
  commit(...ids: readonly string[]): Promise<void>;
  backlog(): Promise<{ readonly waiting: number; readonly parked: number }>;
}

async function open(): Promise<Scene> {
  const clock = manualClock(start);
  const store = await openSqliteStore({ path: ":memory:", clock });
  return {
    clock,
    store,
    relay(owner, fault = () => undefined, on = store) {
      const batches: (readonly string[])[] = [];
      const logged: string[] = [];
      const sink = {
        prepare: async () => undefined,
        publish: async (batch: readonly SinkRecord[], signal: AbortSignal) => {
          await fault(batch, signal);
          batches.push(batch.map(({ id }) => id));
        },
        ping: async () => undefined,
        async [Symbol.asyncDispose]() {},
      };
      const deps: RelayDeps = { store: on, sink, codec, clock, log: (level, event) => void logged.push(`${level} ${event}`), owner, state: newRelayState() };
      return { deps, batches, logged };
    },
    commit: (...ids) =>
      store.tx(async (tx) => {
        const payload = { type: "ServiceUnregistered", serviceId: "s", name: "n" };
        for (const id of ids) await tx.outbox.insert({ id, key: "k", subject: { kind: "instance", id: "k" }, payload, at: 1, traceparent: undefined });
      }),
    backlog: () => store.tx((tx) => tx.outbox.backlog()),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** A store whose leases are counted when they are asked for. */
function counting(store: Store): { readonly store: Store; readonly acquired: () => number } {
  let acquired = 0;
  const tx: Store["tx"] = (work) =>
    store.tx((it) => work({ ...it, leases: { ...it.leases, acquire: (...given) => ((acquired += 1), it.leases.acquire(...given)) } }));
  return { store: { ...store, tx }, acquired: () => acquired };
}

test("who has lost the lease without noticing publishes nothing more after five seconds", async () => {
  await using scene = await open();
  const [mine, other] = [scene.relay("mine"), scene.relay("other")];
  await scene.commit("1");
  await relayOnce(mine.deps, never);
  await scene.store.tx((tx) => tx.leases.expireLeases());
  await relayOnce(other.deps, never);
  await scene.clock.pass(5_000);
  await scene.commit("2");
  expect(await relayOnce(mine.deps, never)).toBe(false);
  expect(mine.batches).toEqual([["1"]]);
  await relayOnce(other.deps, never);
  expect(other.batches).toEqual([["2"]]);
});

test("a replica that stood still for as long as the lease lasts is followed by another one; one that goes on is not", async () => {
  await using scene = await open();
  const [mine, other] = [scene.relay("mine"), scene.relay("other")];
  for (let second = 0; second < 60; second++) {
    await relayOnce(mine.deps, never);
    await scene.clock.pass(1_000);
    await scene.commit(`${second}`);
    await relayOnce(other.deps, never);
  }
  expect(other.batches).toEqual([]);
  await scene.clock.pass(20_000);
  await relayOnce(other.deps, never);
  expect(other.batches).toEqual([["59"]]);
});

test("the lease is asked for once in five seconds, not at every round, and at once when the clock was set back", async () => {
  await using scene = await open();
  const counted = counting(scene.store);
  const { deps } = scene.relay("mine", undefined, counted.store);
  let now = start;
  const round = (at: number) => ((now = at), relayOnce({ ...deps, clock: { ...scene.clock, now: () => now } }, never));
  await round(start);
  await round(start + 4_999);
  expect(counted.acquired()).toBe(1);
  await round(start + 5_000);
  expect(counted.acquired()).toBe(2);
  await round(start + 9_999);
  expect(counted.acquired()).toBe(2);
  await round(start + 1);
  expect(counted.acquired()).toBe(3);
});

test("a lease that could not be had is asked for again at the next round", async () => {
  await using scene = await open();
  await scene.store.tx((tx) => tx.leases.acquire("relay", "other", 60_000));
  await scene.commit("1");
  const { deps, batches } = scene.relay("mine");
  expect(await relayOnce(deps, never)).toBe(false);
  await scene.clock.pass(1_000);
  expect(await relayOnce(deps, never)).toBe(false);
  expect(batches).toEqual([]);
});

test("there may be more after two hundred events, and there are no more after fewer", async () => {
  await using scene = await open();
  await scene.commit(...Array.from({ length: 399 }, (_, n) => `${n}`));
  const { deps, batches } = scene.relay("mine");
  expect(await relayOnce(deps, never)).toBe(true);
  expect(await relayOnce(deps, never)).toBe(false);
  expect(batches.map(({ length }) => length)).toEqual([200, 199]);
});

test("a sink is not called for nothing", async () => {
  await using scene = await open();
  const { deps, batches } = scene.relay("mine");
  expect(await relayOnce(deps, never)).toBe(false);
  expect(batches).toEqual([]);
});

test("only a refusal that names an event of the batch parks one, with why; after any other failure all of them wait", async () => {
  await using scene = await open();
  await scene.commit("1", "2", "3");
  const invalid = (id?: string) => new DomainError({ kind: "invalid", reason: "DEPENDENCY_REFUSED", message: "too large", metadata: id ? { id } : {} });
  const others = [
    invalid(),
    invalid("nobody's"),
    new DomainError({ kind: "unavailable", reason: "DEPENDENCY_UNAVAILABLE", message: "", metadata: { id: "2" } }),
    Object.assign(new Error("a bug"), { kind: "invalid", metadata: { id: "2" } }),
  ];
  for (const failure of others) {
    const { deps, logged } = scene.relay("mine", () => Promise.reject(failure));
    await expect(relayOnce(deps, never)).rejects.toBe(failure);
    expect(logged).toEqual([]);
  }
  expect(await scene.backlog()).toMatchObject({ waiting: 3, parked: 0 });
  const parked: (readonly [string, string])[] = [];
  const noting: Store = {
    ...scene.store,
    tx: (work) => scene.store.tx((it) => work({ ...it, outbox: { ...it.outbox, park: (...given) => (parked.push(given), it.outbox.park(...given)) } })),
  };
  const refuse: Publish = (batch) => {
    const culprit = batch.find(({ id }) => id !== "2");
    if (culprit) throw invalid(culprit.id);
  };
  const { deps, batches, logged } = scene.relay("mine", refuse, noting);
  await relayOnce(deps, never);
  expect(batches).toEqual([["2"]]);
  expect(parked).toEqual([
    ["1", "too large"],
    ["3", "too large"],
  ]);
  expect(logged).toEqual(["error event.parked", "error event.parked"]);
  expect(await scene.backlog()).toMatchObject({ waiting: 0, parked: 2 });
});

test("a relay publishes at the start, after a nudge and every second, and leaves the lease to another when it stops", async () => {
  await using scene = await open();
  const mine = scene.relay("mine");
  await scene.commit("1");
  {
    await using relay = startRelay(mine.deps, {});
    await scene.clock.pass(0);
    expect(mine.batches).toEqual([["1"]]);
    await scene.commit("2");
    await scene.clock.pass(999);
    expect(mine.batches).toEqual([["1"]]);
    await scene.clock.pass(1);
    expect(mine.batches).toEqual([["1"], ["2"]]);
    await scene.commit("3");
    relay.nudge();
    await scene.clock.pass(0);
    expect(mine.batches).toEqual([["1"], ["2"], ["3"]]);
  }
  await scene.commit("4");
  await scene.clock.pass(10_000);
  expect(mine.batches).toHaveLength(3);
  const other = scene.relay("other");
  await relayOnce(other.deps, never);
  expect(other.batches).toEqual([["4"]]);
});

test("a relay begins after what it is to begin after", async () => {
  await using scene = await open();
  const { deps, batches } = scene.relay("mine");
  await scene.commit("1");
  const ready = Promise.withResolvers<void>();
  await using _relay = startRelay(deps, { after: ready.promise });
  await scene.clock.pass(5_000);
  expect(batches).toEqual([]);
  ready.resolve();
  await scene.clock.pass(0);
  expect(batches).toEqual([["1"]]);
});

test("a relay that stops ends what it is publishing; a lease that could not be given back is in the log", async () => {
  await using scene = await open();
  await scene.commit("1");
  let isAway = false;
  const flaky: Store = { ...scene.store, tx: (work) => (isAway ? Promise.reject(unavailable("store", "away")) : scene.store.tx(work)) };
  const { deps, logged } = scene.relay("mine", (_batch, signal) => untilAborted(signal), flaky);
  const relay = startRelay(deps, {});
  await scene.clock.pass(0);
  isAway = true;
  await relay[Symbol.asyncDispose]();
  expect(logged).toEqual(["warn relay.lease-not-released"]);
  expect(await scene.backlog()).toMatchObject({ waiting: 1 });
});
