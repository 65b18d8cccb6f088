/** Names and hosts in several spellings, through the stock client: what is one instance, what clashes, and whose a name is. */
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect, type MusterClient } from "../support/client.ts";
import { startFakeModule, type FakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, realBacking, startMuster, type Backing } from "../support/muster.ts";
import { principals } from "../support/principals.ts";
import { describeReal } from "../support/real-servers.ts";
import { inEveryMode, leftInConsul, moduleSteps, passingInConsul, requestFor, serviceSteps, unregister, versionsInApicurio } from "../support/world.ts";

const { method } = PlatformRegistrationService;
const asService = { type: ServiceType.SERVICE } as const;

const typeOf = async (answer: ReturnType<MusterClient["register"]>) => (await answer).types.at(-1);

/** The service id that a lookup finds; undefined when there is none. */
async function found(client: MusterClient, lookupKey: { case: "serviceId" | "serviceName"; value: string }): Promise<string | undefined> {
  return (await client.unary(method.getService, { lookupKey }).catch(() => undefined))?.serviceId;
}

/** Waits until discovery has the service id. */
const shown = (client: MusterClient, serviceId: string) => eventually(() => found(client, { case: "serviceId", value: serviceId }));

async function listed(client: MusterClient, name: string): Promise<readonly string[]> {
  const { services } = await client.unary(method.listServices, {});
  return services.filter((it) => it.serviceName.toLowerCase() === name.toLowerCase()).map(({ serviceId }) => serviceId);
}

inEveryMode("names in another case", (world) => {
  test("clash while the first spelling is registered, and take over afterwards", async () => {
    const { client, unique, real } = world();
    const name = unique("fld-pay");
    const other = name.replace("fld-pay", "Fld-Pay");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const id = `${name}-${module.host}-${module.port}`;
    const otherId = `${other}-${module.host}-${module.port}`;
    expect((await client.register(requestFor(name, module, asService))).types).toEqual(serviceSteps);

    const clash = await client.register(requestFor(other, module, asService));
    expect(clash.events).toEqual([]);
    expect(clash.status).toMatchObject({ code: 6, reason: "SERVICE_ID_CLASH" });
    expect(clash.status.message).toContain(`muster unregister ${name} ${module.host}:${module.port}`);

    const again = await client.register(requestFor(name, module, asService));
    expect(again.types.at(-1)).toBe("COMPLETED");
    expect(again.events.at(-1)?.message).toContain("nothing has changed");
    await shown(client, id);
    for (const value of [name, other, name.toUpperCase()]) {
      expect(await found(client, { case: "serviceName", value })).toBe(id);
      expect((await client.unary(method.resolveService, { serviceName: value })).serviceId).toBe(id);
    }
    expect(await found(client, { case: "serviceId", value: otherId })).toBe(id);
    expect((await client.unary(method.updateTags, { serviceId: otherId, tags: ["folded"] })).appliedTags).toContain("folded");

    expect(await unregister(client, other, module)).toMatchObject({ success: true });
    await eventually(async () => ((await listed(client, name)).length === 0 ? true : undefined));
    expect((await client.register(requestFor(other, module, asService))).types).toEqual(serviceSteps);
    await shown(client, otherId);
    expect(await listed(client, name)).toEqual([otherId]);
    expect((await client.register(requestFor(name, module, asService))).status).toMatchObject({ reason: "SERVICE_ID_CLASH" });
    if (real) {
      expect((await passingInConsul(real, name)).map(({ ID }) => ID)).toEqual([otherId]);
      expect(await leftInConsul(real, id)).toEqual([]);
    }
    expect(await unregister(client, name, module)).toMatchObject({ success: true });
  });

  test("clash while the first spelling is under way, and not once it has failed", async () => {
    const { client, unique } = world();
    const name = unique("fld-slow");
    await using module = await startFakeModule({ name, version: "1.0.0", status: "NOT_SERVING" });
    const waiting = client.register(requestFor(name, module, { ...asService, healthTimeout: { seconds: 4n, nanos: 0 } }));
    const other = () => client.register(requestFor(name.toUpperCase(), module, { ...asService, healthTimeout: { seconds: 4n, nanos: 0 } }));
    await eventually(async () => (module.calls.health > 0 ? true : undefined));
    expect((await other()).status).toMatchObject({ code: 6, reason: "SERVICE_ID_CLASH" });
    expect((await waiting).types.at(-1)).toBe("FAILED");
    module.setStatus("SERVING");
    expect((await other()).types).toEqual(serviceSteps);
    await unregister(client, name, module);
  });

  test("have one schema: one content a version, compared with what either published before, and read by any of them", async () => {
    const { client, unique, real } = world();
    const name = unique("fld-schema");
    const other = name.replace("fld", "Fld");
    const schemaOf = (type: string) => JSON.stringify({ type: "object", properties: { a: { type } } });
    for (const [type, kind] of [
      [ServiceType.MODULE, "module"],
      [ServiceType.CONNECTOR, "connector"],
    ] as const) {
      await using modules = new AsyncDisposableStack();
      const register = async (as: string, version: string, schema?: string) => {
        const module = modules.use(await startFakeModule({ name: as, version, ...(schema === undefined ? {} : { schema }) }));
        modules.defer(() => unregister(client, as, module).then(() => undefined));
        return client.register(requestFor(as, module, { type, version }));
      };
      const compatibility = ({ events }: Awaited<ReturnType<typeof register>>) =>
        events.flatMap(({ eventData }) => (eventData.case === "metadata" ? (eventData.value.values["compatibility"] ?? []) : []));
      for (const as of [name, other]) expect((await register(as, "1.0.0", schemaOf("string"))).types, as).toEqual(moduleSteps);
      expect((await register(other, "1.0.0", schemaOf("integer"))).errorDetail).toMatch(/^SCHEMA_VERSION_CONFLICT/);
      expect(compatibility(await register(other, "2.0.0", schemaOf("integer")))).toEqual(["BREAKING"]);
      // The default one is the same, too.
      for (const as of [name, other]) expect((await register(as, "3.0.0")).types, as).toEqual(moduleSteps);
      const artifactId = kind === "module" ? `${name}-config` : `${name}-connector-config`;
      for (const value of [name, other, name.toUpperCase()]) {
        const found = await (kind === "module"
          ? client.unary(method.getModuleSchema, { moduleName: value })
          : client.unary(method.getConnectorSchema, { connectorType: value }));
        expect(found).toMatchObject({ artifactId, availableVersions: ["3.0.0", "2.0.0", "1.0.0"] });
      }
      if (real) expect((await versionsInApicurio(real, artifactId)).map(({ version }) => version).toSorted()).toEqual(["1.0.0", "2.0.0", "3.0.0"]);
    }
  });

  test("have the schema artifact of the spelling that registered first, not of one that failed", async () => {
    const { client, unique } = world();
    const name = unique("fld-first");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    expect((await client.register(requestFor(name.toUpperCase(), module))).errorDetail).toMatch(/^CALLBACK_IDENTITY_MISMATCH/);
    const { types, errorDetail } = await client.register(requestFor(name, module));
    expect(types, errorDetail).toEqual(moduleSteps);
    expect(await client.unary(method.getModuleSchema, { moduleName: name })).toMatchObject({ artifactId: `${name}-config` });
    await unregister(client, name, module);
  });

  test("have one OpenAPI document a version", async () => {
    const { client, unique } = world();
    const name = unique("fld-http");
    const other = name.toUpperCase();
    const of = (title: string) => ({ ...asService, httpSchema: JSON.stringify({ openapi: "3.1.0", info: { title, version: "1" }, paths: {} }) });
    await using one = await startFakeModule({ name, version: "1.0.0" });
    await using two = await startFakeModule({ name: other, version: "1.0.0" });
    expect(await typeOf(client.register(requestFor(name, one, of("one"))))).toBe("COMPLETED");
    expect((await client.register(requestFor(other, two, of("two")))).errorDetail).toMatch(/^SCHEMA_VERSION_CONFLICT/);
    for (const more of [{}, { httpSchemaArtifactId: `${name}-http-config` }, { httpSchemaArtifactId: `${other}-http-config` }]) {
      const { errorDetail, types, status } = await client.register(requestFor(other, two, { ...of("one"), ...more }));
      expect(types.at(-1), `${errorDetail} ${status.message}`).toBe("COMPLETED");
    }
    await eventually(async () => {
      const service = await client.unary(method.getService, { lookupKey: { case: "serviceId", value: `${other}-${two.host}-${two.port}` } });
      return service.httpSchemaArtifactId === `${name}-http-config` || undefined;
    });
    await unregister(client, name, one);
    await unregister(client, other, two);
  });
});

async function oneInstance(client: MusterClient, module: FakeModule, name: string, [first, ...others]: readonly [string, ...string[]]): Promise<void> {
  const at = (host: string) => requestFor(name, module, {}, { advertisedHost: host });
  const id = `${name}-${first}-${module.port}`;
  const started = await client.register(at(first));
  expect(started.types, started.errorDetail).toEqual(moduleSteps);
  for (const host of others) {
    const { types, events, errorDetail } = await client.register(at(host));
    expect(types.at(-1), errorDetail).toBe("COMPLETED");
    expect(events.at(-1)?.eventData.value).toBe(id);
    expect((await client.register(at(host))).events.at(-1)?.message).toContain("nothing has changed");
    // What is displayed is as the latest request gave it.
    await eventually(async () => {
      const service = await client.unary(method.getService, { lookupKey: { case: "serviceId", value: id } }).catch(() => undefined);
      return service?.host === host ? true : undefined;
    });
    expect(await found(client, { case: "serviceId", value: `${name}-${host}-${module.port}` })).toBe(id);
    expect(await found(client, { case: "serviceName", value: name })).toBe(id);
    expect((await client.unary(method.listModules, {})).modules.filter((it) => it.moduleName === name)).toHaveLength(1);
  }
  const last = others.at(-1) ?? first;
  expect((await client.unary(method.unregister, { name, host: first, port: module.port })).success).toBe(true);
  await eventually(async () => ((await found(client, { case: "serviceName", value: name })) === undefined ? true : undefined));
  // Nothing is registered under the first spelling any more: the next one has its own service id.
  expect((await client.register(at(last))).events.at(-1)?.eventData.value).toBe(`${name}-${last}-${module.port}`);
  expect((await client.unary(method.unregister, { name, host: first, port: module.port })).success).toBe(true);
}

inEveryMode("hosts in another spelling", (world) => {
  test("localhost and LOCALHOST are one instance, which keeps its first service id", async () => {
    const { client, unique } = world();
    const name = unique("fld-host");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await oneInstance(client, module, name, ["localhost", "LOCALHOST", "LocalHost"]);
  });

  test("so are the forms of one IPv6 address", async () => {
    const { client, unique } = world();
    const name = unique("fld-six");
    await using module = await startFakeModule({ name, version: "1.0.0", host: "::1" });
    await oneInstance(client, module, name, ["::1", "0:0:0:0:0:0:0:1", "::0001"]);
  });
});

function ownership(back: () => Promise<Backing>): void {
  test("a name's owner owns every spelling of it", async () => {
    await using backing = await back();
    await using callers = await principals({ owner: "registrar", other: "registrar" });
    await using muster = await startMuster({ ...backing.env, ...callers.env });
    using owner = connect(muster.address, { token: callers.token.owner });
    using other = connect(muster.address, { token: callers.token.other });
    const name = `payments-${crypto.randomUUID().slice(0, 8)}`;
    const Name = name.replace("p", "P");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await using elsewhere = await startFakeModule({ name, version: "1.0.0" });
    expect((await owner.register(requestFor(name, module, asService))).types).toEqual(serviceSteps);
    for (const at of [module, elsewhere]) {
      const refused = await other.register(requestFor(Name, at, asService));
      expect(refused.status).toMatchObject({ code: 7, reason: "NAME_OWNED_BY_ANOTHER" });
      expect(refused.events).toEqual([]);
    }
    await expect(unregister(other, Name, module)).rejects.toMatchObject({ status: { code: 7, reason: "NAME_OWNED_BY_ANOTHER" } });
    expect(await shown(owner, `${name}-${module.host}-${module.port}`)).toBeDefined();
    expect(await typeOf(owner.register(requestFor(Name, elsewhere, asService)))).toBe("COMPLETED");
    await unregister(owner, name, elsewhere);
    await unregister(owner, name, module);
  });
}

describe("owners of names (embedded)", () => ownership(embeddedBacking));
describeReal("owners of names (real servers)", (servers) => ownership(() => realBacking(servers)));
