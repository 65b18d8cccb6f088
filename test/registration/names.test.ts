/** Whose a name is: claimed by who completes first, reserved while that is under way, and nobody's after a failure. */
import { expect, test } from "vitest";
import { principalOf } from "../../src/kernel/caller.ts";
import { pruneReservations } from "../../src/registration/name-owner.ts";
import { listNames, releaseName, shareArtifact, transferName } from "../../src/registration/names.ts";
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

const auditOf = async ({ store }: Workshop, name: string) =>
  (await store.tx((tx) => tx.audit.list({ kind: "name", id: name }))).map(({ actor, action, detail }) => ({ actor, action, detail }));

test("a name that is transferred is the other's, in every spelling, and what is registered stays", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  const names = { store: workshop.store, clock: workshop.ports.clock, gate: workshop.ports.gate };
  await expect(transferName(names, { name: "parser", owner: "tokens|stranger" }, admin)).rejects.toMatchObject({ reason: "NAME_NOT_FOUND" });
  await fails(workshop, replica, at(port));
  await expect(transferName(names, { name: "parser", owner: "tokens|stranger" }, admin)).rejects.toMatchObject({ reason: "NAME_NOT_FOUND" });
  expect(await completes(replica, at(port))).toBe(true);
  const given = await transferName(names, { name: "Parser", owner: stranger.key }, admin);
  expect(given).toEqual({
    name: { name: "parser", owner: stranger.key, isReserved: false, artifactIds: [], hasMoreArtifacts: false },
    formerOwner: caller.key,
  });
  await transferName(names, { name: "parser", owner: stranger.key }, admin);
  expect(await auditOf(workshop, "parser")).toEqual([{ actor: admin.key, action: "NAME_TRANSFERRED", detail: { from: caller.key, to: stranger.key } }]);
  await expect(replica.register(at(port))).rejects.toMatchObject({ reason: "NAME_OWNED_BY_ANOTHER" });
  expect(await workshop.store.tx((tx) => tx.registrations.findActive(`parser-${host}-${port}`))).toBeDefined();
  expect(await completes(replica, at(port + 1), stranger)).toBe(true);
});

test("what the former owner is registering when a name is transferred does not go live under it, in any spelling; the new owner's does", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  const names = { store: workshop.store, clock: workshop.ports.clock, gate: workshop.ports.gate };
  expect(await completes(replica, at(port))).toBe(true);
  workshop.instance.health = () => notServing;
  const { attemptId } = await replica.register(at(port + 1, "Parser"));
  const byAdmin = await replica.register(at(port + 2), admin);
  await transferName(names, { name: "parser", owner: stranger.key }, admin);
  workshop.instance.health = () => serving;
  expect((await replica.events(attemptId)).at(-1)).toMatchObject({ type: "FAILED", errorDetail: expect.stringMatching(/^(SUPERSEDED|CANCELLED)/) as unknown });
  expect((await replica.events(byAdmin.attemptId)).at(-1)?.outcome).toBe("ACTIVE");
  expect(await completes(replica, at(port + 1), stranger)).toBe(true);
});

test.each(["ci", "", "|ci", "tokens|", `tokens|${"x".repeat(512)}`, "tokens|\u00e4"])("%j is nobody's key", async (owner) => {
  await using workshop = await openWorkshop();
  const names = { store: workshop.store, clock: workshop.ports.clock, gate: workshop.ports.gate };
  await expect(transferName(names, { name: "parser", owner }, admin)).rejects.toMatchObject({ reason: "INVALID_FIELDS", fields: [{ field: "owner" }] });
});

test("a name is released when nothing is registered or under way under it, and is the next one's then", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  const names = { store: workshop.store, clock: workshop.ports.clock, gate: workshop.ports.gate };
  const release = () => releaseName(names, "PARSER", admin);
  await expect(release()).rejects.toMatchObject({ kind: "not_found", reason: "NAME_NOT_FOUND" });
  expect(await completes(replica, at(port))).toBe(true);
  await expect(release()).rejects.toMatchObject({ kind: "wrong_state", reason: "NAME_IN_USE" });
  const end = { ports: workshop.ports, ids: workshop.ids, runner: replica.runner, runTask: async () => true };
  await unregister(end, { name: "parser", host, port }, caller);
  workshop.instance.health = () => notServing;
  const { attemptId } = await replica.register(at(port));
  await expect(release()).rejects.toMatchObject({ reason: "NAME_IN_USE" });
  await unregister(end, { name: "parser", host, port }, caller);
  await replica.events(attemptId);
  expect(await release()).toBe(caller.key);
  expect(await auditOf(workshop, "parser")).toEqual([{ actor: admin.key, action: "NAME_RELEASED", detail: { owner: caller.key } }]);
  workshop.instance.health = () => serving;
  expect(await completes(replica, at(port), stranger)).toBe(true);
  expect(await find(workshop)).toMatchObject({ owner: stranger.key });
});

test("names are listed with their artifacts, and pages meet", async () => {
  await using workshop = await openWorkshop();
  const { store } = workshop;
  await store.tx(async (tx) => {
    for (const name of ["a", "b", "c"]) {
      await tx.names.reserve(name, "tokens|ci");
      await tx.names.set(name, { owner: "tokens|ci", isReserved: false });
    }
    for (let n = 10; n < 31; n++) await tx.artifacts.claim(`api-${n}`, "b", 1);
    await tx.artifacts.claim("c-config", "C", 1);
  });
  const first = await listNames(store, { after: "", limit: 2 });
  expect(first.names.map(({ name, artifactIds, hasMoreArtifacts }) => [name, artifactIds.length, hasMoreArtifacts])).toEqual([
    ["a", 0, false],
    ["b", 20, true],
  ]);
  expect(first.nextAfter).toBe("b");
  expect(await listNames(store, { after: "b", limit: 2 })).toMatchObject({ names: [{ name: "c", artifactIds: ["c-config"] }], nextAfter: undefined });
});

test("an artifact is shared by its owner alone, or an admin, with names that somebody owns", async () => {
  await using workshop = await openWorkshop();
  const names = { store: workshop.store, clock: workshop.ports.clock };
  await workshop.store.tx(async (tx) => {
    for (const [name, owner] of [
      ["payments", caller.key],
      ["billing", stranger.key],
    ] as const) {
      await tx.names.reserve(name, owner);
      await tx.names.set(name, { owner, isReserved: false });
    }
    await tx.artifacts.claim("payments-api", "payments", 1);
  });
  const share = (isShared: boolean, by = caller, name = "billing", artifactId = "payments-api") => shareArtifact(names, { artifactId, name }, isShared, by);
  const isShared = () => workshop.store.tx((tx) => tx.artifacts.isShared("payments-api", "Billing"));
  for (const on of [true, false]) await expect(share(on, stranger)).rejects.toMatchObject({ kind: "denied", reason: "ARTIFACT_OWNED_BY_ANOTHER" });
  await expect(share(true, caller, "nobodys")).rejects.toMatchObject({ reason: "NAME_NOT_FOUND" });
  await expect(share(true, caller, "billing", "none")).rejects.toMatchObject({ kind: "not_found", reason: "SCHEMA_NOT_FOUND" });
  await expect(share(true, caller, "a b", "a b")).rejects.toMatchObject({ fields: [{ field: "artifact_id" }, { field: "name" }] });
  expect([await share(true), await share(true), await isShared()]).toEqual([true, false, true]);
  expect(await share(true, caller, "Payments")).toBe(false);
  expect([await share(false, admin), await share(false), await isShared()]).toEqual([true, false, false]);
  const detail = { artifact_id: "payments-api", name: "billing" };
  await share(true);
  await releaseName(names, "BILLING", admin);
  expect(await isShared()).toBe(false);
  expect(await auditOf(workshop, "payments")).toEqual([
    { actor: caller.key, action: "ARTIFACT_SHARED", detail },
    { actor: admin.key, action: "ARTIFACT_UNSHARED", detail },
    { actor: caller.key, action: "ARTIFACT_SHARED", detail },
  ]);
});

test("reservations of attempts that failed are forgotten in time, and no others", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  expect(await completes(replica, at(port, "parser"))).toBe(true);
  await fails(workshop, replica, at(port, "failing"));
  workshop.instance.health = () => notServing;
  const { attemptId } = await replica.register(at(port, "waiting"));
  const names = ["failing", "parser", "waiting"];
  const kept = () => workshop.store.tx(async (tx) => (await Promise.all(names.map((name) => tx.names.find(name)))).map((row) => row?.name));
  expect(await kept()).toEqual(names);
  expect(await pruneReservations(workshop.store)).toBe(false);
  expect(await kept()).toEqual([undefined, "parser", "waiting"]);
  workshop.instance.health = () => serving;
  await replica.events(attemptId);
});
