import { expect, test } from "vitest";
import { createEmbeddedCatalog } from "../../src/adapters/embedded/catalog.ts";
import { restoreCatalog, type RestoreDeps } from "../../src/registration/reconcile/restore.ts";
import { registration } from "../contract/store/fixtures.ts";
import { manualClock } from "../support/manual-clock.ts";
import { openWorkshop, serving } from "../support/workshop.ts";

const soon = () => AbortSignal.timeout(60_000);
const row = (name: string) => registration(name, { serviceId: name, name, state: "ACTIVE" });

/** A record with `names` registered, and an empty catalog that never sees those of `silent` pass. */
async function open(names: readonly string[], silent: readonly string[] = []) {
  const clock = manualClock(1_000_000);
  const lines: object[] = [];
  const stack = new AsyncDisposableStack();
  const { store } = stack.use(await openWorkshop({ clock }));
  for (const name of names) await store.tx((tx) => tx.registrations.insert(row(name)));
  const asked = new Set<string | undefined>();
  const empty = stack.use(createEmbeddedCatalog({ clock, probe: async ({ service }) => (asked.add(service), serving) }));
  const catalog: typeof empty = {
    ...empty,
    awaitPassing: (id, attemptId, signal) => (silent.includes(id) ? new Promise(() => undefined) : empty.awaitPassing(id, attemptId, signal)),
  };
  const shown = async () =>
    (await empty.instances({}, soon())).map(({ serviceId, onTrial, tags }) => `${serviceId}${onTrial ? " on trial" : ""} ${tags.join()}`).toSorted();
  return {
    store,
    catalog,
    clock,
    shown,
    restoring: (signal = soon(), judge: RestoreDeps["judge"] = () => undefined) =>
      restoreCatalog({ store, catalog, clock, judge, log: (_level, event, fields) => void lines.push({ event, ...fields }) }, signal),
    lines,
    asked,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test("a catalog that has forgotten everything is filled with what the record has and passes", async () => {
  await using it = await open(["a", "b", "ended"]);
  await it.store.tx(async (tx) => {
    await tx.registrations.setTags("a", ["set"], 1);
    await tx.registrations.setState("ended", "UNREGISTERED", 1);
  });
  expect(await it.restoring()).toBe(2);
  expect(await it.shown()).toEqual(["a set,module", "b x,module"]);
});

test("the health check asks for the service that it asked for before", async () => {
  await using it = await open(["a"]);
  await it.store.tx((tx) => tx.registrations.setHealthService("a", "acme.Search"));
  expect(await it.restoring()).toBe(1);
  await it.clock.pass(30_000);
  expect([...it.asked]).toEqual(["acme.Search"]);
});

test("a start waits a second for those that do not pass, which stay on trial", async () => {
  await using it = await open(["a", "silent"], ["silent"]);
  let isOver = false;
  const restoring = it.restoring().then((count) => ((isOver = true), count));
  await it.clock.pass(999);
  expect(isOver).toBe(false);
  await it.clock.pass(1);
  expect(await restoring).toBe(2);
  expect(await it.shown()).toEqual(["a x,module", "silent on trial x,module"]);
});

test("what has an address that is not allowed any more is not put back, and that is logged", async () => {
  await using it = await open(["a", "b"]);
  const denied = await it.store.tx(async (tx) => {
    await tx.registrations.insert({ ...row("moved"), address: "10.66.0.1" });
    return "10.66.0.1";
  });
  expect(await it.restoring(soon(), (address) => (address === denied ? "is outside the allowed ranges" : undefined))).toBe(2);
  expect(await it.shown()).toEqual(["a x,module", "b x,module"]);
  expect(it.lines).toEqual([{ event: "catalog.not-restored", service: "moved", why: "its address is outside the allowed ranges" }]);
});

test("all pages of the record are restored", async () => {
  await using it = await open(Array.from({ length: 501 }, (_, index) => `n${index}`));
  expect(await it.restoring()).toBe(501);
  expect(await it.shown()).toHaveLength(501);
});
