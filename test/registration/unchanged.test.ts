/** Requests for what is registered already: when they are answered without an attempt, and when they are not. */
import { expect, test } from "vitest";
import { principalOf } from "../../src/kernel/caller.ts";
import type { CatalogInstance } from "../../src/registration/ports.ts";
import type { RegistrationTx } from "../../src/registration/records.ts";
import { createFindUnchanged } from "../../src/registration/unchanged.ts";
import { attempt, key, registration } from "../contract/store/fixtures.ts";
import { instance, openView, type ViewScene } from "../support/view-scene.ts";

const id = "a-9000";
const { serviceId } = key;
const owner = principalOf("tokens", "owner", ["registrar"]);
const asked = { serviceId, hash: "hash", address: "10.0.0.1" };
const entry = (changes: Partial<CatalogInstance> = {}) => instance("parser", 9_000, changes);

interface Scene extends ViewScene {
  find: ReturnType<typeof createFindUnchanged>;
  /** How many transactions it began. */
  reads(): number;
}

/** The instance is registered, `owner` has its name, and the catalog shows it as passing. */
async function open(): Promise<Scene> {
  const scene = await openView();
  let reads = 0;
  const store: typeof scene.store = { ...scene.store, exclusive: true, tx: (work) => ((reads += 1), scene.store.tx(work)) };
  await scene.store.tx(async (tx) => {
    await tx.instances.claim(key);
    await tx.names.reserve(key.name, owner.key);
    await tx.registrations.insert(registration(id, { state: "ACTIVE" }));
  });
  await scene.show(entry());
  return { ...scene, find: createFindUnchanged({ store, inCatalog: scene.view.inCatalog }), reads: () => reads };
}

test("what is registered so, of this owner, and passing in the catalog is unchanged", async () => {
  await using it = await open();
  expect(await it.find(asked, owner)).toMatchObject({ id, serviceId });
});

test("so it is by another spelling, under the service id that it has", async () => {
  await using it = await open();
  expect(await it.find({ ...asked, serviceId: serviceId.toUpperCase() }, owner)).toMatchObject({ id, serviceId });
});

test("so it is where the owner had the name in another spelling first", async () => {
  await using scene = await openView();
  await scene.store.tx(async (tx) => {
    await tx.instances.claim(key);
    await tx.names.reserve(key.name.toUpperCase(), owner.key);
    await tx.registrations.insert(registration(id, { state: "ACTIVE" }));
  });
  await scene.show(entry());
  const find = createFindUnchanged({ store: scene.store, inCatalog: scene.view.inCatalog });
  expect(await find(asked, owner)).toMatchObject({ id, owner: owner.key });
  expect(await find(asked, principalOf("tokens", "other", ["registrar"]))).toBeUndefined();
});

test.each([{ hash: "other" }, { address: "10.0.0.2" }, { serviceId: "parser-10.0.0.1-9001" }])("a request with %j is not", async (changed) => {
  await using it = await open();
  expect(await it.find({ ...asked, ...changed }, owner)).toBeUndefined();
});

test("nor is one of a caller who may not register the name; an admin may, and who owned it by a name without issuer", async () => {
  await using it = await open();
  expect(await it.find(asked, principalOf("tokens", "other", ["registrar", "operator"]))).toBeUndefined();
  expect(await it.find(asked, principalOf("tokens", "root", ["admin"]))).toMatchObject({ id });
  await using former = await openView();
  await former.store.tx(async (tx) => {
    await tx.instances.claim(key);
    await tx.names.reserve(key.name, "owner");
    await tx.registrations.insert(registration(id, { state: "ACTIVE" }));
  });
  await former.show(entry());
  expect(await createFindUnchanged({ store: former.store, inCatalog: former.view.inCatalog })(asked, owner)).toMatchObject({ id });
});

test.each<[string, (tx: RegistrationTx) => Promise<unknown>]>([
  ["unregistered", (tx) => tx.registrations.endAll(serviceId, 1)],
  ["replaced", async (tx) => (await tx.registrations.setState(id, "SUPERSEDED", 1), tx.registrations.insert(registration("next", { state: "ACTIVE" })))],
  ["under way once more", (tx) => tx.attempts.insert(attempt("next", { serviceId }), [], 60_000)],
  ["without the key of its spelling", (tx) => tx.instances.releaseKey(serviceId)],
])("what another replica has just committed counts at once: the instance is %s", async (_what, commit) => {
  await using it = await open();
  await it.store.tx(commit);
  expect(await it.find(asked, owner)).toBeUndefined();
});

test.each([
  { status: "critical" },
  { status: "warning" },
  { status: "maintenance" },
  { attemptId: "another" },
  { attemptId: undefined },
  { onTrial: true },
] as const)("what the catalog shows with %j is not unchanged", async (changed) => {
  await using it = await open();
  await it.show(entry(changed));
  expect(await it.find(asked, owner)).toBeUndefined();
});

test("what the catalog lost is not unchanged, although consumers are shown it on", async () => {
  await using it = await open();
  await it.show();
  expect(it.view.get({ serviceId })).toMatchObject({ healthy: true });
  expect(await it.find(asked, owner)).toBeUndefined();
  await it.show(entry());
  expect(await it.find(asked, owner)).toMatchObject({ id });
});

test("of two entries under one service id the registration's own counts", async () => {
  await using it = await open();
  await it.show(entry({ attemptId: "another" }), entry());
  expect(await it.find(asked, owner)).toMatchObject({ id });
  await it.show(entry({ attemptId: "another" }), entry({ status: "critical" }));
  expect(await it.find(asked, owner)).toBeUndefined();
});

test("the catalog counts as it was at most ten seconds ago; one that was not seen yet does not", async () => {
  await using it = await open();
  await it.showAt(it.clock.now() - 10_000, [entry()]);
  expect(await it.find(asked, owner)).toMatchObject({ id });
  await it.clock.pass(1);
  expect(await it.find(asked, owner)).toBeUndefined();
  await using unseen = await openView();
  expect(unseen.view.inCatalog(serviceId, 10_000)).toEqual([]);
});

test("everybody who waits shares one query, and who has no passing entry needs none", async () => {
  await using it = await open();
  const all = await Promise.all(Array.from({ length: 50 }, () => it.find(asked, owner)));
  expect(all.every((found) => found?.id === id)).toBe(true);
  expect(it.reads()).toBe(1);
  expect(await it.find({ ...asked, serviceId: "new-10.0.0.1-1" }, owner)).toBeUndefined();
  expect(it.reads()).toBe(1);
});
