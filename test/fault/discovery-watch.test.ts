/** A Consul that has a bad day, seen through the watch and through the view that consumers are answered from. */
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { createConsulCatalog } from "../../src/adapters/consul/catalog.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { DomainError } from "../../src/kernel/errors.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import { createDiscoveryView, type DiscoveryList, type DiscoveryView } from "../../src/registration/discovery/view.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { startFakeConsul, type FakeConsul } from "../support/fake-consul.ts";
import { eventually } from "../support/instances.ts";

interface Scene extends AsyncDisposable {
  readonly consul: FakeConsul;
  readonly view: DiscoveryView;
  /** Resolves when both queries wait for news and nothing more has been asked for a while: what was seen is known, and no more. */
  settled(): Promise<void>;
  /** Resolves when so many requests more have come to Consul. */
  asked(times: number): Promise<void>;
  /** Every list of services a watcher was sent, as their ids. */
  readonly sent: readonly (readonly string[])[];
  ids(): string;
}

async function open(services: Parameters<FakeConsul["set"]>[0], clock = systemClock): Promise<Scene> {
  const stack = new AsyncDisposableStack();
  const consul = stack.use(await startFakeConsul());
  consul.set(services);
  const catalog = stack.use(createConsulCatalog({ url: consul.url, clock }));
  const store = stack.use(await openSqliteStore({ path: ":memory:", clock: systemClock }));
  const view = stack.use(createDiscoveryView({ catalog, store, clock: systemClock, log: () => undefined }));
  const stop = new AbortController();
  const sent: (readonly string[])[] = [];
  const watching = collect(view, stop.signal, (list) => sent.push(list.items.map((it) => it.serviceId)));
  stack.defer(async () => {
    stop.abort();
    await watching;
  });
  return {
    consul,
    view,
    sent,
    async settled() {
      let [requests, quiet] = [-1, 0];
      await until(() => {
        const isQuiet = known(view) && consul.held() === 2 && consul.counts.open === 2 && consul.counts.requests === requests;
        quiet = isQuiet ? quiet + 1 : 0;
        requests = consul.counts.requests;
        return quiet === 100;
      });
    },
    async asked(times) {
      const before = consul.counts.requests;
      await until(() => consul.counts.requests >= before + times);
    },
    ids: () =>
      view
        .list("service")
        .items.map((it) => it.serviceId)
        .join(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function collect(view: DiscoveryView, signal: AbortSignal, take: (list: DiscoveryList) => void): Promise<void> {
  try {
    for await (const list of view.watch("service", signal)) take(list);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

const until = (isSo: () => boolean) => eventually(async () => isSo() || undefined, 60_000, 2);
/** Nothing was seen yet. */
const known = (view: DiscoveryView) => {
  try {
    return view.asOf() > 0;
  } catch {
    return false;
  }
};

/** The system's clock, but pauses of two seconds and more, as before a second look, last until `letGo`. */
function patientClock(): Clock & { readonly pausing: () => number; letGo(): void } {
  let pauses: (() => void)[] = [];
  return {
    now: () => systemClock.now(),
    sleep: (ms, signal) => {
      if (ms < 2_000) return systemClock.sleep(ms, signal);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      pauses.push(resolve);
      return promise;
    },
    pausing: () => pauses.length,
    letGo() {
      for (const resolve of pauses) resolve();
      pauses = [];
    },
  };
}

describe("the view of a Consul", { timeout: 180_000 }, () => {
  test("that answers 500 goes on with what it saw, says how old that is, and catches up", async () => {
    await using it = await open({ a: "passing", b: "passing" });
    await it.settled();
    it.consul.mode = "500";
    it.consul.set({ b: "critical", c: "passing" });
    const asOf = it.view.asOf();
    await it.asked(8);
    expect(it.ids()).toBe("a,b");
    expect(it.view.asOf()).toBe(asOf);
    expect(it.view.resolve({ name: "b", preferLocal: false, requiredTags: [], requiredCapabilities: [], caller: undefined }).chosen?.serviceId).toBe("b");
    const back = Date.now();
    it.consul.mode = "well";
    // What is missing after trouble has to be missing twice.
    await until(() => it.sent.at(-1)?.join() === "b,c");
    expect(it.view.get({ serviceId: "b" }).healthy).toBe(false);
    expect(it.sent).toEqual([
      ["a", "b"],
      ["a", "b", "c"],
      ["b", "c"],
    ]);
    await until(() => it.view.asOf() >= back);
  });

  test("that cannot be reached, then can, never turns empty", async () => {
    await using it = await open({ a: "passing" });
    await it.settled();
    it.consul.mode = "cut";
    it.consul.restartIndexAt(100);
    await it.asked(8);
    expect(it.ids()).toBe("a");
    it.consul.mode = "well";
    it.consul.set({ a: "critical" });
    await until(() => !it.view.get({ serviceId: "a" }).healthy);
    expect(it.sent.every((list) => list.length === 1)).toBe(true);
  });

  test("that was restarted and replays its log from nothing keeps what it had until it is there again", async () => {
    const clock = patientClock();
    await using it = await open({ a: "passing", b: "passing" }, clock);
    await it.settled();
    it.consul.restartIndexAt(3);
    it.consul.set({});
    await until(() => clock.pausing() > 0);
    expect(it.ids()).toBe("a,b");
    it.consul.set({ a: "critical" });
    it.consul.set({ a: "critical", b: "passing" });
    clock.letGo();
    await until(() => !it.view.get({ serviceId: "a" }).healthy);
    await it.settled();
    expect(it.ids()).toBe("a,b");
    expect(it.sent.map((list) => list.join())).toEqual(["a,b", "a,b"]);
  });

  test("that really lost everything says so, after a second look", async () => {
    const clock = patientClock();
    await using it = await open({ a: "passing" }, clock);
    await it.settled();
    it.consul.restartIndexAt(3);
    it.consul.set({});
    await until(() => clock.pausing() > 0);
    await it.settled();
    expect(it.ids()).toBe("a");
    clock.letGo();
    await until(() => it.sent.at(-1)?.length === 0);
    expect(it.sent).toEqual([["a"], []]);
  });

  test("that is well forgets at once what was taken out", async () => {
    const clock = patientClock();
    await using it = await open({ a: "passing", b: "passing" }, clock);
    await it.settled();
    it.consul.set({ b: "passing" });
    await until(() => it.ids() === "b");
    expect(clock.pausing()).toBe(0);
  });

  test("that was never seen is UNAVAILABLE, and a watcher waits for it", async () => {
    await using it = await open({ a: "passing" });
    await using consul = await startFakeConsul();
    consul.mode = "500";
    await using catalog = createConsulCatalog({ url: consul.url, clock: systemClock });
    await using store = await openSqliteStore({ path: ":memory:", clock: systemClock });
    await using view = createDiscoveryView({ catalog, store, clock: systemClock, log: () => undefined });
    const stop = new AbortController();
    const sent: number[] = [];
    const watching = collect(view, stop.signal, (list) => sent.push(list.items.length));
    await until(() => consul.counts.requests >= 8);
    for (const read of [() => view.list("service"), () => view.get({ serviceId: "a" }), () => view.asOf()]) {
      expect(read).toThrow(DomainError);
      expect(read).toThrow("catalog unavailable");
    }
    expect(sent).toEqual([]);
    consul.mode = "well";
    await until(() => sent.length > 0);
    expect(sent).toEqual([0]);
    stop.abort();
    await watching;
    expect(it.ids()).toBe("a");
  });

  test("is not asked more for a thousand watchers than for one", async () => {
    await using it = await open({ a: "passing" });
    await until(() => known(it.view));
    const stop = new AbortController();
    let [began, reached] = [0, 0];
    const count = ({ items }: DiscoveryList) => (items.length === 2 ? (reached += 1) : (began += 1));
    const watching = Array.from({ length: 1_000 }, () => collect(it.view, stop.signal, count));
    await until(() => began >= 1_000);
    const before = it.consul.counts.requests;
    it.consul.set({ a: "passing", b: "passing" });
    await until(() => reached === 1_000);
    expect(it.consul.counts.requests - before).toBeLessThan(50);
    expect(it.consul.counts.mostOpen).toBeLessThan(8);
    stop.abort();
    await Promise.all(watching);
  });

  test("that gives no index is polled, and not in a tight loop", async () => {
    await using it = await open({ a: "passing" });
    await until(() => known(it.view));
    it.consul.mode = "no index";
    it.consul.set({ a: "passing" });
    await pause(1_000);
    const before = it.consul.counts.requests;
    const since = performance.now();
    await pause(1_000);
    expect(it.consul.counts.requests - before).toBeLessThan((performance.now() - since) / 15);
    it.consul.set({ a: "critical" });
    await until(() => !it.view.get({ serviceId: "a" }).healthy);
  });

  test("in a storm of changes reaches a watcher at most 20 times a second, and with the last one", async () => {
    await using it = await open({ a: "passing" });
    await until(() => known(it.view));
    const before = it.sent.length;
    const startedAt = performance.now();
    for (let changes = 0; changes < 400 || it.sent.length < before + 6; changes += 1) {
      it.consul.set(Object.fromEntries(Array.from({ length: (changes % 20) + 1 }, (_, index) => [`s${index}`, "passing"])));
      await pause(5);
    }
    it.consul.set({ last: "passing" });
    await until(() => it.sent.at(-1)?.join() === "last");
    const seconds = (performance.now() - startedAt) / 1_000;
    expect(it.sent.length - before).toBeLessThanOrEqual(seconds * 20 + 2);
    expect(it.sent.length - before).toBeGreaterThan(5);
  });
});
