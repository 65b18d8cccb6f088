/** What consumers are shown of the catalog: lists, single instances, and changes as they come. */
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { DiscoveredKind } from "../../src/registration/discovery/discovered.ts";
import type { DiscoveryList, DiscoveryView } from "../../src/registration/discovery/view.ts";
import type { CatalogInstance } from "../../src/registration/ports.ts";
import { key, registration } from "../contract/store/fixtures.ts";
import { instance, openView } from "../support/view-scene.ts";

const asModule = { meta: { "service-type": "SERVICE_TYPE_MODULE" } };
const portsOf = ({ items }: DiscoveryList) => items.map(({ port }) => port);

async function settle(): Promise<void> {
  for (let round = 0; round < 5; round++) await turn();
}

/** Follows the lists of a kind: the ports of each that came, and how it ended. */
function follow(view: DiscoveryView, kind: DiscoveredKind) {
  const over = new AbortController();
  const seen: (readonly number[])[] = [];
  const run = async (): Promise<void> => {
    for await (const list of view.watch(kind, over.signal)) seen.push(portsOf(list));
  };
  const ended = run().catch((error: unknown) => error);
  return { seen, end: () => (over.abort(new Error("enough")), ended) };
}

test("lists are by service id and by kind, whatever the order of the catalog", async () => {
  await using it = await openView();
  await it.show(instance("c", 3), instance("m", 9, asModule), instance("a", 1), instance("b", 2), instance("k", 8, asModule));
  expect(it.view.list("service")).toMatchObject({ kind: "service", items: [{ name: "a" }, { name: "b" }, { name: "c" }] });
  expect(it.view.list("module")).toMatchObject({ kind: "module", items: [{ name: "k" }, { name: "m" }] });
});

test("an instance is found by its service id or its name, a healthy one of the name first, and only as what it is", async () => {
  await using it = await openView();
  await it.show(instance("a", 1, { status: "critical" }), instance("a", 2), instance("m", 9, asModule));
  expect(it.view.get({ name: "a" }).port).toBe(2);
  expect(it.view.get({ serviceId: "a-10.0.0.1-1" }).port).toBe(1);
  expect(it.view.get({ name: "m" }, "module").port).toBe(9);
  expect(it.view.get({ name: "m" }).port).toBe(9);
  const refusals = [
    [() => it.view.get({ name: "m" }, "service"), { subject: { type: "service", name: "m" }, metadata: { service_name: "m" } }],
    [() => it.view.get({ name: "a" }, "module"), { subject: { type: "module", name: "a" }, metadata: { module_name: "a" } }],
    [() => it.view.get({ name: "z" }), { subject: { type: "service", name: "z" }, metadata: { service_name: "z" } }],
    [() => it.view.get({ serviceId: "z-1" }, "module"), { subject: { type: "service", name: "z-1" }, metadata: { service_id: "z-1" } }],
  ] as const;
  for (const [get, what] of refusals) expect(get).toThrow(expect.objectContaining({ kind: "not_found", reason: "REGISTRATION_NOT_FOUND", ...what }));
});

test("a service id in another spelling finds its instance; one that is listed as it is written finds that one alone", async () => {
  await using it = await openView();
  await it.show(instance("Pdf", 1), instance("pdf", 2), instance("PDF", 2));
  expect(it.view.get({ serviceId: "PDF-10.0.0.1-1" }).serviceId).toBe("Pdf-10.0.0.1-1");
  for (const serviceId of ["pdf-10.0.0.1-2", "PDF-10.0.0.1-2"]) expect(it.view.get({ serviceId }).serviceId).toBe(serviceId);
});

test("a name that nobody has resolves to nothing, with no instance counted; every spelling of one that somebody has to its instance", async () => {
  await using it = await openView();
  await it.show(instance("Pdf", 1));
  const question = { preferLocal: false, requiredTags: [], requiredCapabilities: [], caller: undefined };
  expect(it.view.resolve({ ...question, name: "z" })).toMatchObject({ chosen: undefined, total: 0, healthy: 0 });
  expect(it.view.resolve({ ...question, name: "pDF" })).toMatchObject({ chosen: { port: 1 }, total: 1, healthy: 1 });
});

test("answers are true for now, or for the moment at which the catalog says it was so", async () => {
  await using it = await openView();
  await it.show(instance("a", 1));
  await it.view.seen;
  await it.clock.pass(500);
  expect([it.view.asOf(), it.view.seenAt()]).toEqual([1_000_500, 1_000_500]);
  await it.showAt(7, [instance("a", 1)]);
  expect([it.view.asOf(), it.view.seenAt()]).toEqual([7, 7]);
});

test("before the catalog was seen nobody is answered, and a watcher waits", async () => {
  await using it = await openView();
  const { view } = it;
  for (const ask of [() => view.asOf(), () => view.get({ name: "a" }), () => view.list("module")]) {
    expect(ask).toThrow(expect.objectContaining({ kind: "unavailable", metadata: { dependency: "catalog" } }));
  }
  let isSeen = false;
  void view.seen.then(() => (isSeen = true));
  const watch = follow(view, "service");
  await settle();
  expect([isSeen, watch.seen]).toEqual([false, []]);
  // An empty catalog is an answer, too.
  await it.show();
  expect([isSeen, watch.seen]).toEqual([true, [[]]]);
  await watch.end();
});

test("a watcher is given the list at once and after each change of its kind alone, and ends with its signal's reason", async () => {
  await using it = await openView();
  const [a, b, m] = [instance("a", 1), instance("b", 2), instance("m", 9, asModule)];
  await it.show(a, m);
  const [services, modules] = [follow(it.view, "service"), follow(it.view, "module")];
  await settle();
  expect([services.seen, modules.seen]).toEqual([[[1]], [[9]]]);
  const showing = async (...instances: readonly CatalogInstance[]) => (await it.show(...instances), it.clock.pass(100));
  await showing(a, b, m);
  await showing({ ...a }, b, m);
  await showing(b, m);
  expect([services.seen, modules.seen]).toEqual([[[1], [1, 2], [2]], [[9]]]);
  await showing(b);
  await showing(b, { ...m, onTrial: true });
  expect([services.seen, modules.seen]).toEqual([
    [[1], [1, 2], [2]],
    [[9], []],
  ]);
  expect([await services.end(), await modules.end()]).toEqual([new Error("enough"), new Error("enough")]);
  await showing(a);
  expect(services.seen).toHaveLength(3);
});

test("what changes its kind leaves one list and enters the other", async () => {
  await using it = await openView();
  await it.show(instance("a", 1));
  const watches = [follow(it.view, "service"), follow(it.view, "module")];
  await settle();
  await it.show(instance("a", 1, asModule));
  await it.clock.pass(100);
  expect(watches.map(({ seen }) => seen)).toEqual([
    [[1], []],
    [[], [1]],
  ]);
  await Promise.all(watches.map(({ end }) => end()));
});

test("what looks as before is the same object, also beside something that has changed", async () => {
  await using it = await openView();
  await it.show(instance("a", 1), instance("b", 2));
  const [a, b] = it.view.list("service").items;
  await it.show(instance("a", 1), instance("b", 2, { status: "critical" }));
  const [sameA, otherB] = it.view.list("service").items;
  expect(sameA).toBe(a);
  expect(otherB).not.toBe(b);
  expect(otherB?.healthy).toBe(false);
});

test("lists of both kinds that change before anybody looks are both new", async () => {
  await using it = await openView();
  await it.show(instance("a", 1), instance("m", 9, asModule));
  expect([portsOf(it.view.list("service")), portsOf(it.view.list("module"))]).toEqual([[1], [9]]);
  await it.show(instance("a", 1), instance("m", 8, asModule));
  await it.show(instance("a", 2), instance("m", 8, asModule));
  expect([portsOf(it.view.list("service")), portsOf(it.view.list("module"))]).toEqual([[2], [8]]);
});

test("a record that is committed after its entry was seen is shown to watchers as a change", async () => {
  await using it = await openView();
  await it.show(instance("a", 1));
  const watch = it.view.watch("service", new AbortController().signal);
  expect((await watch.next()).value).toMatchObject({ items: [{ registeredAt: undefined }] });
  await it.store.tx((tx) => tx.registrations.insert(registration("a-1", { serviceId: "a-10.0.0.1-1", name: "a", state: "ACTIVE", registeredAt: 5 })));
  const second = watch.next();
  it.view.refresh();
  await it.clock.pass(100);
  expect((await second).value).toMatchObject({ items: [{ registeredAt: 5 }] });
  await watch.return(undefined);
});

test("records are looked for of what is shown and ours alone", async () => {
  await using it = await openView();
  for (const port of [1, 2]) {
    const serviceId = `a-10.0.0.1-${port}`;
    await it.store.tx((tx) => tx.registrations.insert(registration(`a-${port}`, { serviceId, name: "a", port, state: "ACTIVE", registeredAt: port })));
  }
  await it.show(instance("a", 1), instance("a", 2, { attemptId: undefined }), instance("a", 3));
  await it.clock.pass(100);
  expect(it.view.list("service").items.map(({ registeredAt }) => registeredAt)).toEqual([1, undefined, undefined]);
});

test("a listener hears nothing of a catalog that is confirmed unchanged", async () => {
  await using it = await openView();
  let heard = 0;
  it.view.onChange(() => (heard += 1), new AbortController().signal);
  const instances = [instance("a", 1)];
  await it.showAt(1, instances);
  await it.showAt(2, instances);
  expect(heard).toBe(1);
  expect(it.view.asOf()).toBe(2);
});

test("a watch of the catalog that fails or ends is begun again after a second; until then the last answers stand", async () => {
  await using it = await openView();
  await it.show(instance("a", 1));
  await it.breakOff(new Error("a bug"));
  expect(it.logged).toEqual(["error discovery.watch-failed"]);
  expect(portsOf(it.view.list("service"))).toEqual([1]);
  await it.clock.pass(999);
  expect(it.watches()).toBe(1);
  await it.clock.pass(1);
  expect(it.watches()).toBe(2);
  await it.breakOff();
  await it.clock.pass(1_000);
  expect(it.watches()).toBe(3);
  await it.show(instance("a", 2));
  expect(portsOf(it.view.list("service"))).toEqual([2]);
  expect(it.logged).toHaveLength(1);
});

test("when an instance was checked last is what the catalog says of its service id", async () => {
  await using it = await openView();
  await it.show(instance("a", 1));
  expect(it.view.lastChecked(it.view.get({ name: "a" }))).toBe("a-10.0.0.1-1".length);
});

test("with a catalog that keeps no times it is when the catalog was last seen, and of what it lost when it last had it", async () => {
  await using it = await openView(() => undefined);
  const [a, b] = [instance("a", 1), instance("b", 2)];
  await it.store.tx((tx) => tx.registrations.insert(registration("a-1", { serviceId: a.serviceId, name: "a", state: "ACTIVE" })));
  const checked = (name: string) => it.view.lastChecked(it.view.get({ name }));
  await it.showAt(500, [a, b]);
  expect([checked("a"), checked("b")]).toEqual([500, 500]);
  await it.showAt(600, [a, b]);
  expect([checked("a"), checked("b")]).toEqual([600, 600]);
  await it.clock.pass(1_000);
  await it.showAt(700, [b]);
  await it.showAt(800, [b]);
  expect([checked("a"), checked("b")]).toEqual([600, 800]);
  await it.showAt(900, [a, b]);
  expect(checked("a")).toBe(900);
});

test("what was lost before the start has not been confirmed", async () => {
  await using it = await openView(() => undefined);
  await it.store.tx((tx) => tx.registrations.insert(registration("lost", { state: "ACTIVE" })));
  await it.showAt(500, []);
  expect(it.view.lastChecked(it.view.get({ serviceId: key.serviceId }))).toBeUndefined();
});

test("a view that is closed leaves no timer behind and watches no more", async () => {
  const it = await openView();
  await it.show(instance("a", 1));
  await it.clock.pass(60_000);
  await it[Symbol.asyncDispose]();
  expect([it.clock.sleepers(), it.watches()]).toEqual([0, 1]);
});
