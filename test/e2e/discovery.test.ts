/** What consumers are answered: lists, lookups, choices and watches, through the stock client. */
import { isDeepStrictEqual } from "node:util";
import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import {
  EventType,
  PlatformRegistrationService as Platform,
  ServiceType,
  type WatchModulesResponse,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { CallError, type CallStatus, type MusterClient } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { inEveryMode, requestFor, unregister } from "../support/world.ts";

const { method } = Platform;

async function statusOf(call: Promise<unknown>): Promise<CallStatus> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof CallError) return error.status;
  throw new Error(`expected a status, got ${String(error)}`);
}

const idOf = (it: { readonly serviceId: string }) => it.serviceId;
const ms = (at: Timestamp | undefined): number => (at ? timestampMs(at) : Number.NaN);

function findService(client: MusterClient, serviceId: string) {
  return client.unary(method.getService, { lookupKey: { case: "serviceId", value: serviceId } }).catch(() => undefined);
}

inEveryMode("discovery", (world) => {
  test("a module is listed, found by name and id, and resolved, with all it registered with", async () => {
    const { client, unique } = world();
    const name = unique("disco");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const startedAt = Date.now();
    const metadata = { "team.name": "search", input_format: "text/plain", output_format: "application/json", document_types: "pdf, html" };
    const request = requestFor(name, module, {
      tags: ["blue"],
      capabilities: ["parse"],
      metadata,
      httpEndpoints: [{ scheme: "https", host: "web.example.org", port: 8443, basePath: "/api", healthPath: "/health", tlsEnabled: true }],
      httpSchemaArtifactId: "api",
      httpSchemaVersion: "2",
    });
    const { types, errorDetail } = await client.register(request);
    expect(types.at(-1), errorDetail).toBe("COMPLETED");
    const serviceId = `${name}-127.0.0.1-${module.port}`;

    const found = await eventually(async () => {
      const service = await findService(client, serviceId);
      return service?.registeredAt && service.isHealthy ? service : undefined;
    });
    expect(found).toMatchObject({
      serviceName: name,
      serviceId,
      host: "127.0.0.1",
      port: module.port,
      version: "1.0.0",
      metadata,
      tags: ["blue"],
      capabilities: ["parse"],
      isHealthy: true,
      httpEndpoints: [{ scheme: "https", host: "web.example.org", port: 8443, basePath: "/api", healthPath: "/health", tlsEnabled: true }],
      httpSchemaArtifactId: "api",
      httpSchemaVersion: "2",
    });
    expect(ms(found.registeredAt)).toBeGreaterThanOrEqual(startedAt);
    expect(ms(found.registeredAt)).toBeLessThanOrEqual(Date.now());
    expect(ms(found.lastHealthCheck)).toBeGreaterThanOrEqual(startedAt);
    expect(ms(found.lastHealthCheck)).toBeLessThanOrEqual(Date.now());

    const byName = await client.unary(method.getModule, { lookupKey: { case: "moduleName", value: name } });
    expect(ms(byName.lastHealthCheck)).toBeGreaterThanOrEqual(ms(found.lastHealthCheck));
    expect(byName).toMatchObject({
      moduleName: name,
      serviceId,
      host: "127.0.0.1",
      port: module.port,
      version: "1.0.0",
      metadata,
      inputFormat: "text/plain",
      outputFormat: "application/json",
      documentTypes: ["pdf", "html"],
      isHealthy: true,
    });
    expect(await client.unary(method.getModule, { lookupKey: { case: "serviceId", value: serviceId } })).toMatchObject({ serviceId });

    // Others register in the same catalog: two answers of one moment are equal, any two are not.
    const [list, platformList] = await eventually(async () => {
      const both = [await client.unary(method.listModules, {}), await client.unary(method.listPlatformModules, {})] as const;
      return isDeepStrictEqual(both[0].modules.map(idOf), both[1].modules.map(idOf)) ? both : undefined;
    });
    expect(list.modules.find((it) => it.serviceId === serviceId)).toMatchObject({ moduleName: name, metadata, isHealthy: true });
    expect(list.totalCount).toBe(list.modules.length);
    expect(list.modules.map((it) => it.serviceId)).toEqual(list.modules.map((it) => it.serviceId).toSorted());
    expect(platformList.modules.find((it) => it.serviceId === serviceId)).toMatchObject({ moduleName: name, metadata, isHealthy: true });
    expect(Math.abs(ms(list.asOf) - Date.now())).toBeLessThan(30_000);
    const services = await client.unary(method.listServices, {});
    expect(services.services.map((it) => it.serviceId)).not.toContain(serviceId);

    const resolved = await client.unary(method.resolveService, { serviceName: name, requiredTags: ["blue"], requiredCapabilities: ["parse"] });
    expect(resolved).toMatchObject({
      found: true,
      serviceName: name,
      serviceId,
      host: "127.0.0.1",
      port: module.port,
      metadata,
      totalInstances: 1,
      healthyInstances: 1,
    });
    expect(resolved.selectionReason).toBe("the only one of 1 healthy that fits");

    await unregister(client, name, module);
    await eventually(async () => ((await findService(client, serviceId)) === undefined ? true : undefined));
    expect(await client.unary(method.resolveService, { serviceName: name })).toMatchObject({
      found: false,
      serviceName: name,
      totalInstances: 0,
      host: "",
      port: 0,
    });
  });

  test("a service is listed among the services, not among the modules", async () => {
    const { client, unique } = world();
    const name = unique("plain");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await client.register(requestFor(name, module, { type: ServiceType.SERVICE, version: "", tags: ["a", "b"] }));
    const serviceId = `${name}-127.0.0.1-${module.port}`;
    await eventually(() => findService(client, serviceId));
    const { services } = await client.unary(method.listServices, {});
    expect(services.find((it) => it.serviceId === serviceId)).toMatchObject({ serviceName: name, version: "", tags: ["a", "b"], capabilities: [] });
    const { modules } = await client.unary(method.listModules, {});
    expect(modules.map((it) => it.serviceId)).not.toContain(serviceId);
    expect(await statusOf(client.unary(method.getModule, { lookupKey: { case: "serviceId", value: serviceId } }))).toMatchObject({
      code: 5,
      reason: "REGISTRATION_NOT_FOUND",
    });
    await unregister(client, name, module);
  });

  test("a watch has the whole list at once and a new one after each change", async () => {
    const { client, unique } = world();
    const name = unique("watched");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const serviceId = `${name}-127.0.0.1-${module.port}`;
    const lists: WatchModulesResponse[] = [];
    let isRegistered = false;
    const ended = client.stream(method.watchModules, {}, (message) => {
      lists.push(message);
      return !isRegistered || has(message);
    });
    const has = (list: WatchModulesResponse | undefined) => list?.modules.some((it) => it.serviceId === serviceId) ?? false;
    await eventually(async () => lists[0]);
    expect(has(lists[0])).toBe(false);
    expect(lists[0]?.totalCount).toBe(lists[0]?.modules.length);
    await client.register(requestFor(name, module));
    await eventually(async () => has(lists.at(-1)) || undefined);
    expect(lists.flatMap((list) => list.modules.filter((it) => it.serviceId === serviceId)).every((it) => it.isHealthy)).toBe(true);
    isRegistered = true;
    await unregister(client, name, module);
    expect((await ended).status.code).toBe(1);
    expect(has(lists.at(-1))).toBe(false);
  });

  test("health is that of the catalog's check, and an unhealthy instance is not resolved", async () => {
    const { client, unique } = world();
    const name = unique("sick");
    await using well = await startFakeModule({ name, version: "1.0.0" });
    await using sick = await startFakeModule({ name, version: "1.0.0" });
    for (const module of [well, sick]) await client.register(requestFor(name, module, { tags: [`port-${module.port}`] }));
    const resolve = () => client.unary(method.resolveService, { serviceName: name });
    await eventually(async () => (await resolve()).healthyInstances === 2 || undefined);
    const ports = new Set([(await resolve()).port, (await resolve()).port]);
    expect(ports).toEqual(new Set([well.port, sick.port]));

    sick.setStatus("NOT_SERVING");
    // A check runs every ten seconds, first at a random moment of these.
    const resolved = await eventually(async () => {
      const answer = await resolve();
      return answer.healthyInstances === 1 ? answer : undefined;
    });
    expect(resolved).toMatchObject({ found: true, port: well.port, totalInstances: 2, selectionReason: "the only healthy one" });
    const { modules } = await client.unary(method.listModules, {});
    const ofName = modules.filter((it) => it.moduleName === name);
    expect(ofName.map((it) => [it.port, it.isHealthy]).toSorted()).toEqual(
      [
        [well.port, true],
        [sick.port, false],
      ].toSorted(),
    );
    expect(await client.unary(method.getModule, { lookupKey: { case: "moduleName", value: name } })).toMatchObject({ port: well.port });
    const none = await client.unary(method.resolveService, { serviceName: name, requiredTags: [`port-${sick.port}`] });
    expect(none).toMatchObject({
      found: false,
      totalInstances: 2,
      healthyInstances: 1,
      selectionReason: "none of 1 healthy has all required tags and capabilities",
    });
    const sickId = `${name}-127.0.0.1-${sick.port}`;
    const { lastHealthCheck } = await client.unary(method.getService, { lookupKey: { case: "serviceId", value: sickId } });
    // It goes on: by the next check, or the next answer of Consul.
    await eventually(async () => {
      const later = await client.unary(method.getService, { lookupKey: { case: "serviceId", value: sickId } });
      return ms(later.lastHealthCheck) > ms(lastHealthCheck) ? true : undefined;
    });
    for (const module of [well, sick]) await unregister(client, name, module);
  });

  test("an instance on the caller's host is preferred when that is asked for", async () => {
    const { client, unique } = world();
    const name = unique("local");
    await using here = await startFakeModule({ name, version: "1.0.0" });
    await client.register(requestFor(name, here));
    await eventually(async () => (await client.unary(method.resolveService, { serviceName: name })).found || undefined);
    expect(await client.unary(method.resolveService, { serviceName: name, preferLocal: true })).toMatchObject({
      found: true,
      port: here.port,
      selectionReason: "the one on the caller's host",
    });
    await unregister(client, name, here);
  });

  test("a trial is never shown, nor is what failed", async () => {
    const { client, unique } = world();
    const name = unique("trial");
    await using module = await startFakeModule({ name, version: "1.0.0", status: "NOT_SERVING" });
    const lists: WatchModulesResponse[] = [];
    let over = false;
    const watch = client.stream(method.watchModules, {}, (list) => {
      lists.push(list);
      return !over;
    });
    const { types } = await client.register(requestFor(name, module, { healthTimeout: { seconds: 3n }, startupGrace: { seconds: 2n } }), (event) => {
      if (event.eventType === EventType.HEALTH_CHECK_CONFIGURED) {
        void client.unary(method.resolveService, { serviceName: name }).then(({ totalInstances }) => expect(totalInstances).toBe(0));
      }
    });
    expect(types.at(-1)).toBe("FAILED");
    expect(await client.unary(method.resolveService, { serviceName: name })).toMatchObject({ found: false, totalInstances: 0 });
    expect(lists.flatMap((list) => list.modules).filter((it) => it.moduleName === name)).toEqual([]);
    over = true;
    module.setStatus("SERVING");
    await client.register(requestFor(name, module));
    await watch;
    await unregister(client, name, module);
  });

  test("what is not there is NOT_FOUND, and names what was looked for", async () => {
    const { client } = world();
    expect(await statusOf(client.unary(method.getService, { lookupKey: { case: "serviceId", value: "no-such" } }))).toMatchObject({
      code: 5,
      reason: "REGISTRATION_NOT_FOUND",
      metadata: { service_id: "no-such" },
      resource: { resourceType: "service", resourceName: "no-such" },
    });
    expect(await statusOf(client.unary(method.getService, { lookupKey: { case: "serviceName", value: "nobody" } }))).toMatchObject({
      code: 5,
      resource: { resourceType: "service", resourceName: "nobody" },
    });
    expect(await statusOf(client.unary(method.getModule, { lookupKey: { case: "moduleName", value: "nobody" } }))).toMatchObject({
      code: 5,
      resource: { resourceType: "module", resourceName: "nobody" },
    });
    const none = await client.unary(method.resolveService, { serviceName: "nobody" });
    expect(none).toMatchObject({ found: false, serviceName: "nobody", totalInstances: 0, healthyInstances: 0 });
    expect(none.selectionReason).toBe("no instance of nobody is registered");
  });

  test("bad input is refused with all bad fields", async () => {
    const { client } = world();
    for (const [call, fields] of [
      [client.unary(method.getService, {}), ["lookup_key"]],
      [client.unary(method.getModule, {}), ["lookup_key"]],
      [client.unary(method.getService, { lookupKey: { case: "serviceId", value: "" } }), ["service_id"]],
      [client.unary(method.getService, { lookupKey: { case: "serviceName", value: "" } }), ["service_name"]],
      [client.unary(method.getModule, { lookupKey: { case: "moduleName", value: "" } }), ["module_name"]],
      [client.unary(method.getModule, { lookupKey: { case: "moduleName", value: "x".repeat(513) } }), ["module_name"]],
      [client.unary(method.getModule, { lookupKey: { case: "serviceId", value: "a\u0000b" } }), ["service_id"]],
      [client.unary(method.resolveService, {}), ["service_name"]],
      [
        client.unary(method.resolveService, { serviceName: "", requiredTags: [""], requiredCapabilities: Array.from({ length: 65 }, () => "x") }),
        ["service_name", "required_tags", "required_capabilities"],
      ],
    ] as const) {
      expect(await statusOf(call)).toMatchObject({ code: 3, reason: "INVALID_FIELDS", fields });
    }
  });
});
