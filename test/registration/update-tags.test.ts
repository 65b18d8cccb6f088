/** What UpdateTags writes down, for whom it does so, and what it leaves to be done; how consumers see it is in test/e2e/tags.test.ts. */
import { expect, test } from "vitest";
import { principalOf, type Caller } from "../../src/kernel/caller.ts";
import { updateTags } from "../../src/registration/update-tags.ts";
import { manualClock } from "../support/manual-clock.ts";
import { caller, host, inputFor, openWorkshop, port, type Workshop } from "../support/workshop.ts";

const serviceId = `parser-${host}-${port}`;
const subject = { kind: "instance", id: serviceId };
const now = 1_000_000;

/** A registered `parser` with the tag `blue`; `ran` are the ids of tasks that were to be carried out at once. */
async function open(more: Parameters<typeof inputFor>[1] = {}) {
  const clock = manualClock(now);
  const workshop = await openWorkshop({ clock });
  const replica = workshop.replica();
  const { attemptId } = await replica.register(inputFor("parser", { tags: ["blue"], ...more }));
  const following = replica.events(attemptId);
  await clock.pass(1_000);
  expect((await following).at(-1)?.type).toBe("COMPLETED");
  const ran: string[] = [];
  return {
    workshop,
    attemptId,
    ran,
    set: (tags: readonly string[], { by = caller, isDone = true, id = serviceId }: { by?: Caller; isDone?: boolean; id?: string } = {}) =>
      updateTags({ ports: workshop.ports, ids: workshop.ids, runTask: async (task) => (ran.push(task), isDone) }, { serviceId: id, tags }, by),
    written: () => written(workshop, attemptId),
    [Symbol.asyncDispose]: () => workshop[Symbol.asyncDispose](),
  };
}

async function written({ store, audit }: Workshop, attemptId: string) {
  const [row, events, tasks] = await store.tx(async (tx) => [
    await tx.registrations.find(attemptId),
    (await tx.outbox.unpublished(100)).filter(({ type }) => type === "TagsUpdated"),
    await tx.tasks.claim("show", 0, 10),
  ]);
  return { row, events, tasks, audits: (await audit("parser")).filter(({ action }) => action === "TAGS_UPDATED") };
}

test("a change is recorded with its event, its audit and the task that shows it, and both sets of tags are kept apart", async () => {
  await using it = await open();
  const by: Caller = { ...caller, traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" };
  expect(await it.set(["green", "zone:b"], { by })).toEqual({ tags: ["green", "zone:b", "module"], shown: true, at: now + 1_000 });
  const { row, events, tasks, audits } = await it.written();
  expect(row).toMatchObject({ state: "ACTIVE", request: { tags: ["blue"] }, desiredTags: ["green", "zone:b"], updatedAt: now + 1_000 });
  expect(events).toMatchObject([{ key: serviceId, subject, at: now + 1_000, traceparent: by.traceparent }]);
  const payload = { type: "TagsUpdated", serviceId, name: "parser", tags: ["green", "zone:b", "module"], actor: "tester" };
  expect(events.map((event) => JSON.parse(event.payload) as unknown)).toEqual([payload]);
  expect(audits).toMatchObject([{ at: now + 1_000, actor: caller.key, detail: { attempt_id: it.attemptId, before: "blue", after: "green,zone:b" } }]);
  expect(tasks.map(({ id, payload: given }) => [id, JSON.parse(given) as unknown])).toEqual([[it.ran[0], { registrationId: it.attemptId }]]);
});

test("whether the catalog shows it already is what the task reports", async () => {
  await using it = await open();
  expect((await it.set(["green"], { isDone: false })).shown).toBe(false);
  expect((await it.set(["red"])).shown).toBe(true);
});

test("tags that are set already, in the same order, change nothing; another order does", async () => {
  await using it = await open({ tags: ["a", "b"] });
  expect(await it.set(["a", "b"], { isDone: false })).toEqual({ tags: ["a", "b", "module"], shown: true, at: now + 1_000 });
  const { row, events, tasks, audits } = await it.written();
  expect([events, tasks, audits, it.ran]).toEqual([[], [], [], []]);
  expect(row?.desiredTags).toBeUndefined();
  await it.set(["b", "a"]);
  expect((await it.written()).events).toHaveLength(1);
});

test("derived tags are not its own: one is refused by its place, also when the instance has it", async () => {
  await using it = await open({ capabilities: ["PARSER"] });
  expect((await it.set(["green", "green", "x-capability:OTHER"])).tags).toEqual(["green", "x-capability:OTHER", "capability:PARSER", "module"]);
  expect((await it.written()).row?.desiredTags).toEqual(["green", "x-capability:OTHER"]);
  for (const reserved of ["module", "MODULE", "capability:PARSER", "Capability:other", "capability:OTHER", "capability:"]) {
    await expect(it.set(["x", reserved])).rejects.toMatchObject({
      kind: "invalid",
      reason: "INVALID_FIELDS",
      fields: [{ field: "tags", description: expect.stringContaining("entry 1 ") as string }],
    });
  }
});

test("who is neither the owner nor an operator may not set them, and nothing is written for that", async () => {
  await using it = await open();
  const other = principalOf("tokens", "other", ["registrar"]);
  await expect(it.set(["green"], { by: other })).rejects.toMatchObject({ kind: "denied", reason: "NAME_OWNED_BY_ANOTHER" });
  const before = await it.written();
  expect(before).toMatchObject({ events: [], tasks: [], audits: [] });
  expect(before.row?.desiredTags).toBeUndefined();
  const operator = principalOf("tokens", "op", ["operator"]);
  expect((await it.set(["green"], { by: operator })).tags).toEqual(["green", "module"]);
  const { events, audits } = await it.written();
  expect(audits).toMatchObject([{ actor: "tokens|op" }]);
  expect(events.map(({ payload }) => JSON.parse(payload) as unknown)).toMatchObject([{ actor: "op" }]);
});

test("what is not registered, any more or yet, is not found", async () => {
  await using it = await open();
  const notFound = (id: string) => ({
    kind: "not_found",
    reason: "REGISTRATION_NOT_FOUND",
    subject: { type: "service", name: id },
    metadata: { service_id: id },
  });
  await expect(it.set(["green"], { id: "nobody-10.0.0.1-1" })).rejects.toMatchObject(notFound("nobody-10.0.0.1-1"));
  await it.workshop.store.tx((tx) => tx.registrations.endAll(serviceId, now));
  await expect(it.set(["green"])).rejects.toMatchObject(notFound(serviceId));
});

test("bad fields are refused before anything is looked up", async () => {
  await using it = await open();
  await expect(it.set([""], { id: "nobody-10.0.0.1-1" })).rejects.toMatchObject({ kind: "invalid", reason: "INVALID_FIELDS", fields: [{ field: "tags" }] });
});
