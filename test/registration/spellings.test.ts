/** Spellings that were registered beside each other before they had a key, in this process: no client can bring them about any more. */
import { expect, test } from "vitest";
import type { LogFields } from "../../src/kernel/log.ts";
import { principalOf } from "../../src/kernel/caller.ts";
import { reportClashes } from "../../src/registration/spellings.ts";
import { unregister } from "../../src/registration/unregister.ts";
import { registration } from "../contract/store/fixtures.ts";
import { caller, host, inputFor, notServing, openWorkshop, port, serving, typesOf, type Workshop } from "../support/workshop.ts";

const spelled = (name: string) => ({ serviceId: `${name}-${host}-${port}`, name, host, port });
const [kept, lost] = [spelled("parser"), spelled("Parser")];

/** `parser` and `Parser` are both registered, and the first has the key; so are their names, of two owners. */
async function register(store: Workshop["store"]): Promise<void> {
  await store.tx(async (tx) => {
    await tx.instances.claim(lost);
    await tx.instances.releaseKey(lost.serviceId);
    await tx.instances.claim(kept);
    for (const [id, key] of [
      ["1", kept],
      ["2", lost],
    ] as const) {
      await tx.registrations.insert(registration(id, { ...key, state: "ACTIVE" }));
    }
  });
}

const endOf = ({ ports, ids }: Workshop, replica: ReturnType<Workshop["replica"]>, { name }: { readonly name: string }) =>
  unregister({ ports, ids, runner: replica.runner, runTask: async () => true }, { name, host, port }, caller);

test("the one without the key is refused with the command that mends it, and ended under its own spelling", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  await register(workshop.store);
  await expect(replica.register(inputFor("Parser"))).rejects.toMatchObject({
    reason: "SERVICE_ID_CLASH",
    message: expect.stringContaining(`muster unregister parser ${host}:${port}`),
  });
  await replica.register(inputFor("parser"));
  const activeOf = (serviceId: string) => workshop.store.tx((tx) => tx.registrations.findActive(serviceId));
  expect(await endOf(workshop, replica, lost)).toMatchObject({ ended: true });
  expect(await activeOf(lost.serviceId)).toBeUndefined();
  expect(await activeOf(kept.serviceId)).toBeDefined();
  // From now on every spelling is the other one.
  expect(await endOf(workshop, replica, lost)).toMatchObject({ ended: true });
  expect(await activeOf(kept.serviceId)).toBeUndefined();
});

test("once the one with the key has ended, the other one gets the key", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  await register(workshop.store);
  expect(await endOf(workshop, replica, kept)).toMatchObject({ ended: true });
  const { attemptId } = await replica.register(inputFor("Parser"));
  await replica.events(attemptId);
  expect((await workshop.attempt(attemptId)).serviceId).toBe(lost.serviceId);
  await expect(replica.register(inputFor("parser"))).rejects.toMatchObject({ reason: "SERVICE_ID_CLASH" });
});

test("the log names those that clash, with the command, until they do not", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  await register(workshop.store);
  const logged = async () => {
    const lines: { event: string; fields: LogFields }[] = [];
    await reportClashes(workshop.store, (_level, event, fields = {}) => void lines.push({ event, fields }));
    return lines;
  };
  const line = {
    event: "registration.spelling-clash",
    fields: { service: lost.serviceId, kept: kept.serviceId, mend: `muster unregister Parser ${host}:${port}` },
  };
  expect(await logged()).toEqual([line]);
  await endOf(workshop, replica, kept);
  expect(await logged()).toEqual([]);
  expect(await workshop.store.tx((tx) => tx.instances.find(kept.serviceId))).toMatchObject(lost);
});

test("a caller who owns none of a name's spellings is refused for each of them", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  await replica.events((await replica.register(inputFor("parser"))).attemptId);
  const stranger = principalOf("tokens", "stranger", ["registrar"]);
  for (const name of ["parser", "Parser", "PARSER"]) {
    await expect(replica.register(inputFor(name), stranger)).rejects.toMatchObject({ reason: "NAME_OWNED_BY_ANOTHER" });
  }
});

const spot = (name: string, advertisedHost: string) =>
  inputFor(name, { type: "SERVICE", connectivity: { advertisedHost, advertisedPort: port, tlsEnabled: false } });

test("a service id that another name and host give is theirs while they are registered or under way, and not afterwards", async () => {
  await using workshop = await openWorkshop();
  const { ports, ids } = workshop;
  const replica = workshop.replica();
  const [mine, theirs] = [spot("search", "node-a"), spot("search-node", "a")];
  const stranger = principalOf("tokens", "stranger", ["registrar"]);
  const clash = { kind: "already_exists", reason: "SERVICE_ID_CLASH", message: expect.stringContaining(`search-node at a:${port}`) };
  workshop.instance.health = () => notServing;
  const waiting = await replica.register(theirs, stranger);
  await expect(replica.register(mine)).rejects.toMatchObject(clash);
  workshop.instance.health = () => serving;
  await replica.events(waiting.attemptId);
  await expect(replica.register(mine)).rejects.toMatchObject(clash);
  const end = { ports, ids, runner: replica.runner, runTask: async () => true };
  await unregister(end, { name: "search-node", host: "a", port }, stranger);
  const { attemptId } = await replica.register(mine);
  expect(typesOf(await replica.events(attemptId)).at(-1)).toBe("COMPLETED");
  expect(await workshop.store.tx((tx) => tx.registrations.findActive(`search-node-a-${port}`))).toMatchObject({ id: attemptId, name: "search" });
  await expect(replica.register(theirs, stranger)).rejects.toMatchObject({ reason: "SERVICE_ID_CLASH" });
  await expect(unregister(end, { name: "search-node", host: "a", port }, stranger)).rejects.toMatchObject({ reason: "REGISTRATION_NOT_FOUND" });
  // In another spelling too.
  await unregister(end, { name: "search", host: "node-a", port }, caller);
  const respelled = await replica.register(spot("Search-Node", "a"), stranger);
  expect(typesOf(await replica.events(respelled.attemptId)).at(-1)).toBe("COMPLETED");
});
