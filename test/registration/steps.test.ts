/** What each step of an attempt makes sure of, and what its undo takes back. */
import { expect, test } from "vitest";
import { unavailable } from "../../src/kernel/errors.ts";
import type { RegistrationPorts } from "../../src/registration/attempts/attempt-context.ts";
import { unregister } from "../../src/registration/unregister.ts";
import { updateTags } from "../../src/registration/update-tags.ts";
import type { Catalog, DocumentPlace } from "../../src/registration/ports.ts";
import { schemaVersion } from "../contract/store/fixtures.ts";
import { manualClock } from "../support/manual-clock.ts";
import { openApi } from "../support/open-api.ts";
import { caller, description, host, inputFor, openWorkshop, port, typesOf, type Replica, type Workshop } from "../support/workshop.ts";

const soon = () => AbortSignal.timeout(60_000);
const serviceId = `parser-${host}-${port}`;

function withCatalog(change: (catalog: Catalog) => Partial<Catalog>): (ports: RegistrationPorts) => RegistrationPorts {
  return (ports) => ({ ...ports, catalog: { ...ports.catalog, ...change(ports.catalog) } });
}

async function registered({ register, events }: Replica, input = inputFor()): Promise<string> {
  const { attemptId } = await register(input);
  expect(typesOf(await events(attemptId)).at(-1)).toBe("COMPLETED");
  return attemptId;
}

async function failed({ register, events }: Replica, input = inputFor()): Promise<string> {
  const { attemptId } = await register(input);
  return (await events(attemptId)).at(-1)?.errorDetail ?? "";
}

const entries = ({ ports }: Workshop) => ports.catalog.instances({}, soon());
const enabled = ({ ports }: Workshop) => ports.schemas.versions("parser-config", soon());

test("the health check is reported as the catalog has it: none is a failure of the catalog", async () => {
  let checks = 0;
  const clock = manualClock(1_000_000);
  await using workshop = await openWorkshop({
    clock,
    decorate: withCatalog((catalog) => ({ trialChecks: async (...given) => (checks === 0 ? [] : catalog.trialChecks(...given)) })),
  });
  const replica = workshop.replica();
  const failing = failed(replica);
  await clock.pass(5_000);
  expect(await failing).toMatch(/^DEPENDENCY_UNAVAILABLE: catalog unavailable/);
  checks = 1;
  const { attemptId } = await replica.register(inputFor());
  const following = replica.events(attemptId);
  await clock.pass(5_000);
  const configured = (await following).find(({ type }) => type === "HEALTH_CHECK_CONFIGURED");
  expect(configured?.metadata).toEqual({ check_type: "grpc.health.v1", check_target: `${host}:${port}`, check_tls: "false", checks: "1" });
});

test.each([undefined, "", "  \n\t"])("a module that gives %j as its schema gets the default one, unchecked", async (jsonConfigSchema) => {
  await using workshop = await openWorkshop({ decorate: (ports) => ({ ...ports, checkSchema: () => Promise.reject(new Error("checked")) }) });
  workshop.instance.describe = () => description(jsonConfigSchema === undefined ? {} : { jsonConfigSchema });
  const { register, events } = workshop.replica();
  const seen = await events((await register(inputFor())).attemptId);
  expect(seen.find(({ type }) => type === "SCHEMA_VALIDATED")?.metadata).toMatchObject({ source: "synthesised" });
  expect(JSON.parse((await workshop.ports.schemas.get("parser-config", "1.0.0", soon())) ?? "")).toMatchObject({ type: "object" });
});

test("a schema that is given is checked and published as it is", async () => {
  const checked: string[] = [];
  await using workshop = await openWorkshop({ decorate: (ports) => ({ ...ports, checkSchema: async (text) => (checked.push(text), { warnings: [] }) }) });
  workshop.instance.describe = () => description({ jsonConfigSchema: ' {"type":"object"}' });
  await registered(workshop.replica());
  expect(checked).toEqual([' {"type":"object"}']);
  expect(await workshop.ports.schemas.get("parser-config", "1.0.0", soon())).toBe(' {"type":"object"}');
});

test.each([
  ["http", false, false],
  ["http", true, true],
  ["https", false, true],
  ["https", true, true],
])("a document of an endpoint with scheme %s and tls_enabled %s is fetched with TLS: %s", async (scheme, tlsEnabled, tls) => {
  const places: DocumentPlace[] = [];
  await using workshop = await openWorkshop({
    decorate: (ports) => ({ ...ports, documents: { fetch: async (place) => (places.push(place), openApi) } }),
  });
  const endpoint = { scheme, host: "api.example", port: 8_443, basePath: "", healthPath: "", tlsEnabled };
  const other = { ...endpoint, host: "other.example" };
  const input = inputFor("parser", { type: "SERVICE", httpEndpoints: [endpoint, other], httpSchemaPath: "/openapi.json" });
  const { register, events } = workshop.replica();
  const seen = await events((await register(input)).attemptId);
  expect(seen.find(({ type }) => type === "SCHEMA_VALIDATED")?.metadata).toMatchObject({ source: "fetched" });
  expect(places).toEqual([{ host: "api.example", port: 8_443, tls, path: "/openapi.json" }]);
});

test.each([
  ["name", { moduleName: "other" }, "CALLBACK_IDENTITY_MISMATCH"],
  ["version", { version: "2" }, "CALLBACK_IDENTITY_MISMATCH"],
  ["own health", { healthCheckPassed: false, healthCheckMessage: "no disk" }, "CALLBACK_REPORTED_UNHEALTHY"],
])("a module whose %s is not as it should be is refused, and nothing is left of it", async (_what, wrong, reason) => {
  await using workshop = await openWorkshop();
  workshop.instance.describe = () => description(wrong);
  const replica = workshop.replica();
  expect(await failed(replica)).toMatch(new RegExp(`^${reason}: `));
  expect(await entries(workshop)).toEqual([]);
  expect(await enabled(workshop)).toEqual([]);
});

test("an entry that had to be promoted twice is registered only when the catalog still shows it passing", async () => {
  const clock = manualClock(1_000_000);
  let [promotions, status] = [0, "critical" as "critical" | "passing"];
  await using workshop = await openWorkshop({
    clock,
    decorate: withCatalog((catalog) => ({
      async promote(...given) {
        await catalog.promote(...given);
        promotions += 1;
        if (promotions % 5 === 1) throw unavailable("catalog", "the answer was lost");
      },
      instances: async (...given) => (await catalog.instances(...given)).map((it) => ({ ...it, status })),
    })),
  });
  const replica = workshop.replica();
  const failing = failed(replica);
  await clock.pass(10_000);
  expect(await failing).toMatch(/^DEPENDENCY_UNAVAILABLE: .*passing/);
  expect(await entries(workshop)).toEqual([]);
  [promotions, status] = [0, "passing"];
  const good = registered(replica);
  await clock.pass(10_000);
  await good;
  expect(promotions).toBe(2);
});

test("a commit that fails after the promotion puts the former entry back", async () => {
  let isAway = false;
  await using workshop = await openWorkshop({
    decorate: (ports) => ({
      ...ports,
      store: {
        ...ports.store,
        tx: (work) =>
          ports.store.tx((tx) =>
            work({
              ...tx,
              registrations: {
                ...tx.registrations,
                setState: (...given) => (isAway ? Promise.reject(new Error("scripted")) : tx.registrations.setState(...given)),
              },
            }),
          ),
      },
    }),
  });
  const replica = workshop.replica();
  const first = await registered(replica, inputFor("parser", { tags: ["old"] }));
  isAway = true;
  expect(await failed(replica, inputFor("parser", { tags: ["new"] }))).toMatch(/^INTERNAL: /);
  expect(await entries(workshop)).toMatchObject([{ attemptId: first, status: "passing", onTrial: false, tags: ["old", "module"] }]);
});

test("an attempt of a key that was unregistered meanwhile does not commit, and is taken back", async () => {
  let meanwhile: (() => Promise<unknown>) | undefined;
  await using workshop = await openWorkshop({
    decorate: withCatalog((catalog) => ({
      async promote(...given) {
        await catalog.promote(...given);
        const act = meanwhile;
        meanwhile = undefined;
        await act?.();
      },
    })),
  });
  const replica = workshop.replica();
  await registered(replica);
  const { ports, ids } = workshop;
  const elsewhere = { ports, ids, runner: workshop.replica().runner, runTask: async () => true };
  meanwhile = () => unregister(elsewhere, { name: "parser", host, port }, caller);
  expect(await failed(replica, inputFor("parser", { tags: ["new"] }))).toMatch(/^SUPERSEDED: /);
  expect(await entries(workshop)).toEqual([]);
  expect(await workshop.store.tx((tx) => tx.registrations.findActive(serviceId))).toBeUndefined();
});

test("tags that are set while an attempt commits are the registration's, and a task writes them to the catalog", async () => {
  let meanwhile: (() => Promise<unknown>) | undefined;
  await using workshop = await openWorkshop({
    decorate: withCatalog((catalog) => ({ promote: async (...given) => (await meanwhile?.(), catalog.promote(...given)) })),
  });
  const replica = workshop.replica();
  await registered(replica, inputFor("parser", { tags: ["old"] }));
  const { ports, ids } = workshop;
  const tagging = { ports, ids, runTask: async () => true };
  meanwhile = () => {
    meanwhile = undefined;
    return updateTags(tagging, { serviceId, tags: ["set"] }, caller);
  };
  const second = await registered(replica, inputFor("parser", { tags: ["old"], metadata: { zone: "b" } }));
  const shown = () => workshop.store.tx(async (tx) => (await tx.tasks.claim("show", 1_000, 10)).map(({ payload }) => payload));
  expect(await shown()).toContain(JSON.stringify({ registrationId: second }));
  const third = await registered(replica, inputFor("parser", { tags: ["old"], metadata: { zone: "c" } }));
  expect((await entries(workshop))[0]).toMatchObject({ attemptId: third, tags: ["set", "module"] });
  expect(await shown()).not.toContain(JSON.stringify({ registrationId: third }));
});

test("what this process published after another had taken its attempt back is disabled", async () => {
  const [reached, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using workshop = await openWorkshop({
    decorate: (ports) => ({
      ...ports,
      schemas: {
        ...ports.schemas,
        // Carried out although it was given up, as by a server that the abort reached too late.
        async put(document, attemptId) {
          reached.resolve();
          await held.promise;
          return ports.schemas.put(document, attemptId, soon());
        },
      },
    }),
  });
  const [stalled, other] = [workshop.replica(), workshop.replica()];
  const { attemptId } = await stalled.register(inputFor());
  await reached.promise;
  await workshop.store.tx((tx) => tx.attempts.expireLeases());
  await other.runner.tend();
  await other.events(attemptId);
  expect(await workshop.store.tx((tx) => tx.schemas.find("parser-config", "1.0.0"))).toBeUndefined();
  await stalled.runner.tend();
  held.resolve();
  await expect.poll(() => stalled.counted.at(-1)).toBe(`abandoned ${attemptId} INTERRUPTED`);
  expect(await enabled(workshop)).toEqual([]);
  expect((await workshop.store.tx((tx) => tx.schemas.find("parser-config", "1.0.0")))?.state).toBe("DISABLED");
});

test("a failed attempt leaves a version that another one stands on: reserved, or published", async () => {
  await using workshop = await openWorkshop();
  const at = (where: number) => inputFor("parser", { connectivity: { advertisedHost: host, advertisedPort: where, tlsEnabled: false } });
  const replica = workshop.replica();
  const first = await registered(replica, at(1));
  const { ports } = workshop;
  const failing = { ...ports.catalog, promote: () => Promise.reject(new Error("scripted")) };
  const other = workshop.replica({}, { ports: { ...ports, catalog: failing } });
  expect(await failed(other, at(2))).toMatch(/^INTERNAL: /);
  expect(await enabled(workshop)).toEqual(["1.0.0"]);
  expect((await workshop.store.tx((tx) => tx.schemas.find("parser-config", "1.0.0")))?.state).toBe("ENABLED");
  expect((await entries(workshop)).map(({ attemptId }) => attemptId)).toEqual([first]);
});

test("an attempt that fails before it has published leaves a version that another has only reserved", async () => {
  await using workshop = await openWorkshop();
  const at = (where: number) => inputFor("parser", { connectivity: { advertisedHost: host, advertisedPort: where, tlsEnabled: false } });
  const { ports } = workshop;
  const never = workshop.replica({}, { ports: { ...ports, schemas: { ...ports.schemas, put: () => new Promise(() => undefined) } } });
  const pending = (await never.register(at(1))).attemptId;
  await expect.poll(() => workshop.store.tx((tx) => tx.registrations.find(pending))).toMatchObject({ state: "PENDING" });
  const refusing = { ...ports.schemas, put: () => Promise.reject(new Error("scripted")) };
  const other = workshop.replica({}, { ports: { ...ports, schemas: refusing } });
  expect(await failed(other, at(2))).toMatch(/^INTERNAL: /);
  expect(await workshop.store.tx((tx) => tx.schemas.find("parser-config", "1.0.0"))).toMatchObject({ state: "PENDING" });
  expect(await workshop.store.tx((tx) => tx.registrations.find(pending))).toMatchObject({ state: "PENDING" });
});

test("an attempt that fails after it has published disables what it published; without the registry that is tried again", async () => {
  let isAway = true;
  await using workshop = await openWorkshop({
    decorate: (ports) => ({
      ...ports,
      catalog: { ...ports.catalog, promote: () => Promise.reject(new Error("scripted")) },
      schemas: {
        ...ports.schemas,
        disable: (...given) => (isAway ? Promise.reject(unavailable("schema registry", "scripted")) : ports.schemas.disable(...given)),
      },
    }),
  });
  const replica = workshop.replica();
  const { attemptId } = await replica.register(inputFor());
  expect((await replica.events(attemptId)).at(-1)?.message).toMatch(/still being taken back/);
  expect(await workshop.attempt(attemptId)).toMatchObject({ state: "STUCK", error: { reason: "INTERNAL" } });
  expect(await workshop.store.tx((tx) => tx.registrations.find(attemptId))).toMatchObject({ state: "PENDING" });
  expect(await entries(workshop)).toEqual([]);
  isAway = false;
  await workshop.store.tx((tx) => tx.attempts.expireLeases());
  await replica.runner.tend();
  await expect.poll(async () => (await workshop.attempt(attemptId)).state).toBe("ROLLED_BACK");
  expect(await enabled(workshop)).toEqual([]);
  expect(await workshop.store.tx((tx) => tx.registrations.find(attemptId))).toBeUndefined();
});

test("a version known with another content is refused; one that was disabled is used again", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  const known = schemaVersion("1.0.0", { content: "other", sha256: "other", state: "DISABLED" });
  await workshop.store.tx((tx) => tx.schemas.insert(known));
  expect(await failed(replica)).toMatch(/^SCHEMA_VERSION_CONFLICT: /);
  await workshop.store.tx((tx) => tx.schemas.delete("parser-config", "1.0.0"));
  await registered(replica);
  const { ports, ids } = workshop;
  const ending = { ports, ids, runner: replica.runner, runTask: async () => true };
  await unregister(ending, { name: "parser", host, port }, caller);
  await workshop.store.tx((tx) => tx.schemas.setState("parser-config", "1.0.0", "DISABLED"));
  await ports.schemas.disable("parser-config", "1.0.0", soon());
  await registered(replica);
  expect((await workshop.store.tx((tx) => tx.schemas.find("parser-config", "1.0.0")))?.state).toBe("ENABLED");
  expect(await enabled(workshop)).toEqual(["1.0.0"]);
});
