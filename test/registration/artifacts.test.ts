/** Whose artifacts are: ids that no two names share, who may publish in one, and what former versions left. */
import { expect, test } from "vitest";
import { principalOf, type Caller } from "../../src/kernel/caller.ts";
import { releaseName, shareArtifact, transferName } from "../../src/registration/names.ts";
import { connectorArtifact, httpArtifactOf, moduleArtifact, readModuleArtifact } from "../../src/registration/schemas/schema-artifacts.ts";
import { findSchema, listSchemaVersions } from "../../src/registration/schemas/schema-queries.ts";
import { unregister } from "../../src/registration/unregister.ts";
import { schemaVersion } from "../contract/store/fixtures.ts";
import { openApi } from "../support/open-api.ts";
import { caller, description, host, inputFor, openWorkshop, port, typesOf, type Replica, type Workshop } from "../support/workshop.ts";

const soon = () => AbortSignal.timeout(60_000);
const stranger = principalOf("tokens", "stranger", ["registrar"]);
const admin = principalOf("tokens", "root", ["admin"]);

test("no two names or kinds give the same artifact", async () => {
  await using workshop = await openWorkshop();
  const parts = ["pets", "Pets", "-connector", "-http", "-HTTP", "-module", "-config", "-x"];
  const names = parts.flatMap((a) => parts.flatMap((b) => parts.flatMap((c) => [a, a + b, a + b + c]))).filter((name) => /^[a-z]/i.test(name));
  const given = new Map<string, string>();
  for (const name of new Set(names)) {
    for (const [kind, id] of [
      ["module", await moduleArtifact(workshop.store, name)],
      ["connector", await connectorArtifact(workshop.store, name)],
      ["http", httpArtifactOf(name)],
    ] as const) {
      expect([id, given.get(id)]).toEqual([id, undefined]);
      given.set(id, `${kind} ${name}`);
    }
  }
  expect(await moduleArtifact(workshop.store, "parser")).toBe("parser-config");
});

let lastPort = port;

/** Registers a service with a document in this artifact; resolves to how it ended. */
async function publish({ register, events }: Replica, name: string, httpSchemaArtifactId: string, version: string, by: Caller): Promise<string> {
  const connectivity = { advertisedHost: host, advertisedPort: (lastPort += 1), tlsEnabled: false };
  const { attemptId } = await register(inputFor(name, { type: "SERVICE", version, httpSchema: openApi, httpSchemaArtifactId, connectivity }), by);
  const last = (await events(attemptId)).at(-1);
  return last?.type === "COMPLETED" ? "COMPLETED" : (last?.errorDetail ?? "");
}

const versions = ({ store }: Workshop, artifactId: string) =>
  store.tx(async (tx) => (await tx.schemas.list(artifactId, 9)).map(({ version, name }) => `${version} of ${name}`).toSorted());

test("nobody publishes in the artifact of another owner, until it is shared with the name, and not any more afterwards", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  const names = { store: workshop.store, clock: workshop.ports.clock };
  expect(await publish(replica, "payments", "payments-api", "1.0.0", caller)).toBe("COMPLETED");
  // Another name of the same owner.
  expect(await publish(replica, "refunds", "payments-api", "1.1.0", caller)).toBe("COMPLETED");
  expect(await publish(replica, "evil", "evil-api", "1.0.0", stranger)).toBe("COMPLETED");
  expect(await publish(replica, "evil", "payments-api", "2.0.0", stranger)).toMatch(
    /^ARTIFACT_OWNED_BY_ANOTHER: .*payments.*muster names share payments-api evil/,
  );
  // An admin's call for it changes nothing of that: the name is what publishes.
  expect(await publish(replica, "evil", "payments-api", "2.0.0", admin)).toMatch(/^ARTIFACT_OWNED_BY_ANOTHER/);
  expect(await versions(workshop, "payments-api")).toEqual(["1.0.0 of payments", "1.1.0 of refunds"]);
  await shareArtifact(names, { artifactId: "payments-api", name: "evil" }, true, caller);
  expect(await publish(replica, "evil", "payments-api", "2.0.0", stranger)).toBe("COMPLETED");
  await shareArtifact(names, { artifactId: "payments-api", name: "evil" }, false, caller);
  expect(await publish(replica, "evil", "payments-api", "3.0.0", stranger)).toMatch(/^ARTIFACT_OWNED_BY_ANOTHER/);
});

test("artifacts go with their name: to who is given it, and to the next one after a release", async () => {
  await using workshop = await openWorkshop();
  const { store, ports, ids } = workshop;
  const replica = workshop.replica();
  const names = { store, clock: ports.clock, gate: ports.gate };
  const first = lastPort + 1;
  expect(await publish(replica, "payments", "payments-api", "1.0.0", caller)).toBe("COMPLETED");
  await transferName(names, { name: "payments", owner: stranger.key }, admin);
  expect(await publish(replica, "refunds", "payments-api", "1.1.0", caller)).toMatch(/^ARTIFACT_OWNED_BY_ANOTHER/);
  expect(await publish(replica, "evil", "payments-api", "2.0.0", stranger)).toBe("COMPLETED");
  const end = { ports, ids, runner: replica.runner, runTask: async () => true };
  await unregister(end, { name: "payments", host, port: first }, stranger);
  await releaseName(names, "payments", admin);
  expect(await publish(replica, "refunds", "payments-api", "1.1.0", caller)).toBe("COMPLETED");
  expect(await store.tx((tx) => tx.artifacts.holder("payments-api"))).toBe("refunds");
});

test("what a former owner shared is not shared by the next one", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  const names = { store: workshop.store, clock: workshop.ports.clock };
  const first = lastPort + 1;
  expect(await publish(replica, "payments", "payments-api", "1.0.0", caller)).toBe("COMPLETED");
  expect(await publish(replica, "evil", "evil-api", "1.0.0", stranger)).toBe("COMPLETED");
  // As an older program left it: nothing says whose it is but its first version.
  await workshop.store.tx((tx) => tx.schemas.insert(schemaVersion("0.1.0", { artifactId: "old-api", name: "payments", state: "ENABLED" })));
  for (const artifactId of ["payments-api", "old-api"]) await shareArtifact(names, { artifactId, name: "evil" }, true, caller);
  const end = { ports: workshop.ports, ids: workshop.ids, runner: replica.runner, runTask: async () => true };
  await unregister(end, { name: "payments", host, port: first }, caller);
  await releaseName(names, "payments", admin);
  expect(await publish(replica, "payments", "payments-api", "2.0.0", principalOf("tokens", "next", ["registrar"]))).toBe("COMPLETED");
  for (const artifactId of ["payments-api", "old-api"])
    expect(await publish(replica, "evil", artifactId, "3.0.0", stranger)).toMatch(/^ARTIFACT_OWNED_BY_ANOTHER/);
});

test("a Register that failed has claimed no artifact", async () => {
  await using workshop = await openWorkshop({
    decorate: (given) => ({ ...given, schemas: { ...given.schemas, put: () => Promise.reject(new Error("scripted")) } }),
  });
  const replica = workshop.replica();
  expect(await publish(replica, "evil", "payments-api", "1.0.0", stranger)).toMatch(/^INTERNAL/);
  expect(await workshop.store.tx((tx) => tx.artifacts.holder("payments-api"))).toBeUndefined();
});

test("one that failed after it had published has claimed none either", async () => {
  let isAway = true;
  await using workshop = await openWorkshop({
    decorate: (given) => ({
      ...given,
      catalog: { ...given.catalog, promote: (...to) => (isAway ? Promise.reject(new Error("scripted")) : given.catalog.promote(...to)) },
    }),
  });
  const replica = workshop.replica();
  expect(await publish(replica, "evil", "payments-api", "0.0.1", stranger)).toMatch(/^INTERNAL/);
  expect(await versions(workshop, "payments-api")).toEqual(["0.0.1 of evil"]);
  isAway = false;
  expect(await publish(replica, "payments", "payments-api", "1.0.0", caller)).toBe("COMPLETED");
  expect(await publish(replica, "evil", "payments-api", "2.0.0", stranger)).toMatch(/^ARTIFACT_OWNED_BY_ANOTHER/);
});

/** Module `shop-http` of a former version, in the artifact that is the default of service `shop`. */
async function former({ store }: Workshop): Promise<void> {
  await store.tx(async (tx) => {
    await tx.names.reserve("shop-http", stranger.key);
    await tx.names.set("shop-http", { owner: stranger.key, isReserved: false });
    await tx.schemas.insert(schemaVersion("0.9.0", { artifactId: "shop-http-config", name: "shop-http", state: "ENABLED" }));
  });
}

test("a module of a former version keeps its artifact, whose form belongs to others now", async () => {
  await using workshop = await openWorkshop();
  await former(workshop);
  workshop.instance.describe = () => description({ moduleName: "shop-http" });
  const replica = workshop.replica();
  expect(await moduleArtifact(workshop.store, "shop-http")).toBe("shop-http-config");
  expect(await moduleArtifact(workshop.store, "other-http")).toBe("other-http-module-config");
  const { attemptId } = await replica.register(inputFor("shop-http"), stranger);
  expect(typesOf(await replica.events(attemptId)).at(-1)).toBe("COMPLETED");
  expect(await versions(workshop, "shop-http-config")).toEqual(["0.9.0 of shop-http", "1.0.0 of shop-http"]);
  expect(await publish(replica, "shop", "shop-http-config", "2.0.0", caller)).toMatch(/^ARTIFACT_OWNED_BY_ANOTHER/);
});

test("what a former version put into another's artifact is not shown as that one's", async () => {
  await using workshop = await openWorkshop();
  const { store, ports } = workshop;
  const add = (version: string, name: string, createdAt: number) =>
    store.tx((tx) => tx.schemas.insert(schemaVersion(version, { artifactId: "pets-connector-config", name, state: "ENABLED", createdAt })));
  await add("9.0.0", "pets-connector", 1);
  const pets = { what: "connector", name: "pets" } as const;
  const id = await connectorArtifact(store, "pets");
  await expect(findSchema(ports, id, undefined, pets, soon())).rejects.toMatchObject({ reason: "SCHEMA_NOT_FOUND" });
  await add("1.0.0", "pets", 2);
  expect(await findSchema(ports, id, undefined, pets, soon())).toMatchObject({ found: { version: "1.0.0" } });
  const module = { what: "module", name: "pets-connector" } as const;
  const listed = await listSchemaVersions(ports, await readModuleArtifact(store, module.name), module, soon());
  expect([listed.artifactId, listed.versions.map(({ version }) => version)]).toEqual(["pets-connector-config", ["9.0.0"]]);
});

test("a module of a former version in another's artifact is read there until it publishes in its own", async () => {
  await using workshop = await openWorkshop();
  const { store, ports } = workshop;
  await store.tx(async (tx) => {
    await tx.names.reserve("shop", caller.key);
    await tx.names.set("shop", { owner: caller.key, isReserved: false });
    await tx.artifacts.claim("shop-http-config", "shop", 1);
    await tx.artifacts.share("shop-http-config", "shop-http");
    await tx.schemas.insert(schemaVersion("0.9.0", { artifactId: "shop-http-config", name: "shop-http", state: "ENABLED" }));
  });
  const module = { what: "module", name: "shop-http" } as const;
  const shown = async () =>
    (await listSchemaVersions(ports, await readModuleArtifact(store, module.name), module, soon())).versions.map(({ version }) => version);
  expect(await shown()).toEqual(["0.9.0"]);
  workshop.instance.describe = () => description({ moduleName: "shop-http" });
  const replica = workshop.replica();
  const { attemptId } = await replica.register(inputFor("shop-http"), stranger);
  expect(typesOf(await replica.events(attemptId)).at(-1)).toBe("COMPLETED");
  expect(await shown()).toEqual(["1.0.0"]);
  expect(await versions(workshop, "shop-http-config")).toEqual(["0.9.0 of shop-http"]);
  expect(await publish(replica, "shop", "shop-http-config", "1.0.0", caller)).toBe("COMPLETED");
});
