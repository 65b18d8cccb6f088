/** The gate on two replicas of one MySQL: whichever an instance, an approver or a crash meets, it is one gate. */
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EventType, RegistrationOutcome } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect, type MusterClient } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { gateScene, heldBy, isHeld, registerAndWait, type GateScene } from "../support/gate.ts";
import { eventually } from "../support/instances.ts";
import { query, realBacking, startMuster, type MusterProcess } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { eventTypesInKafka, passingInConsul, requestFor, unregister } from "../support/world.ts";

describeReal("the gate on two replicas", (servers) => {
  let backing: Awaited<ReturnType<typeof realBacking>>;
  let replicas: MusterProcess[];
  let one: MusterClient;
  let two: MusterClient;
  let peopleOfTwo: GateScene;
  const tag = crypto.randomUUID().slice(0, 8);

  beforeAll(async () => {
    backing = await realBacking(servers);
    replicas = await Promise.all([startMuster(backing.env), startMuster(backing.env)]);
    one = connect(replicas[0]?.address ?? "");
    two = connect(replicas[1]?.address ?? "");
    peopleOfTwo = gateScene(replicas[1]?.address ?? "");
    await peopleOfTwo.turnOn();
  });
  afterAll(async () => {
    for (const client of [one, two, peopleOfTwo]) client[Symbol.dispose]();
    for (const replica of replicas) await replica[Symbol.asyncDispose]();
    await backing[Symbol.asyncDispose]();
  });

  const rows = (sql: string, ...values: readonly string[]) => query(backing.databaseUrl, sql, values);
  const requestsOf = (name: string) => rows("select id, decision from approval_requests where subject_id = ?", `${name}@1.0.0`);
  /** Instances of one version, each of its own port. */
  const instancesOf = (name: string, count: number) => Promise.all(Array.from({ length: count }, () => startFakeModule({ name, version: "1.0.0" })));

  async function expectLiveOnceEach(name: string, instances: readonly { readonly port: number }[]): Promise<void> {
    const active = () => rows("select service_id from registrations where name = ? and state = 'ACTIVE'", name);
    await eventually(async () => (await active()).length === instances.length || undefined);
    expect(await passingInConsul(servers, name)).toHaveLength(instances.length);
    expect(await rows("select id from registrations where name = ?", name)).toHaveLength(instances.length);
    for (const { port } of instances) {
      const types = await eventually(async () => {
        const seen = await eventTypesInKafka(servers, `${name}-127.0.0.1-${port}`);
        return seen.length > 0 ? seen : undefined;
      });
      expect(types).toEqual(["ModuleRegistered"]);
      expect(await rows("select id from outbox where event_key = ?", `${name}-127.0.0.1-${port}`)).toHaveLength(1);
    }
    expect(await rows("select service_id from asks where name = ?", name)).toEqual([]);
  }

  test("it asks through one, is approved through the other, and the stream that waits at the first completes", async () => {
    const name = `across-${tag}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const { asked, ended } = registerAndWait(one, requestFor(name, module));
    await peopleOfTwo.approve(await asked);
    const { events, status: end } = await ended;
    expect(end.code).toBe(status.OK);
    expect(events.at(-1)).toMatchObject({ eventType: EventType.COMPLETED, outcome: RegistrationOutcome.ACTIVE });
    await expectLiveOnceEach(name, [module]);
    await unregister(two, name, module);
  });

  test.each([3, 12])("%i instances of one version ask at once through both: one request; approved, all are live, once each", async (count) => {
    const name = `many-${count}-${tag}`;
    const instances = await instancesOf(name, count);
    const held = await Promise.all(instances.map((module, index) => [one, two][index % 2]!.register(requestFor(name, module))));
    for (const it of held) expect(isHeld(it), it.errorDetail || it.status.message).toBe(true);
    expect(new Set(held.map((it) => heldBy(it)["approval_id"])).size).toBe(1);
    expect(await requestsOf(name)).toHaveLength(1);
    expect(await rows("select service_id from asks where name = ?", name)).toHaveLength(count);
    await peopleOfTwo.approve(held[0]!);
    await expectLiveOnceEach(name, instances);
    for (const module of instances) {
      await unregister(one, name, module);
      await module[Symbol.asyncDispose]();
    }
  });

  test("instances of a version that a rule approves, at once through both: all are live", async () => {
    const name = `auto-${tag}`;
    const instances = await instancesOf(name, 4);
    const made = await Promise.all(instances.map((module, index) => [one, two][index % 2]!.register(requestFor(name, module))));
    for (const it of made) expect(it.events.at(-1)?.outcome, it.errorDetail || it.status.message).toBe(RegistrationOutcome.ACTIVE);
    await expectLiveOnceEach(name, instances);
    for (const module of instances) {
      await unregister(two, name, module);
      await module[Symbol.asyncDispose]();
    }
  });

  test("the replica dies at which it waits: the same request at the other one goes on waiting, and completes", async () => {
    const name = `dies-${tag}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await using third = await startMuster(backing.env);
    using client = connect(third.address);
    const first = registerAndWait(client, requestFor(name, module));
    await first.asked;
    third.signal("SIGKILL");
    expect((await first.ended).status.code).toBe(status.UNAVAILABLE);
    const second = registerAndWait(one, requestFor(name, module));
    const held = await second.asked;
    expect(module.calls.describe).toBe(1);
    await peopleOfTwo.approve(held);
    expect((await second.ended).events.at(-1)).toMatchObject({ eventType: EventType.COMPLETED, outcome: RegistrationOutcome.ACTIVE });
    await expectLiveOnceEach(name, [module]);
    await unregister(one, name, module);
  });
});
