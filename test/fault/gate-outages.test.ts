/** A server is away at one of the moments of an instance that people decide on: nothing is live too early, and nothing is forgotten. */
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EventType, RegistrationOutcome } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect, type MusterClient } from "../support/client.ts";
import { startFakeModule, type FakeModule } from "../support/fake-module.ts";
import { gateScene, isHeld, registerAndWait, type GateScene } from "../support/gate.ts";
import { eventually } from "../support/instances.ts";
import { query, realBacking, startMuster, type MusterProcess } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { eventTypesInKafka, leftInConsul, passingInConsul, requestFor, unregister, versionsInApicurio } from "../support/world.ts";

const servers = ["mysql", "consul", "apicurio"] as const;
const backends = ["consul", "apicurio"] as const;

describeReal("the gate with a server away", (real) => {
  let backing: Awaited<ReturnType<typeof realBacking>>;
  let muster: MusterProcess;
  let client: MusterClient;
  let people: GateScene;
  let proxies: Record<(typeof servers)[number], TcpProxy>;
  const tag = crypto.randomUUID().slice(0, 8);

  beforeAll(async () => {
    backing = await realBacking(real);
    const proxy = (url: string) => startTcpProxy({ target: Number(new URL(url).port) });
    proxies = { mysql: await proxy(real.mysql), consul: await proxy(real.consul), apicurio: await proxy(real.apicurio) };
    const via = (url = "", { port }: TcpProxy) => url.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`);
    const { MUSTER_STORE, MUSTER_CATALOG, MUSTER_SCHEMAS } = backing.env;
    muster = await startMuster({
      ...backing.env,
      MUSTER_STORE: via(MUSTER_STORE, proxies.mysql),
      MUSTER_CATALOG: via(MUSTER_CATALOG, proxies.consul),
      MUSTER_SCHEMAS: via(MUSTER_SCHEMAS, proxies.apicurio),
      MUSTER_ATTEMPT_LEASE: "2s",
    });
    client = connect(muster.address);
    people = gateScene(muster.address);
    await people.turnOn();
  });
  afterAll(async () => {
    client[Symbol.dispose]();
    people[Symbol.dispose]();
    await muster[Symbol.asyncDispose]();
    for (const proxy of Object.values(proxies)) await proxy[Symbol.asyncDispose]();
    await backing[Symbol.asyncDispose]();
  });

  const rows = (sql: string, ...values: readonly string[]) => query(backing.databaseUrl, sql, values);
  /** When the record says that it is registered, so does the catalog; and nothing waits for it any more. */
  async function untilLive(name: string, module: FakeModule): Promise<void> {
    const active = () => rows("select id from registrations where name = ? and state = 'ACTIVE'", name);
    await eventually(async () => (await active()).length > 0 || undefined, 120_000);
    expect(await passingInConsul(real, name)).toHaveLength(1);
    expect(await rows("select id from outbox where event_key = ?", `${name}-127.0.0.1-${module.port}`)).toHaveLength(1);
    await eventually(async () => (await rows("select service_id from asks where name = ?", name)).length === 0 || undefined);
    await unregister(client, name, module);
  }
  async function untilNothing(name: string): Promise<void> {
    await eventually(async () => (await leftInConsul(real, name)).length === 0 || undefined);
    expect((await versionsInApicurio(real, `${name}-config`)).filter(({ state }) => state === "ENABLED")).toEqual([]);
    expect(await rows("select id from registrations where name = ?", name)).toEqual([]);
  }
  /** Again, until the server that came back is noticed. */
  const untilHeld = (name: string, module: FakeModule) =>
    eventually(
      async () => {
        const made = await client.register(requestFor(name, module));
        return isHeld(made) ? made : undefined;
      },
      120_000,
      500,
    );

  test.each(servers)(
    "%s goes while the trial is taken back: nothing is left, and it waits, then or when it asks again",
    { timeout: 240_000 },
    async (server) => {
      const name = `held-${server}-${tag}`;
      await using module = await startFakeModule({ name, version: "1.0.0" });
      const first = client.register(requestFor(name, module), ({ eventType }) => {
        if (eventType === EventType.SCHEMA_VALIDATED) void proxies[server].cut();
      });
      const { events, status: ended } = await first.finally(() => proxies[server].restore());
      if (!isHeld({ events })) expect(ended.code).toBe(status.UNAVAILABLE);
      const held = await untilHeld(name, module);
      await untilNothing(name);
      await people.approve(held);
      await untilLive(name, module);
    },
  );

  test("MySQL goes while a stream waits: it ends UNAVAILABLE, and the same request goes on waiting", { timeout: 240_000 }, async () => {
    const name = `waits-mysql-${tag}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const first = registerAndWait(client, requestFor(name, module));
    const held = await first.asked;
    await proxies.mysql.cut();
    expect((await first.ended).status.code).toBe(status.UNAVAILABLE);
    await expect(people.approve(held)).rejects.toThrow("UNAVAILABLE");
    await proxies.mysql.restore();
    await untilHeld(name, module);
    expect(module.calls.describe).toBe(1);
    const second = registerAndWait(client, requestFor(name, module));
    await people.approve(await second.asked);
    expect((await second.ended).events.at(-1)?.outcome).toBe(RegistrationOutcome.ACTIVE);
    await untilLive(name, module);
  });

  test.each(backends)("%s is away while a stream waits: nobody notices", { timeout: 240_000 }, async (server) => {
    const name = `waits-${server}-${tag}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const { asked, ended } = registerAndWait(client, requestFor(name, module));
    const held = await asked;
    await proxies[server].cut();
    expect(isHeld(await client.register(requestFor(name, module)))).toBe(true);
    await proxies[server].restore();
    await people.approve(held);
    await ended;
    await untilLive(name, module);
  });

  test.each(backends)(
    "%s is away when it is approved: the decision stands, and it goes live by itself when it is back",
    { timeout: 240_000 },
    async (server) => {
      const name = `approved-${server}-${tag}`;
      await using module = await startFakeModule({ name, version: "1.0.0" });
      const { asked, ended } = registerAndWait(client, requestFor(name, module));
      const held = await asked;
      await proxies[server].cut();
      await people.approve(held).finally(() => ended.finally(() => proxies[server].restore()));
      const { types, status: end, errorDetail } = await ended;
      expect(types).toContain("APPROVED");
      expect(errorDetail).toMatch(/^DEPENDENCY_UNAVAILABLE/);
      expect(end.code).toBe(status.UNAVAILABLE);
      expect(await rows("select id from registrations where name = ? and state = 'ACTIVE'", name)).toEqual([]);
      await proxies[server].restore();
      await untilLive(name, module);
    },
  );

  test("MySQL goes when it has been approved: it goes live by itself when it is back", { timeout: 240_000 }, async () => {
    const name = `approved-mysql-${tag}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const waiting = client.register({ ...requestFor(name, module), waitForApproval: true }, (event) => {
      if (event.eventType === EventType.APPROVAL_REQUESTED && event.sequence > 0n) void people.approve({ events: [event] });
      if (event.eventType === EventType.APPROVED) void proxies.mysql.cut();
    });
    await waiting.finally(() => proxies.mysql.restore());
    await untilLive(name, module);
  });

  test("Kafka is away all the time: it is held, approved and live, and the events come later", { timeout: 300_000 }, async () => {
    await using kafka = await startTcpProxy({ port: real.kafkaProxied.advertised, target: real.kafkaProxied.listening });
    await kafka.cut();
    await using own = await realBacking(real);
    await using other = await startMuster({ ...own.env, MUSTER_EVENTS: `kafka://127.0.0.1:${kafka.port}` });
    using toOther = connect(other.address);
    using itsPeople = gateScene(other.address);
    await itsPeople.turnOn();
    const name = `kafka-${tag}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const { asked, ended } = registerAndWait(toOther, requestFor(name, module));
    await itsPeople.approve(await asked);
    expect((await ended).events.at(-1)?.outcome).toBe(RegistrationOutcome.ACTIVE);
    const serviceId = `${name}-127.0.0.1-${module.port}`;
    expect(await eventTypesInKafka(real, serviceId)).toEqual([]);
    await unregister(toOther, name, module);
    await kafka.restore();
    const seen = await eventually(async () => {
      const types = await eventTypesInKafka(real, serviceId);
      return types.length >= 2 ? types : undefined;
    });
    expect(seen).toEqual(["ModuleRegistered", "ModuleUnregistered"]);
  });
});
