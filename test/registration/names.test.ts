/** Whose a name is: claimed by who completes first, reserved while that is under way, and nobody's after a failure. */
import { expect, test } from "vitest";
import { principalOf } from "../../src/kernel/caller.ts";
import { subjectOf } from "../../src/registration/service-id.ts";
import { unregister } from "../../src/registration/unregister.ts";
import { caller, host, inputFor, notServing, openWorkshop, port, serving, typesOf, type Replica, type Workshop } from "../support/workshop.ts";

const stranger = principalOf("tokens", "stranger", ["registrar"]);
const admin = principalOf("tokens", "root", ["admin"]);
const at = (advertisedPort: number, name = "parser") =>
  inputFor(name, { type: "SERVICE", connectivity: { advertisedHost: host, advertisedPort, tlsEnabled: false } });

const find = ({ store }: Workshop) => store.tx((tx) => tx.names.find("PARSER"));

async function fails(workshop: Workshop, { register, events }: Replica, ...given: Parameters<Replica["register"]>): Promise<void> {
  workshop.instance.health = () => ({ status: "refused", detail: "nobody there" });
  expect(typesOf(await events((await register(...given)).attemptId)).at(-1)).toBe("FAILED");
  workshop.instance.health = () => serving;
}

const completes = async ({ register, events }: Replica, ...given: Parameters<Replica["register"]>) =>
  typesOf(await events((await register(...given)).attemptId)).at(-1) === "COMPLETED";

test("a Register that failed claims nothing, in no spelling", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  await fails(workshop, replica, at(port), stranger);
  expect(await completes(replica, at(port, "Parser"))).toBe(true);
  expect(await find(workshop)).toMatchObject({ owner: caller.key, isReserved: false });
  await expect(replica.register(at(port + 1), stranger)).rejects.toMatchObject({ reason: "NAME_OWNED_BY_ANOTHER" });
});

test("one that completed claims the name for good, with a line in its audit, also after its end and a failure", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  expect(await completes(replica, at(port))).toBe(true);
  expect(await completes(replica, at(port + 1, "PARSER"))).toBe(true);
  expect((await workshop.audit("parser")).at(-1)?.detail).toMatchObject({ claims: "parser" });
  const second = await workshop.store.tx((tx) => tx.audit.list(subjectOf(`PARSER-${host}-${port + 1}`)));
  expect(second.at(-1)?.action).toBe("REGISTERED");
  expect(second.at(-1)?.detail).not.toHaveProperty("claims");
  const { ports, ids } = workshop;
  for (const [name, where] of [
    ["parser", port],
    ["PARSER", port + 1],
  ] as const) {
    await unregister({ ports, ids, runner: replica.runner, runTask: async () => true }, { name, host, port: where }, caller);
  }
  await fails(workshop, replica, at(port));
  await expect(replica.register(at(port), stranger)).rejects.toMatchObject({ reason: "NAME_OWNED_BY_ANOTHER" });
});

test("while one is under way another principal is refused, to try again, and may have the name when it has failed", async () => {
  await using workshop = await openWorkshop();
  const [replica, elsewhere] = [workshop.replica(), workshop.replica()];
  workshop.instance.health = () => notServing;
  const { attemptId } = await replica.register(at(port));
  // The same principal may.
  const more = await replica.register(at(port + 1));
  for (const name of ["parser", "Parser"]) {
    await expect(elsewhere.register(at(port + 2, name), stranger)).rejects.toMatchObject({ kind: "conflict", reason: "ATTEMPT_IN_FLIGHT" });
  }
  const end = { ports: workshop.ports, ids: workshop.ids, runner: replica.runner, runTask: async () => true };
  await expect(unregister(end, { name: "parser", host, port }, stranger)).rejects.toMatchObject({ reason: "NAME_OWNED_BY_ANOTHER" });
  await unregister(end, { name: "parser", host, port }, caller);
  await replica.events(attemptId);
  await expect(elsewhere.register(at(port + 2), stranger)).rejects.toMatchObject({ reason: "ATTEMPT_IN_FLIGHT" });
  await unregister(end, { name: "parser", host, port: port + 1 }, caller);
  await replica.events(more.attemptId);
  workshop.instance.health = () => serving;
  expect(await completes(elsewhere, at(port + 2), stranger)).toBe(true);
  await expect(replica.register(at(port))).rejects.toMatchObject({ reason: "NAME_OWNED_BY_ANOTHER" });
});

test("an admin passes, and owns what nobody has claimed when his attempt completes", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  await fails(workshop, replica, at(port), stranger);
  expect(await completes(replica, at(port), admin)).toBe(true);
  expect(await find(workshop)).toMatchObject({ owner: admin.key, isReserved: false });
});

test("what an older program registered under a reservation is owned", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  expect(await completes(replica, at(port))).toBe(true);
  await workshop.store.tx((tx) => tx.names.set("parser", { owner: caller.key, isReserved: true }));
  await expect(replica.register(at(port + 1), stranger)).rejects.toMatchObject({ reason: "NAME_OWNED_BY_ANOTHER" });
});
