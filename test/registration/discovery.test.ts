/** The view that consumers are answered from: what it keeps, what it forgets, and what of the record it waits for. */
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createRecordsOfEntries } from "../../src/registration/discovery/records-of-entries.ts";
import { getSchemaVersion } from "../../src/registration/schemas/schema-queries.ts";
import { registration, schemaVersion } from "../contract/store/fixtures.ts";
import { manualClock } from "../support/manual-clock.ts";
import { instance, openView } from "../support/view-scene.ts";
import { onTx, openWorkshop, withTx } from "../support/workshop.ts";

const question = (name: string) => ({ name, preferLocal: false, requiredTags: [], requiredCapabilities: [], caller: undefined });

test("the instances of a name have their turns; where a name was gone they begin anew, so that no name is kept for ever", async () => {
  await using it = await openView();
  const [a, b, other] = [instance("a", 1), instance("a", 2), instance("other", 3)];
  const chosen = (name: string) => it.view.resolve(question(name)).chosen?.port;
  await it.show(a, b, other);
  expect([chosen("a"), chosen("other"), chosen("a"), chosen("a"), chosen("other")]).toEqual([1, 3, 2, 1, 3]);
  await it.show(other);
  expect(chosen("a")).toBeUndefined();
  await it.show(a, b, other);
  expect([chosen("a"), chosen("a")]).toEqual([1, 2]);
});

test("before the catalog was seen nothing is answered, and nothing on trial is ever shown", async () => {
  await using it = await openView();
  expect(() => it.view.list("service")).toThrow(expect.objectContaining({ reason: "DEPENDENCY_UNAVAILABLE" }));
  expect(it.view.seenAt()).toBeUndefined();
  await it.show(instance("a", 1), instance("a", 2, { onTrial: true }));
  expect(it.view.list("service").items.map(({ port }) => port)).toEqual([1]);
  expect(it.view.seenAt()).toBe(it.clock.now());
});

test("answers are true for the moment the catalog was known to be so: what it said, or now", async () => {
  await using it = await openView();
  expect(() => it.view.asOf()).toThrow(expect.objectContaining({ reason: "DEPENDENCY_UNAVAILABLE" }));
  const instances = [instance("a", 1)];
  await it.showAt(77, instances);
  expect([it.view.asOf(), it.view.seenAt()]).toEqual([77, 77]);
  await it.showAt(99, instances);
  expect([it.view.asOf(), it.view.seenAt()]).toEqual([99, 99]);
  await it.show(...instances);
  await it.clock.pass(500);
  expect([it.view.asOf(), it.view.seenAt()]).toEqual([it.clock.now(), it.clock.now()]);
});

test("watchers get the list at once, and again only when something of their kind has changed", async () => {
  await using it = await openView();
  const over = new AbortController();
  const [services, modules] = [[] as number[], [] as number[]];
  const watching = (["service", "module"] as const).map(async (kind) => {
    for await (const { items } of it.view.watch(kind, over.signal)) (kind === "service" ? services : modules).push(items.length);
  });
  await turn();
  expect([services, modules]).toEqual([[], []]);
  const a = instance("a", 1);
  await it.show(a);
  expect([services, modules]).toEqual([[1], [0]]);
  await it.show(a, instance("b", 2));
  await it.clock.pass(50);
  expect([services, modules]).toEqual([[1, 2], [0]]);
  over.abort(new Error("over"));
  expect(await Promise.allSettled(watching)).toMatchObject([{ reason: { message: "over" } }, { reason: { message: "over" } }]);
});

test("a list is the same object until something in it changes", async () => {
  await using it = await openView();
  const [a, b] = [instance("a", 1), instance("b", 2, { meta: { "service-type": "SERVICE_TYPE_MODULE" } })];
  await it.show(a, b);
  const [services, modules] = [it.view.list("service"), it.view.list("module")];
  await it.show(a, { ...b, status: "critical" });
  expect(it.view.list("service")).toBe(services);
  expect(it.view.list("module")).not.toBe(modules);
  await it.show({ ...a }, { ...b, status: "critical" });
  expect(it.view.list("service")).toBe(services);
});

test("a listener hears of every change until its signal aborts, and not after it", async () => {
  await using it = await openView();
  const over = new AbortController();
  let heard = 0;
  it.view.onChange(() => (heard += 1), over.signal);
  await it.show(instance("a", 1));
  await it.show(instance("a", 1, { onTrial: true }));
  expect(heard).toBe(2);
  over.abort();
  await it.show(instance("a", 2));
  expect(heard).toBe(2);
});

test("a registration that is not committed is not shown; once it is, the row that is ACTIVE is", async () => {
  await using it = await openView();
  const row = registration("a-1", { serviceId: "a-10.0.0.1-1", name: "a", registeredAt: 5, address: "10.9.9.9" });
  await it.store.tx((tx) => tx.registrations.insert(row));
  await it.show(instance("a", 1));
  const shown = () => it.view.get({ name: "a" });
  expect(shown()).toMatchObject({ registeredAt: undefined, address: undefined });
  await it.store.tx((tx) => tx.registrations.setState("a-1", "ACTIVE", 77));
  it.view.refresh();
  await it.clock.pass(0);
  expect(shown()).toMatchObject({ registeredAt: 77, address: "10.9.9.9" });
});

test("a record is looked for again after growing pauses, read once, and forgotten with its entry", async () => {
  const clock = manualClock();
  await using workshop = await openWorkshop({ clock });
  let reads = 0;
  const { store } = onTx(workshop.ports, (run) => ((reads += 1), run()));
  await using records = createRecordsOfEntries({ store, clock, log: () => undefined, onFound: () => undefined });
  records.keep(new Set(["a"]));
  await clock.pass(49);
  expect(reads).toBe(1);
  await clock.pass(101);
  expect(reads).toBe(3);
  await workshop.store.tx((tx) => tx.registrations.insert(registration("a", { state: "ACTIVE" })));
  await clock.pass(200);
  expect(records.get("a")?.id).toBe("a");
  expect(reads).toBe(4);
  records.keep(new Set(["a", "b"]));
  await clock.pass(0);
  expect(reads).toBe(5);
  records.keep(new Set(["b"]));
  expect(records.get("a")).toBeUndefined();
  records.keep(new Set([]));
  await clock.pass(600_000);
  const atRest = reads;
  records.hurry();
  await clock.pass(600_000);
  expect(reads).toBe(atRest);
});

test("a store that is away only delays the records", async () => {
  const clock = manualClock();
  await using workshop = await openWorkshop({ clock });
  await workshop.store.tx((tx) => tx.registrations.insert(registration("a", { state: "ACTIVE" })));
  let isAway = true;
  const logged: string[] = [];
  const { store } = onTx(workshop.ports, (run) => (isAway ? Promise.reject(new Error("away")) : run()));
  await using records = createRecordsOfEntries({ store, clock, log: (_level, event) => logged.push(event), onFound: () => undefined });
  records.keep(new Set(["a"]));
  await clock.pass(10_000);
  expect(logged).toEqual(["discovery.records-not-read"]);
  isAway = false;
  await clock.pass(30_000);
  expect(records.get("a")?.id).toBe("a");
});

test("a schema version that is known is found without a look at all others", async () => {
  await using workshop = await openWorkshop();
  let lists = 0;
  const { store } = withTx(workshop.ports, ({ schemas }) => ({ schemas: { ...schemas, list: (...given) => ((lists += 1), schemas.list(...given)) } }));
  await store.tx((tx) => tx.schemas.insert(schemaVersion("1")));
  expect((await getSchemaVersion({ store }, "parser-config", "1")).version).toBe("1");
  expect(lists).toBe(0);
  await expect(getSchemaVersion({ store }, "parser-config", "2")).rejects.toMatchObject({ metadata: { available_versions: "1" } });
  await expect(getSchemaVersion({ store }, "unknown", "2")).rejects.toMatchObject({ reason: "SCHEMA_NOT_FOUND", metadata: { artifact: "unknown" } });
});
