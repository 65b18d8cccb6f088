/** Register, of a request for what is registered already: what comes back, what is written, and what happens in between. */
import { expect, test } from "vitest";
import type { CatalogInstance } from "../../src/registration/ports.ts";
import { startRegistration } from "../../src/registration/register.ts";
import { subjectOf } from "../../src/registration/service-id.ts";
import { unregister } from "../../src/registration/unregister.ts";
import { caller, host, inputFor, notServing, openWorkshop, port, serving, typesOf, type Replica, type Workshop } from "../support/workshop.ts";

const soon = () => AbortSignal.timeout(60_000);

function unregisterAt({ ports, ids }: Workshop, { runner }: Replica, name = "parser") {
  const deps = { ports, ids, runner, runTask: async () => true };
  return unregister(deps, { name, host, port }, caller);
}

/** With it everything is decided under the lock, by a read of the catalog. */
const unseen = { findUnchanged: async () => undefined };

test.each([
  ["the view of the catalog", {}],
  ["the catalog, where the view does not know it", unseen],
])("a request equal to what is registered is UNCHANGED by %s, and nothing is written; the order of map keys is no difference", async (_by, how) => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  const counted: string[] = [];
  const deps = { ...replica.deps, ...how, onUnchanged: (type: string) => void counted.push(type) };
  await replica.events((await replica.register(inputFor("parser", { metadata: { a: "1", b: "2" } }))).attemptId);
  const before = await written(workshop);
  const again = await startRegistration(deps, inputFor("parser", { metadata: { b: "2", a: "1" } }), caller, soon());
  expect(again).toMatchObject({ attemptId: "", isNew: false });
  expect(typesOf(again.events)).toEqual(["STARTED", "VALIDATED", "CONSUL_HEALTHY", "COMPLETED"]);
  expect(again.events.map(({ sequence, attemptId }) => [sequence, attemptId])).toEqual([1, 2, 3, 4].map((sequence) => [sequence, ""]));
  expect(again.events[1]?.metadata).toEqual({ check_address: host });
  expect(again.events[3]).toMatchObject({ outcome: "UNCHANGED", serviceId: `parser-${host}-${port}` });
  expect(replica.runner.count()).toBe(0);
  expect(await written(workshop)).toEqual(before);
  expect(counted).toEqual(["MODULE"]);
});

test("with a request id it is recorded, and replayed by it, but not audited", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  const counted: string[] = [];
  const deps = { ...replica.deps, onUnchanged: (type: string) => void counted.push(type) };
  await replica.events((await replica.register(inputFor())).attemptId);
  const { audit } = await written(workshop);
  const register = () => startRegistration(deps, inputFor("parser", { requestId: "r1" }), caller, soon());
  const again = await register();
  expect(await workshop.attempt(again.attemptId)).toMatchObject({ state: "COMPLETED", outcome: "UNCHANGED", lastSequence: 4, requestId: "r1" });
  expect(await replica.events(again.attemptId)).toEqual(again.events);
  expect(await written(workshop)).toMatchObject({ attempts: 2, audit });
  expect(await register()).toEqual({ attemptId: again.attemptId, isNew: false, events: [] });
  expect(counted).toEqual(["MODULE"]);
});

/** How much there is of what a registration writes. */
function written({ store }: Workshop) {
  return store.tx(async (tx) => ({
    attempts: (await tx.attempts.list({ limit: 100 })).length,
    audit: (await tx.audit.list(subjectOf(`parser-${host}-${port}`))).length,
    events: (await tx.outbox.unpublished(100)).length,
  }));
}

test("while an attempt is live, a request equal to what is registered is no answer to it: it is joined, or in its way", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  await replica.events((await replica.register(inputFor())).attemptId);
  workshop.instance.health = () => notServing;
  const changing = await replica.register(inputFor("parser", { tags: ["x"] }));
  await expect(replica.register(inputFor())).rejects.toMatchObject({ reason: "ATTEMPT_IN_FLIGHT", metadata: { attempt_id: changing.attemptId } });
  workshop.instance.health = () => serving;
  await replica.events(changing.attemptId);
});

test.each(["unregistered", "replaced"])("what is %s through another replica counts at once", async (what) => {
  await using workshop = await openWorkshop();
  const [here, there] = [workshop.replica(), workshop.replica()];
  await here.events((await here.register(inputFor())).attemptId);
  await expect.poll(() => here.discovery.inCatalog(`parser-${host}-${port}`, 10_000)).toMatchObject([{ status: "passing" }]);
  if (what === "unregistered") await unregisterAt(workshop, there);
  else await there.events((await there.register(inputFor("parser", { tags: ["other"] }))).attemptId);
  const again = await here.register(inputFor());
  expect(typesOf(again.events)).toEqual(["STARTED", "VALIDATED"]);
  expect(typesOf(await here.events(again.attemptId)).at(-1)).toBe("COMPLETED");
});

test.each(["unregistered", "replaced"])("what is %s while a request is found unchanged is registered again", async (what) => {
  let meanwhile: (() => Promise<unknown>) | undefined;
  await using workshop = await openWorkshop({
    decorate: (ports) => ({
      ...ports,
      catalog: {
        ...ports.catalog,
        async instances(filter, signal) {
          const seen = await ports.catalog.instances(filter, signal);
          const act = meanwhile;
          meanwhile = undefined;
          await act?.();
          return seen;
        },
      },
    }),
  });
  const replica = workshop.replica();
  const register = (input = inputFor()) => startRegistration({ ...replica.deps, ...unseen }, input, caller, soon());
  const first = (await register()).attemptId;
  await replica.events(first);
  meanwhile = async () => {
    if (what === "unregistered") return unregisterAt(workshop, replica);
    return replica.events((await register(inputFor("parser", { tags: ["other"] }))).attemptId);
  };
  const again = await register();
  expect(typesOf(again.events)).toEqual(["STARTED", "VALIDATED"]);
  expect(typesOf(await replica.events(again.attemptId)).at(-1)).toBe("COMPLETED");
  const active = await workshop.store.tx((tx) => tx.registrations.findActive(`parser-${host}-${port}`));
  expect(active).toMatchObject({ id: again.attemptId, request: { tags: [] } });
});

test("what is registered elsewhere, or not passing in the catalog, is not unchanged", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  const first = (await replica.register(inputFor())).attemptId;
  await replica.events(first);
  await workshop.ports.catalog.deregister(`parser-${host}-${port}`, first, soon());
  const again = await replica.register(inputFor());
  expect(typesOf(await replica.events(again.attemptId)).at(-1)).toBe("COMPLETED");
  expect(again.events).toHaveLength(2);
  const moved = { ...replica.deps, resolveHost: async () => ({ address: "127.0.0.9" }) };
  const elsewhere = await startRegistration(moved, inputFor(), caller, soon());
  expect(elsewhere.events).toHaveLength(2);
  expect(await workshop.attempt(elsewhere.attemptId)).toMatchObject({ address: "127.0.0.9" });
  await replica.events(elsewhere.attemptId);
});

test.each([{ status: "critical" }, { attemptId: "another" }, { attemptId: undefined }] as const)(
  "what the catalog shows with %j is not unchanged",
  async (shown) => {
    let change: Partial<CatalogInstance> = {};
    await using workshop = await openWorkshop({
      decorate: (ports) => ({
        ...ports,
        catalog: { ...ports.catalog, instances: async (...given) => (await ports.catalog.instances(...given)).map((it) => ({ ...it, ...change })) },
      }),
    });
    const replica = workshop.replica();
    await replica.events((await replica.register(inputFor())).attemptId);
    change = shown;
    const again = await startRegistration({ ...replica.deps, ...unseen }, inputFor(), caller, soon());
    expect(again.events).toHaveLength(2);
    change = {};
    await replica.events(again.attemptId);
  },
);
