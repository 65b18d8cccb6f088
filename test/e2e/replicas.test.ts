/** Two replicas on one MySQL: whichever a client meets, it is one Muster. */
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EventType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { connect, type MusterClient, type Registration } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { query, realBacking, startMuster, type MusterProcess } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { eventTypesInKafka, leftInConsul, moduleSteps, requestFor, unregister } from "../support/world.ts";

describeReal("two replicas", (servers) => {
  let backing: Awaited<ReturnType<typeof realBacking>>;
  let replicas: MusterProcess[];
  let one: MusterClient;
  let two: MusterClient;
  const tag = crypto.randomUUID().slice(0, 8);

  beforeAll(async () => {
    backing = await realBacking(servers);
    // Both at once on an empty database: one migrates, the other waits.
    replicas = await Promise.all([startMuster(backing.env), startMuster(backing.env)]);
    one = connect(replicas[0]?.address ?? "");
    two = connect(replicas[1]?.address ?? "");
  });
  afterAll(async () => {
    one[Symbol.dispose]();
    two[Symbol.dispose]();
    for (const replica of replicas) await replica[Symbol.asyncDispose]();
    await backing[Symbol.asyncDispose]();
  });

  test("equal requests on both are one attempt with the same events", async () => {
    const name = `both-${tag}`;
    // It is not over before all are there.
    await using module = await startFakeModule({ name, version: "1.0.0", status: "NOT_SERVING" });
    let there = 0;
    const follow = ({ eventType }: { readonly eventType: EventType }) => {
      if (eventType === EventType.STARTED && (there += 1) === 4) module.setStatus("SERVING");
    };
    // A store that stood still refuses before anything began; such a call is made again, as its status says.
    const register = async (client: MusterClient): Promise<Registration> => {
      const it = await client.register(requestFor(name, module), follow);
      if (it.types.length > 0) return it;
      expect(it.status).toMatchObject({ code: status.UNAVAILABLE });
      return register(client);
    };
    const all = await Promise.all([one, two, one, two].map(register));
    for (const { types, events } of all) {
      expect(types).toEqual(moduleSteps);
      expect(events).toEqual(all[0]?.events);
    }
    expect(module.calls.describe).toBe(1);
    const serviceId = `${name}-127.0.0.1-${module.port}`;
    const types = await eventually(async () => {
      const seen = await eventTypesInKafka(servers, serviceId);
      return seen.length > 0 ? seen : undefined;
    });
    expect(types).toEqual(["ModuleRegistered"]);

    const unchanged = await two.register(requestFor(name, module));
    expect(unchanged.types).toEqual(["STARTED", "VALIDATED", "CONSUL_HEALTHY", "COMPLETED"]);
    expect((await unregister(two, name, module)).success).toBe(true);
    expect(await leftInConsul(servers, name)).toEqual([]);
  });

  test("an attempt on one is watched and cancelled through the other", async () => {
    const name = `across-${tag}`;
    await using module = await startFakeModule({ name, version: "1.0.0", status: "NOT_SERVING" });
    const started = Promise.withResolvers<string>();
    const running = one.register(requestFor(name, module), ({ eventType, attemptId }) => {
      if (eventType === EventType.HEALTH_CHECK_CONFIGURED) started.resolve(attemptId);
    });
    const attemptId = await started.promise;
    const watching = two.stream(RegistrationService.method.watchAttempt, { attemptId });
    await two.unary(RegistrationService.method.cancelAttempt, { attemptId });
    const { events, errorDetail } = await running;
    expect(errorDetail).toMatch(/^CANCELLED: /);
    const { messages } = await watching;
    expect(messages.flatMap(({ item }) => (item.case === "event" ? [item.value] : []))).toEqual(events);
    expect(await leftInConsul(servers, name)).toEqual([]);
  });

  test("events of one key stay in order whoever commits them", async () => {
    const name = `ordered-${tag}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const serviceId = `${name}-127.0.0.1-${module.port}`;
    for (const client of [one, two, one]) {
      expect((await client.register(requestFor(name, module))).types).toEqual(moduleSteps);
      await unregister(client === one ? two : one, name, module);
    }
    const types = await eventually(async () => {
      const seen = await eventTypesInKafka(servers, serviceId);
      return seen.length >= 6 ? seen : undefined;
    });
    expect(types).toEqual(Array.from({ length: 3 }, () => ["ModuleRegistered", "ModuleUnregistered"]).flat());
    // An event is marked after it is delivered.
    await eventually(async () => (await query(backing.databaseUrl, "SELECT id FROM outbox WHERE published_at IS NULL")).length === 0 || undefined);
  });
});
