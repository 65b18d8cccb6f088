/** A service with an OpenAPI document, in its request or on its HTTP endpoint: into the schema registry, or a failure that says why. */
import { expect, test } from "vitest";
import { EventType, PlatformRegistrationService, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { startDocumentServer, type DocumentAnswer, type DocumentServer } from "../support/document-server.ts";
import { startFakeModule, type FakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { openApi } from "../support/open-api.ts";
import {
  contentInApicurio,
  inEveryMode,
  leftInConsul,
  passingInConsul,
  requestFor,
  serviceSteps,
  unregister,
  versionsInApicurio,
  type World,
} from "../support/world.ts";

const steps = [...serviceSteps.slice(0, -1), "SCHEMA_VALIDATED", "DATABASE_SAVED", "APICURIO_REGISTERED", "COMPLETED"];
const path = "/q/openapi?format=json";
const endpointOf = ({ host, port }: Pick<DocumentServer, "host" | "port">) => ({ scheme: "http", host, port, basePath: "/api" });

function serviceRequest(name: string, service: Pick<FakeModule, "host" | "port">, more: Parameters<typeof requestFor>[2] = {}) {
  return requestFor(name, service, { type: ServiceType.SERVICE, version: "1.0.0", ...more });
}

/** Registers a service whose document is served as `answer`. */
async function fetched(world: World, name: string, answer: DocumentAnswer) {
  await using service = await startFakeModule({ name, version: "1.0.0", describe: "none" });
  await using documents = await startDocumentServer(answer);
  const begun = performance.now();
  const result = await world.client.register(serviceRequest(name, service, { httpEndpoints: [endpointOf(documents)], httpSchemaPath: path }));
  const ms = performance.now() - begun;
  if (world.real && result.types.at(-1) === "FAILED") {
    expect(await leftInConsul(world.real, name)).toEqual([]);
    expect((await versionsInApicurio(world.real, `${name}-http-config`)).filter(({ state }) => state === "ENABLED")).toEqual([]);
    expect(await world.rows("SELECT id FROM registrations WHERE name = ?", [name])).toEqual([]);
  }
  await unregister(world.client, name, service);
  return { ...result, ms, asked: documents.asked, bytesSent: documents.bytesSent() };
}

const factsOf = ({ events }: { readonly events: readonly { eventType: EventType; eventData: unknown }[] }, type: EventType) =>
  (events.find(({ eventType }) => eventType === type)?.eventData as { value?: { values?: Record<string, string> } } | undefined)?.value?.values;

inEveryMode("services with an OpenAPI document", (world) => {
  test("one in the request goes into the registry as it is, and is disabled with the last instance", async () => {
    const { client, real, unique } = world();
    const name = unique("inline");
    await using one = await startFakeModule({ name, version: "1.0.0", describe: "none" });
    await using two = await startFakeModule({ name, version: "1.0.0", describe: "none" });
    const first = await client.register(serviceRequest(name, one, { httpSchema: openApi }));
    expect(first.types, first.errorDetail).toEqual(steps);
    expect(first.status.code).toBe(0);
    expect(factsOf(first, EventType.SCHEMA_VALIDATED)).toMatchObject({ source: "request", bytes: String(openApi.length) });
    expect(factsOf(first, EventType.APICURIO_REGISTERED)).toEqual({ artifact_id: `${name}-http-config`, version: "1.0.0", created: "true" });
    const second = await client.register(serviceRequest(name, two, { httpSchema: openApi }));
    expect(factsOf(second, EventType.APICURIO_REGISTERED)).toMatchObject({ created: "false" });

    const again = await client.register(serviceRequest(name, one, { httpSchema: openApi }));
    expect(again.types).toEqual(["STARTED", "VALIDATED", "CONSUL_HEALTHY", "COMPLETED"]);
    if (real) {
      expect(await contentInApicurio(real, `${name}-http-config`, "1.0.0")).toBe(openApi);
      expect(await passingInConsul(real, name)).toHaveLength(2);
    }
    const resolved = await eventually(async () => {
      const answer = await client.unary(PlatformRegistrationService.method.resolveService, { serviceName: name });
      return answer.httpSchemaVersion === undefined ? undefined : answer;
    });
    expect(resolved).toMatchObject({ found: true, httpSchemaArtifactId: `${name}-http-config`, httpSchemaVersion: "1.0.0" });
    await unregister(client, name, one);
    if (real) expect(await versionsInApicurio(real, `${name}-http-config`)).toMatchObject([{ state: "ENABLED" }]);
    await unregister(client, name, two);
    if (real) expect(await versionsInApicurio(real, `${name}-http-config`)).toMatchObject([{ state: "DISABLED" }]);
  });

  test("artifact and version are those of the request where it names them", async () => {
    const { client, real, unique } = world();
    const name = unique("named");
    await using service = await startFakeModule({ name, version: "1.0.0", describe: "none" });
    const given = { httpSchema: openApi, httpSchemaVersion: "2026-01", httpSchemaArtifactId: unique("search.api") };
    const result = await client.register(serviceRequest(name, service, { ...given, version: "" }));
    expect(result.types, result.errorDetail).toEqual(steps);
    expect(factsOf(result, EventType.APICURIO_REGISTERED)).toMatchObject({ artifact_id: unique("search.api"), version: "2026-01" });
    if (real) expect(await contentInApicurio(real, unique("search.api"), "2026-01")).toBe(openApi);
    // Discovery sees the catalog some milliseconds late, and may see an entry before its record.
    const found = await eventually(async () => {
      const lookupKey = { case: "serviceName", value: name } as const;
      const answer = await client.unary(PlatformRegistrationService.method.getService, { lookupKey }).catch(() => undefined);
      return answer?.httpSchemaVersion === undefined ? undefined : answer;
    });
    expect(found).toMatchObject({ httpSchemaArtifactId: unique("search.api"), httpSchemaVersion: "2026-01" });
    await unregister(client, name, service);
    if (real) expect(await versionsInApicurio(real, unique("search.api"))).toMatchObject([{ state: "DISABLED" }]);
  });

  test("one on the HTTP endpoint is fetched once, asked for as JSON", async () => {
    const { types, asked, errorDetail, ...result } = await fetched(world(), world().unique("fetched"), { body: openApi });
    expect(types, errorDetail).toEqual(steps);
    expect(asked).toEqual([`GET ${path}, application/json`]);
    expect(factsOf(result, EventType.SCHEMA_VALIDATED)).toMatchObject({ source: "fetched" });
  });

  test("other content under a known version fails for good, and the former serves on", async () => {
    const { client, real, unique } = world();
    const name = unique("changed-api");
    await using service = await startFakeModule({ name, version: "1.0.0", describe: "none" });
    await client.register(serviceRequest(name, service, { httpSchema: openApi }));
    const changed = openApi.replace("Search", "Find");
    const refused = await client.register(serviceRequest(name, service, { httpSchema: changed }));
    expect(refused.errorDetail).toMatch(/^SCHEMA_VERSION_CONFLICT: /);
    expect(refused.status.code).toBe(0);
    if (real) {
      expect(await contentInApicurio(real, `${name}-http-config`, "1.0.0")).toBe(openApi);
      expect(await passingInConsul(real, name)).toHaveLength(1);
    }
    const next = await client.register(serviceRequest(name, service, { httpSchema: changed, httpSchemaVersion: "1.0.1" }));
    expect(next.types, next.errorDetail).toEqual(steps);
    await unregister(client, name, service);
    if (real) {
      const left = await versionsInApicurio(real, `${name}-http-config`);
      expect(left.map(({ version, state }) => `${version} ${state}`).toSorted()).toEqual(["1.0.0 DISABLED", "1.0.1 DISABLED"]);
    }
  });

  test("a redirect is not followed, also not one to a metadata address", async () => {
    await using target = await startDocumentServer({ body: openApi });
    for (const location of ["http://169.254.169.254/latest/meta-data/", `http://127.0.0.1:${target.port}/openapi`]) {
      const name = world().unique(`redirect-${location.length}`);
      const { errorDetail, status, asked } = await fetched(world(), name, { status: 302, headers: { location }, body: "" });
      expect(errorDetail).toMatch(/^OPENAPI_FETCH_FAILED: .*302: redirects are not followed/);
      expect(status.code).toBe(0);
      expect(asked).toHaveLength(1);
    }
    expect(target.asked).toEqual([]);
  });

  test("more than 1 MiB is not read, announced or not", async () => {
    const endless = await fetched(world(), world().unique("endless"), "endless");
    expect(endless.errorDetail).toMatch(/^SCHEMA_TOO_LARGE: /);
    expect(endless.status.code).toBe(0);
    expect(endless.bytesSent, "what the sockets took").toBeLessThan(16 << 20);
    const announced = await fetched(world(), world().unique("announced"), { body: "", headers: { "content-length": String(50 << 20) } });
    expect(announced.errorDetail).toMatch(/^SCHEMA_TOO_LARGE: /);
  });

  test("one that does not come within five seconds", async () => {
    const names = ["hang", "trickle"] as const;
    const results = await Promise.all(names.map((how) => fetched(world(), world().unique(how), how)));
    for (const { errorDetail, status, ms } of results) {
      expect(errorDetail).toMatch(/^OPENAPI_FETCH_FAILED: .*5000 ms/);
      expect(status.code).toBe(0);
      expect(ms).toBeGreaterThan(4_900);
      expect(ms).toBeLessThan(30_000);
    }
  });

  test.for<readonly [what: string, answer: DocumentAnswer, detail: RegExp]>([
    ["404", { status: 404, body: "" }, /^OPENAPI_FETCH_FAILED: .*HTTP 404/],
    ["YAML", { body: "openapi: 3.1.0\ninfo: {title: a, version: b}\n" }, /^OPENAPI_INVALID: .*not JSON \(YAML is not accepted\)/],
    ["HTML", { body: "<html>" }, /^OPENAPI_INVALID: /],
    ["other JSON", { body: '{"type":"object"}' }, /^OPENAPI_INVALID: .*neither "openapi"/],
    ["compressed", { body: openApi, headers: { "content-encoding": "gzip" } }, /^OPENAPI_FETCH_FAILED: .*compressed/],
  ])("what was fetched is no OpenAPI document: %s", async ([what, answer, detail]) => {
    const { errorDetail, status, types } = await fetched(world(), world().unique(`bad-${what.replace(/\W/g, "")}`), answer);
    expect(errorDetail).toMatch(detail);
    expect(types.at(-1)).toBe("FAILED");
    expect(status.code).toBe(0);
  });

  test("nothing listens there: worth another try", async () => {
    const { client, unique } = world();
    const name = unique("nobody-there");
    await using service = await startFakeModule({ name, version: "1.0.0", describe: "none" });
    const endpoint = endpointOf({ host: "127.0.0.1", port: 9 });
    const { errorDetail, status } = await client.register(serviceRequest(name, service, { httpEndpoints: [endpoint], httpSchemaPath: path }));
    expect(errorDetail).toMatch(/^OPENAPI_FETCH_FAILED: .*ECONNREFUSED/);
    expect(status.code).toBe(14);
  });

  const endpoint = { scheme: "http", host: "127.0.0.1", port: 80 };
  const fetchable = { httpEndpoints: [endpoint], httpSchemaPath: path };
  test.for<readonly [what: string, more: Parameters<typeof requestFor>[2], fields: readonly string[]]>([
    ["no JSON", { httpSchema: "openapi: 3.1.0" }, ["http_schema"]],
    ["no OpenAPI", { httpSchema: '{"type":"object"}' }, ["http_schema"]],
    ["no info", { httpSchema: '{"openapi":"3.1.0"}' }, ["http_schema"]],
    ["too deep", { httpSchema: openApi.replace("{}", `${'{"a":'.repeat(300)}1${"}".repeat(300)}`) }, ["http_schema"]],
    ["too large", { httpSchema: openApi.replace("Search", "S".repeat(256 << 10)) }, ["http_schema"]],
    ["both ways", { httpSchema: openApi, ...fetchable }, ["http_schema_path"]],
    ["no endpoint", { httpSchemaPath: path }, ["http_schema_path"]],
    ["no path", { ...fetchable, httpSchemaPath: "//evil.example/openapi" }, ["http_schema_path"]],
    ["a line break in the path", { ...fetchable, httpSchemaPath: "/a\r\nx: y" }, ["http_schema_path"]],
    ["a module", { ...fetchable, type: ServiceType.MODULE }, ["http_schema_path"]],
    ["no version", { httpSchema: openApi, version: "" }, ["http_schema_version"]],
    ["a module's artifact", { httpSchema: openApi, httpSchemaArtifactId: "somebody-config" }, ["http_schema_artifact_id"]],
  ])("a request that cannot be: %s", async ([, more, fields]) => {
    const { status, events } = await world().client.register(serviceRequest("never", { host: "127.0.0.1", port: 9 }, more));
    expect(status).toMatchObject({ code: 3, reason: "INVALID_FIELDS", fields });
    expect(events).toEqual([]);
  });

  test("a document on a denied address is refused before anything begins", async () => {
    for (const host of ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254"]) {
      const more = { httpEndpoints: [{ ...endpoint, host }], httpSchemaPath: path };
      const { status, events } = await world().client.register(serviceRequest("never", { host: "127.0.0.1", port: 9 }, more));
      expect(status).toMatchObject({ code: 3, reason: "HOST_DENIED", fields: ["http_endpoints"] });
      expect(events).toEqual([]);
    }
  });
});
