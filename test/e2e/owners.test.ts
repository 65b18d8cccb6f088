/**
 * What one registrar tries with the names, artifacts and service ids of another, through stock clients and the command line:
 * it ends as if he had not been there.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PlatformRegistrationService, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { NameService } from "../../gen/muster/registration/v1/name_service_pb.ts";
import { connect, refusal, type MusterClient } from "../support/client.ts";
import { startFakeModule, type FakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { runCli } from "../support/muster-cli.ts";
import { embeddedBacking, realBacking, startMuster, type Backing, type MusterProcess } from "../support/muster.ts";
import { openApi } from "../support/open-api.ts";
import { principals, type Principals } from "../support/principals.ts";
import { describeReal, type RealServers } from "../support/real-servers.ts";
import { inEveryMode, leftInConsul, moduleSteps, requestFor, serviceSteps, unregister, versionsInApicurio } from "../support/world.ts";

const { getConnectorSchema, getModuleSchema } = PlatformRegistrationService.method;
const documentSteps = [...serviceSteps.slice(0, -1), "SCHEMA_VALIDATED", "DATABASE_SAVED", "APICURIO_REGISTERED", "COMPLETED"];
const service = (name: string, at: FakeModule, more: Parameters<typeof requestFor>[2] = {}) => requestFor(name, at, { type: ServiceType.SERVICE, ...more });
const titled = (title: string) => JSON.stringify({ title, type: "object" });
const serverOf = (name: string, schema?: string) => startFakeModule({ name, version: "1.0.0", ...(schema === undefined ? {} : { schema }) });

/** Module `<shop>-http` and service `<shop>`, module `<pets>-connector` and connector `<pets>`. */
async function acrossKinds(theirs: MusterClient, ours: MusterClient, shop: string, pets: string, real?: RealServers): Promise<void> {
  await using shopHttp = await serverOf(`${shop}-http`, openApi);
  await using petsConnector = await serverOf(`${pets}-connector`, titled("theirs"));
  for (const [name, at] of [
    [`${shop}-http`, shopHttp],
    [`${pets}-connector`, petsConnector],
  ] as const) {
    const { types, errorDetail } = await theirs.register(requestFor(name, at));
    expect(types, errorDetail).toEqual(moduleSteps);
  }
  expect(await refusal(ours, getConnectorSchema, { connectorType: pets })).toMatchObject({ reason: "SCHEMA_NOT_FOUND" });

  await using at = await serverOf(pets, titled("ours"));
  const document = await ours.register(service(shop, at, { httpSchema: openApi }));
  expect(document.types, document.errorDetail).toEqual(documentSteps);
  const connector = await ours.register(requestFor(pets, at, { type: ServiceType.CONNECTOR }));
  expect(connector.types, connector.errorDetail).toEqual(moduleSteps);
  expect(await ours.unary(getConnectorSchema, { connectorType: pets })).toMatchObject({ schemaJson: titled("ours"), artifactId: `${pets}-connector-config` });
  expect(await ours.unary(getModuleSchema, { moduleName: `${pets}-connector` })).toMatchObject({ schemaJson: titled("theirs") });
  if (real) {
    for (const id of [`${shop}-http-config`, `${shop}-http-module-config`, `${pets}-connector-config`, `${pets}-connector-module-config`]) {
      expect(await versionsInApicurio(real, id)).toMatchObject([{ version: "1.0.0", state: "ENABLED" }]);
    }
  }
}

inEveryMode("artifacts of other kinds, everybody one principal", (world) => {
  test("a module is not taken for a connector or for a service's document", async () => {
    const { client, unique, real } = world();
    await acrossKinds(client, client, unique("shop"), unique("pets"), real);
  });

  test("a replayed request id whose registration has ended is answered so", async () => {
    const { client, unique } = world();
    const name = unique("replayed");
    await using at = await serverOf(name);
    const request = service(name, at, { requestId: unique("deploy") });
    const { attemptId, types } = await client.register(request);
    expect(types).toEqual(serviceSteps);
    expect((await client.register(request)).attemptId).toBe(attemptId);
    await unregister(client, name, at);
    const replay = await client.register(request);
    expect(replay.events).toEqual([]);
    expect(replay.status).toMatchObject({ code: 9, reason: "REGISTRATION_ENDED", metadata: { attempt_id: attemptId } });
    expect((await client.register({ ...request, requestId: unique("deploy-2") })).types).toEqual(serviceSteps);
    await unregister(client, name, at);
  });
});

function attacks(back: () => Promise<Backing>, real?: RealServers): void {
  const tag = crypto.randomUUID().slice(0, 8);
  let opened: { readonly backing: Backing; readonly callers: Principals<"ours" | "theirs" | "root">; readonly muster: MusterProcess } | undefined;
  let clients: Readonly<Record<"ours" | "theirs" | "root", MusterClient>>;
  beforeAll(async () => {
    const backing = await back();
    const callers = await principals({ ours: "registrar", theirs: "registrar", root: "admin" });
    const muster = await startMuster({ ...backing.env, ...callers.env });
    opened = { backing, callers, muster };
    const client = (name: keyof typeof clients) => connect(muster.address, { token: callers.token[name] });
    clients = { ours: client("ours"), theirs: client("theirs"), root: client("root") };
  });
  afterAll(async () => {
    for (const client of Object.values(clients)) client[Symbol.dispose]();
    await opened?.muster[Symbol.asyncDispose]();
    await opened?.callers[Symbol.asyncDispose]();
    await opened?.backing[Symbol.asyncDispose]();
  });
  const muster = (as: keyof typeof clients, ...args: readonly string[]) =>
    runCli(args, { MUSTER_ADDRESS: opened?.muster.address ?? "", MUSTER_TOKEN: opened?.callers.token[as] ?? "" });

  test("a module is not taken for another's connector or for another's document", async () => {
    await acrossKinds(clients.theirs, clients.ours, `shop-${tag}`, `pets-${tag}`, real);
  });

  test("nobody publishes in another's artifact unless it was shared", async () => {
    const { ours, theirs } = clients;
    const [payments, evil, api] = [`payments-${tag}`, `evil-${tag}`, `payments-api-${tag}`];
    await using at = await serverOf(payments);
    await using there = await serverOf(evil);
    const document = { httpSchema: openApi, httpSchemaArtifactId: api };
    expect((await ours.register(service(payments, at, document))).types).toEqual(documentSteps);
    const attack = () => theirs.register(service(evil, there, { ...document, httpSchemaVersion: "2.0.0" }));
    const refused = await attack();
    expect(refused.errorDetail).toMatch(/^ARTIFACT_OWNED_BY_ANOTHER: /);
    expect(refused.status.code).toBe(0);
    if (real) {
      expect(await versionsInApicurio(real, api)).toMatchObject([{ version: "1.0.0" }]);
      expect(await leftInConsul(real, evil)).toEqual([]);
    }
    const shared = { artifactId: api, name: evil };
    expect(await refusal(theirs, NameService.method.shareArtifact, shared)).toMatchObject({ code: 7, reason: "ARTIFACT_OWNED_BY_ANOTHER" });
    // The other name must be somebody's first.
    expect((await theirs.register(service(evil, there))).types).toEqual(serviceSteps);
    expect(await muster("ours", "names", "share", api, evil)).toMatchObject({ code: 0, out: `✓ ${evil} may publish in ${api}\n` });
    expect((await attack()).types).toEqual(documentSteps);
    expect(await muster("ours", "names", "unshare", api, evil)).toMatchObject({ code: 0 });
    const after = await theirs.register(service(evil, there, { ...document, httpSchemaVersion: "3.0.0" }));
    expect(after.errorDetail).toMatch(/^ARTIFACT_OWNED_BY_ANOTHER: /);
  });

  test("a request id of another neither joins his request nor refuses it", async () => {
    const { ours, theirs } = clients;
    const [mine, other] = [`mine-${tag}`, `other-${tag}`];
    await using at = await serverOf(mine);
    await using there = await serverOf(other);
    const requestId = `deploy-42-${tag}`;
    const first = await theirs.register(service(other, there, { requestId }));
    expect(first.types).toEqual(serviceSteps);
    const second = await ours.register(service(mine, at, { requestId }));
    expect(second.types).toEqual(serviceSteps);
    expect(second.attemptId).not.toBe(first.attemptId);
    expect((await theirs.register(service(other, there, { requestId }))).attemptId).toBe(first.attemptId);
  });

  test("nobody registers under the platform's own names, in any spelling", async () => {
    await using at = await serverOf("muster");
    for (const name of ["muster", "Muster", "MUSTER-trial", "Consul"]) {
      const refused = await clients.theirs.register(service(name, at));
      expect(refused.status, name).toMatchObject({ code: 3, fields: ["name"] });
      expect(refused.events).toEqual([]);
    }
  });

  test("a Register that is under way reserves its name, and one that fails leaves nothing", async () => {
    const { ours, theirs } = clients;
    const name = `wanted-${tag}`;
    await using silent = await startFakeModule({ name, version: "1.0.0", status: "NOT_SERVING" });
    await using at = await serverOf(name);
    const waiting = theirs.register(service(name, silent, { healthTimeout: { seconds: 20n, nanos: 0 } }));
    await eventually(async () => (silent.calls.health > 0 ? true : undefined));
    const meanwhile = await ours.register(service(name.toUpperCase(), at));
    expect(meanwhile.status).toMatchObject({ code: 10, reason: "ATTEMPT_IN_FLIGHT" });
    expect(meanwhile.events).toEqual([]);
    expect((await muster("root", "names", "list", name)).out).toMatch(new RegExp(`^${name} +tokens\\|theirs +reserved$`, "m"));
    await unregister(theirs, name, silent);
    expect((await waiting).types.at(-1)).toBe("FAILED");
    expect((await muster("root", "names", "list", name)).out).toBe("No matching names.\n");
    expect((await ours.register(service(name, at))).types).toEqual(serviceSteps);
    silent.setStatus("SERVING");
    expect((await theirs.register(service(name, silent))).status).toMatchObject({ code: 7, reason: "NAME_OWNED_BY_ANOTHER" });
  });

  test("an admin lists names, gives one away, and releases one that is not in use; a registrar cannot", async () => {
    const { ours, theirs } = clients;
    const name = `moved-${tag}`;
    await using at = await serverOf(name, titled("moved"));
    expect((await ours.register(requestFor(name, at))).types).toEqual(moduleSteps);
    for (const args of [["list"], ["transfer", name, "tokens|theirs"], ["release", name]]) {
      expect(await muster("theirs", "names", ...args)).toMatchObject({ code: 4, err: expect.stringContaining("PERMISSION_DENIED") });
    }
    expect((await muster("root", "names", "list", name)).out).toMatch(new RegExp(`^${name} +tokens\\|ours +owned +${name}-config$`, "m"));
    expect(await muster("root", "names", "release", name)).toMatchObject({ code: 6, err: expect.stringContaining("NAME_IN_USE") });
    expect(await muster("root", "names", "transfer", name, "tokens|theirs")).toMatchObject({
      code: 0,
      out: `✓ ${name} belongs to tokens|theirs now; before, to tokens|ours\n`,
    });
    expect((await ours.register(requestFor(name, at))).status).toMatchObject({ reason: "NAME_OWNED_BY_ANOTHER" });
    const found = JSON.parse((await muster("root", "names", "list", "--owner", "tokens|theirs", "-o", "json")).out) as { names: { name: string }[] };
    expect(found.names.map((it) => it.name)).toContain(name);
    await unregister(theirs, name, at);
    expect(await muster("root", "names", "release", name.toUpperCase())).toMatchObject({ code: 0 });
    expect(await muster("root", "names", "release", name)).toMatchObject({ code: 5, err: expect.stringContaining("NAME_NOT_FOUND") });
    expect((await ours.register(requestFor(name, at))).types).toEqual(moduleSteps);
  });
}

describe("names and artifacts of another (embedded)", () => attacks(embeddedBacking));
describeReal("names and artifacts of another (real servers)", (servers) => attacks(() => realBacking(servers), servers));
