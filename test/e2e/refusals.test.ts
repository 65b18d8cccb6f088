/** Requests that are refused before anything begins: INVALID_ARGUMENT with all bad fields, and its like. */
import { describe, expect, test } from "vitest";
import { ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ListAttemptsResponseSchema, RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { createApp } from "../../src/app.ts";
import { parseConfig } from "../../src/config/config.ts";
import { connect } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { embeddedBacking, realBacking, type Backing } from "../support/muster.ts";
import { describeReal, type RealServers } from "../support/real-servers.ts";
import { inEveryMode, passingInConsul, requestFor, serviceSteps, unregister } from "../support/world.ts";
import { create } from "@bufbuild/protobuf";

const somewhere = { host: "127.0.0.1", port: 9 };
const valid = requestFor("valid-name", somewhere);
const at = (where: Parameters<typeof requestFor>[3]) => requestFor("valid-name", somewhere, {}, where);

const pairs = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, "v"]));

const cases: readonly (readonly [what: string, request: typeof valid, fields: readonly string[]])[] = [
  ["an unspecified type", { ...valid, type: ServiceType.UNSPECIFIED }, ["type"]],
  ["an unknown type", { ...valid, type: 77 as ServiceType }, ["type"]],
  ["no name", { ...valid, name: "" }, ["name"]],
  ["an overlong name", { ...valid, name: "n".repeat(129) }, ["name"]],
  ["a name with a space", { ...valid, name: "two words" }, ["name"]],
  ["a name with a path", { ...valid, name: "../../v1/kv/x" }, ["name"]],
  ["a name ending in a dot", { ...valid, name: "name." }, ["name"]],
  ["no connectivity", { name: "valid-name", type: ServiceType.SERVICE }, ["connectivity.advertised_host", "connectivity.advertised_port"]],
  ["a host with a scheme", at({ advertisedHost: "http://example" }), ["connectivity.advertised_host"]],
  ["a host that is a number", at({ advertisedHost: "2130706433" }), ["connectivity.advertised_host"]],
  ["a metadata address", at({ advertisedHost: "169.254.169.254" }), ["connectivity.advertised_host"]],
  ["a mapped metadata address", at({ advertisedHost: "::ffff:169.254.169.254" }), ["connectivity.advertised_host"]],
  ["the unspecified address", at({ advertisedHost: "0.0.0.0" }), ["connectivity.advertised_host"]],
  ["a multicast address", at({ advertisedHost: "224.0.0.1" }), ["connectivity.advertised_host"]],
  ["an unresolvable host", at({ advertisedHost: "no-such-host.invalid" }), ["connectivity.advertised_host"]],
  ["a denied internal host", at({ internalHost: "fe80::1" }), ["connectivity.internal_host"]],
  ["port 0", at({ advertisedPort: 0 }), ["connectivity.advertised_port"]],
  ["port -1", at({ advertisedPort: -1 }), ["connectivity.advertised_port"]],
  ["port 65536", at({ advertisedPort: 65_536 }), ["connectivity.advertised_port"]],
  ["internal port 0", at({ internalPort: 0 }), ["connectivity.internal_port"]],
  ["a module without a version", { ...valid, version: "" }, ["version"]],
  ["a version with a space", { ...valid, version: "1.0 beta" }, ["version"]],
  ["65 metadata pairs", { ...valid, metadata: pairs(65) }, ["metadata"]],
  ["a metadata value of 17 KiB", { ...valid, metadata: { big: "x".repeat(17 * 1_024) } }, ["metadata"]],
  ["a tag with a control character", { ...valid, tags: ["fine", "bell\u0007"] }, ["tags"]],
  ["65 tags", { ...valid, tags: Array.from({ length: 65 }, (_, index) => `t${index}`) }, ["tags"]],
  ["an empty capability", { ...valid, capabilities: [""] }, ["capabilities"]],
  ["a health_timeout of 121 s", { ...valid, healthTimeout: { seconds: 121n } }, ["health_timeout"]],
  ["a negative startup_grace", { ...valid, startupGrace: { seconds: -1n } }, ["startup_grace"]],
  [
    "a health path that is a URL",
    { ...valid, httpEndpoints: [{ scheme: "http", host: "example", port: 80, healthPath: "http://169.254.169.254/" }] },
    ["http_endpoints"],
  ],
  ["a request_id with a newline", { ...valid, requestId: "a\nb" }, ["request_id"]],
  [
    "everything at once",
    { name: "", type: ServiceType.UNSPECIFIED, connectivity: { advertisedHost: "a b", advertisedPort: 0 }, tags: ["\n"], metadata: pairs(65) },
    ["name", "type", "connectivity.advertised_host", "connectivity.advertised_port", "metadata", "tags"],
  ],
];

inEveryMode("refused before STARTED", (world) => {
  test.each(cases)("%s", async (_what, request, fields) => {
    const { events, status } = await world().client.register(request);
    expect(events).toEqual([]);
    expect(status.code).toBe(3);
    expect([...status.fields].toSorted()).toEqual([...fields].toSorted());
    expect(["INVALID_FIELDS", "HOST_DENIED", "HOST_UNRESOLVABLE"]).toContain(status.reason);
  });

  test("the reasons of a denied host and of one that cannot be resolved differ", async () => {
    const reason = async (host: string) => (await world().client.register(at({ advertisedHost: host }))).status.reason;
    expect(await reason("169.254.169.254")).toBe("HOST_DENIED");
    expect(await reason("no-such-host.invalid")).toBe("HOST_UNRESOLVABLE");
  });

  test("a message of 2 MiB is RESOURCE_EXHAUSTED", async () => {
    const { events, status } = await world().client.register({ ...valid, httpSchema: "x".repeat(2 << 20) });
    expect(events).toEqual([]);
    expect(status.code).toBe(8);
  });

  test("none of them left an attempt", async () => {
    const { attempts } = await world().client.unary(RegistrationService.method.listAttempts, {});
    expect(create(ListAttemptsResponseSchema, { attempts }).attempts).toEqual([]);
  });
});

function clashing(back: () => Promise<Backing>, real?: RealServers): void {
  test("a service-id clash is ALREADY_EXISTS, as the rule that makes ids is not injective, while the other one is registered", async () => {
    await using backing = await back();
    const config = parseConfig({ ...backing.env, MUSTER_LISTEN: "127.0.0.1:0", MUSTER_SELF_REGISTER: "off" }, () => "");
    await using app = await createApp(config, { log: () => undefined, resolveHost: async () => ({ address: "127.0.0.1" }) });
    using client = connect(`127.0.0.1:${app.address.port}`);
    const tag = crypto.randomUUID().slice(0, 8);
    await using server = await startFakeModule({ name: tag, version: "1.0.0" });
    const { port } = server;
    const [dashed, dotted] = [
      { name: `${tag}-node`, host: "a", port },
      { name: tag, host: "node-a", port },
    ];
    const register = ({ name, ...at }: typeof dashed) => client.register(requestFor(name, at, { type: ServiceType.SERVICE }));
    expect((await register(dashed)).types).toEqual(serviceSteps);
    const clash = await register(dotted);
    expect(clash.events).toEqual([]);
    expect(clash.status).toMatchObject({ code: 6, reason: "SERVICE_ID_CLASH" });
    await unregister(client, dashed.name, dashed);
    const next = await register(dotted);
    expect(next.types).toEqual(serviceSteps);
    if (real) expect(await passingInConsul(real, tag)).toMatchObject([{ ID: `${tag}-node-a-${port}`, Service: tag }]);
    expect((await register(dashed)).status).toMatchObject({ reason: "SERVICE_ID_CLASH" });
    await unregister(client, dotted.name, dotted);
  });
}

describe("service ids (embedded)", () => clashing(embeddedBacking));
describeReal("service ids (real servers)", (servers) => clashing(() => realBacking(servers), servers));
