/** Modules and services come and go, seen from outside: the stock client, and the real servers' own interfaces. */
import { expect, test } from "vitest";
import { EventType, RegistrationOutcome, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { CallError } from "../support/client.ts";
import { metricOf } from "../support/consul-agent.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import {
  contentInApicurio,
  eventTypesInKafka,
  inEveryMode,
  leftInConsul,
  moduleSteps,
  passingInConsul,
  requestFor,
  serviceSteps,
  unregister,
  versionsInApicurio,
} from "../support/world.ts";

const tellsServiceId = new Set<EventType>([
  EventType.STARTED,
  EventType.CONSUL_REGISTERED,
  EventType.CONSUL_HEALTHY,
  EventType.DATABASE_SAVED,
  EventType.COMPLETED,
]);
const schema = '{ "type": "object",  "properties": { "ü": {"type":"string"} } }';

inEveryMode("register and unregister", (world) => {
  test("a module goes through every step, is live, and is taken back", async () => {
    const { client, real, unique } = world();
    const name = unique("echo.module_1");
    await using module = await startFakeModule({ name, version: "1.0.0", schema });
    const serviceId = `${name}-127.0.0.1-${module.port}`;

    const { types, events, status, attemptId } = await client.register(
      requestFor(name, module, { tags: ["blue"], capabilities: ["parse"], metadata: { "team.name": "search" } }),
    );

    expect(types).toEqual(moduleSteps);
    expect(status.code).toBe(0);
    expect(events.map(({ sequence }) => Number(sequence))).toEqual(events.map((_, index) => index + 1));
    expect(new Set(events.map((event) => event.attemptId))).toEqual(new Set([attemptId]));
    for (const event of events) {
      if (tellsServiceId.has(event.eventType)) {
        expect(event.eventData).toEqual({ case: "serviceId", value: serviceId });
      } else {
        expect(event.eventData.case).toBe("metadata");
      }
    }
    expect(events.at(-1)?.outcome).toBe(RegistrationOutcome.ACTIVE);
    expect(module.calls.describe).toBe(1);

    if (real) {
      const [entry, ...others] = await passingInConsul(real, name);
      expect(others).toEqual([]);
      expect(entry).toMatchObject({ ID: serviceId, Address: "127.0.0.1", Port: module.port });
      expect(new Set(entry?.Tags)).toEqual(new Set(["blue", "capability:parse", "module"]));
      expect(entry?.Meta).toMatchObject({
        version: "1.0.0",
        "service-type": "SERVICE_TYPE_MODULE",
        "advertised-host": "127.0.0.1",
        "registration-id": attemptId,
      });
      expect(Object.values(entry?.Meta ?? {})).toContain("search");
      expect(await world().rows("SELECT id, state FROM registrations WHERE service_id = ?", [serviceId])).toEqual([{ id: attemptId, state: "ACTIVE" }]);
      expect(await versionsInApicurio(real, `${name}-config`)).toMatchObject([{ version: "1.0.0", state: "ENABLED" }]);
      expect(await contentInApicurio(real, `${name}-config`, "1.0.0")).toBe(schema);
      await eventually(async () => (await eventTypesInKafka(real, serviceId)).length > 0 || undefined);
    }

    const gone = await unregister(client, name, module);
    expect(gone.success).toBe(true);
    if (real) {
      expect(await leftInConsul(real, serviceId)).toEqual([]);
      expect(await world().rows("SELECT state FROM registrations WHERE service_id = ?", [serviceId])).toEqual([{ state: "UNREGISTERED" }]);
      expect(await versionsInApicurio(real, `${name}-config`)).toMatchObject([{ version: "1.0.0", state: "DISABLED" }]);
      const types2 = await eventually(async () => {
        const seen = await eventTypesInKafka(real, serviceId);
        return seen.length >= 2 ? seen : undefined;
      });
      expect(types2).toEqual(["ModuleRegistered", "ModuleUnregistered"]);
    }

    expect((await unregister(client, name, module)).success).toBe(true);
    const again = await client.register(requestFor(name, module));
    expect(again.types).toEqual(moduleSteps);
    if (real) expect(await versionsInApicurio(real, `${name}-config`)).toMatchObject([{ version: "1.0.0", state: "ENABLED" }]);
    await unregister(client, name, module);
  });

  test("a service needs no callback and no schema", async () => {
    const { client, real, unique } = world();
    const name = unique("plain-service");
    await using module = await startFakeModule({ name, version: "", describe: "none" });
    const { types, status } = await client.register(requestFor(name, module, { type: ServiceType.SERVICE, version: "" }));
    expect(types).toEqual(serviceSteps);
    expect(status.code).toBe(0);
    if (real) expect(await passingInConsul(real, name)).toHaveLength(1);
    await unregister(client, name, module);
    if (real) expect(await leftInConsul(real, name)).toEqual([]);
  });

  test("a module without a schema gets a default one", async () => {
    const { client, real, unique } = world();
    const name = unique("no-schema");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const { types, events } = await client.register(requestFor(name, module));
    expect(types).toEqual(moduleSteps);
    const validated = events.find(({ eventType }) => eventType === EventType.SCHEMA_VALIDATED);
    expect(validated?.eventData).toMatchObject({ value: { values: { source: "synthesised" } } });
    if (real) expect(JSON.parse(await contentInApicurio(real, `${name}-config`, "1.0.0"))).toMatchObject({ type: "object" });
    await unregister(client, name, module);
  });

  test("the same content under a new version is a new version", async () => {
    const { client, real, unique } = world();
    const name = unique("two-versions");
    await using first = await startFakeModule({ name, version: "1.0.0", schema });
    await using second = await startFakeModule({ name, version: "1.0.1", schema });
    await client.register(requestFor(name, first));
    const { types } = await client.register(requestFor(name, second, { version: "1.0.1" }));
    expect(types.at(-1)).toBe("COMPLETED");
    if (real) {
      const versions = await versionsInApicurio(real, `${name}-config`);
      expect(versions.map(({ version, state }) => `${version} ${state}`).toSorted()).toEqual(["1.0.0 ENABLED", "1.0.1 ENABLED"]);
    }
    await unregister(client, name, first);
    await unregister(client, name, second);
  });

  test("another content under a known version is refused, and the former stays", async () => {
    const { client, real, unique } = world();
    const name = unique("changed-schema");
    await using first = await startFakeModule({ name, version: "1.0.0", schema });
    await using second = await startFakeModule({ name, version: "1.0.0", schema: '{"type":"string"}' });
    await client.register(requestFor(name, first));
    const { errorDetail, types, status } = await client.register(requestFor(name, second));
    expect(types.at(-1)).toBe("FAILED");
    expect(errorDetail).toMatch(/^SCHEMA_VERSION_CONFLICT: /);
    expect(status.code).toBe(0);
    if (real) {
      expect(await contentInApicurio(real, `${name}-config`, "1.0.0")).toBe(schema);
      expect(await passingInConsul(real, name)).toHaveLength(1);
    }
    await unregister(client, name, first);
  });

  test("an unchanged re-registration is answered at once, without a callback, and is no attempt unless it has a request_id", async () => {
    const { client, unique, muster } = world();
    const name = unique("unchanged");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const counted = async () => (await metricOf(muster.address, "registrations_unchanged_total")).get("MODULE") ?? 0;
    const attempts = async () => (await client.unary(RegistrationService.method.listAttempts, { name })).attempts.map(({ attemptId }) => attemptId);
    const first = await client.register(requestFor(name, module));
    const before = await counted();
    const again = await client.register(requestFor(name, module));
    expect(again.types).toEqual(["STARTED", "VALIDATED", "CONSUL_HEALTHY", "COMPLETED"]);
    expect(again.events.map(({ sequence, attemptId }) => [sequence, attemptId])).toEqual([1n, 2n, 3n, 4n].map((sequence) => [sequence, ""]));
    expect(again.events.at(-1)).toMatchObject({ outcome: RegistrationOutcome.UNCHANGED, eventData: { value: `${name}-${module.host}-${module.port}` } });
    expect(again.status.code).toBe(0);
    expect(await attempts()).toEqual([first.attemptId]);

    const recorded = await client.register(requestFor(name, module, { requestId: "r1" }));
    expect(recorded.events.at(-1)?.outcome).toBe(RegistrationOutcome.UNCHANGED);
    expect(await attempts()).toEqual([recorded.attemptId, first.attemptId]);
    expect(await counted()).toBe(before + 2);
    expect(module.calls.describe).toBe(1);
    await unregister(client, name, module);
  });

  test("maps in another order are the same request", async () => {
    const { client, unique } = world();
    const name = unique("unordered");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await client.register(requestFor(name, module, { metadata: { a: "1", b: "2" } }));
    const { events } = await client.register(requestFor(name, module, { metadata: { b: "2", a: "1" } }));
    expect(events.at(-1)?.outcome).toBe(RegistrationOutcome.UNCHANGED);
  });

  test("a changed re-registration replaces the entry; a failing one leaves it serving", async () => {
    const { client, real, unique } = world();
    const name = unique("changed");
    let lies = false;
    await using module = await startFakeModule({ name, version: "1.0.0", describe: () => (lies ? { moduleName: "somebody-else" } : {}) });
    await client.register(requestFor(name, module, { tags: ["one"] }));
    const changed = await client.register(requestFor(name, module, { tags: ["two"] }));
    expect(changed.types).toEqual(moduleSteps);
    if (real) expect((await passingInConsul(real, name)).map(({ Tags }) => Tags)).toEqual([expect.arrayContaining(["two"])]);
    lies = true;
    const failing = await client.register(requestFor(name, module, { tags: ["three"] }));
    expect(failing.errorDetail).toMatch(/^CALLBACK_IDENTITY_MISMATCH: /);
    if (real) {
      expect((await passingInConsul(real, name)).map(({ Tags }) => Tags)).toEqual([expect.arrayContaining(["two"])]);
      expect(await leftInConsul(real, failing.attemptId)).toEqual([]);
    }
    const unchanged = await client.register(requestFor(name, module, { tags: ["two"] }));
    expect(unchanged.events.at(-1)?.outcome).toBe(RegistrationOutcome.UNCHANGED);
    await unregister(client, name, module);
  });

  test("twenty equal requests at once are one attempt", async () => {
    const { client, unique } = world();
    const name = unique("crowd");
    // It is not over before all are there.
    await using module = await startFakeModule({ name, version: "1.0.0", status: "NOT_SERVING" });
    let there = 0;
    const follow = ({ eventType }: { readonly eventType: EventType }) => {
      if (eventType === EventType.STARTED && (there += 1) === 20) module.setStatus("SERVING");
    };
    const all = await Promise.all(Array.from({ length: 20 }, () => client.register(requestFor(name, module), follow)));
    expect(new Set(all.map(({ attemptId }) => attemptId)).size).toBe(1);
    for (const { types } of all) expect(types).toEqual(moduleSteps);
    expect(module.calls.describe).toBe(1);
    await unregister(client, name, module);
  });

  test("another request for a key that is being registered is refused, with a time to retry after", async () => {
    const { client, unique } = world();
    const name = unique("busy");
    await using module = await startFakeModule({ name, version: "1.0.0", status: "NOT_SERVING" });
    const first = client.register(requestFor(name, module), ({ eventType }) => {
      if (eventType === EventType.HEALTH_CHECK_CONFIGURED) registered.resolve();
    });
    const registered = Promise.withResolvers<void>();
    await registered.promise;
    const second = await client.register(requestFor(name, module, { tags: ["other"] }));
    expect(second.status).toMatchObject({ code: 10, reason: "ATTEMPT_IN_FLIGHT" });
    expect(second.events).toEqual([]);
    module.setStatus("SERVING");
    expect((await first).types).toEqual(moduleSteps);
    await unregister(client, name, module);
  });

  test("a request_id replays what it led to, also a failure, and is refused for another request", async () => {
    const { client, unique } = world();
    const name = unique("replayed");
    await using module = await startFakeModule({ name, version: "1.0.0", describe: () => ({ version: "9" }) });
    const requestId = unique("id");
    const first = await client.register(requestFor(name, module, { requestId }));
    expect(first.types.at(-1)).toBe("FAILED");
    const replay = await client.register(requestFor(name, module, { requestId }));
    expect(replay.events).toEqual(first.events);
    expect(module.calls.describe).toBe(1);
    const other = await client.register(requestFor(name, module, { requestId, tags: ["x"] }));
    expect(other.status).toMatchObject({ code: 3, reason: "REQUEST_ID_REUSED", fields: ["request_id"] });
  });

  test("validate_only checks and leaves nothing behind", async () => {
    const { client, unique } = world();
    const name = unique("only-looking");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const { types, status } = await client.register(requestFor(name, module, { validateOnly: true }));
    expect(types).toEqual(["VALIDATED", "COMPLETED"]);
    expect(status.code).toBe(0);
    expect(module.calls).toEqual({ health: 0, describe: 0 });
    await expect(unregister(client, name, module)).rejects.toMatchObject({ status: { code: 5 } });
  });

  test("unregistering what was never there is NOT_FOUND", async () => {
    const { client, unique } = world();
    const failure = await unregister(client, unique("never"), { host: "127.0.0.1", port: 1 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CallError);
    expect(failure).toMatchObject({ status: { code: 5, reason: "REGISTRATION_NOT_FOUND" } });
  });

  test("unregistering in the middle of an attempt ends it, and it does not come back", async () => {
    const { client, real, unique } = world();
    const name = unique("cut-short");
    await using module = await startFakeModule({ name, version: "1.0.0", status: "NOT_SERVING" });
    const running = client.register(requestFor(name, module), ({ eventType }) => {
      if (eventType === EventType.HEALTH_CHECK_CONFIGURED) waiting.resolve();
    });
    const waiting = Promise.withResolvers<void>();
    await waiting.promise;
    expect((await unregister(client, name, module)).success).toBe(true);
    module.setStatus("SERVING");
    const { types } = await running;
    expect(types.at(-1)).toBe("FAILED");
    if (real) expect(await leftInConsul(real, name)).toEqual([]);
  });

  test("a client that leaves before the catalog knows takes its attempt along; later it runs on", async () => {
    const { client, unique } = world();
    const name = unique("walked-off");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const left = await client.register(requestFor(name, module), ({ eventType }) => eventType !== EventType.CONSUL_REGISTERED);
    expect(left.status.code).toBe(1);
    const { types } = await eventually(async () => {
      const joined = await client.register(requestFor(name, module));
      return joined.types.at(-1) === "COMPLETED" ? joined : undefined;
    });
    expect(types.at(-1)).toBe("COMPLETED");
    await unregister(client, name, module);
  });
});
