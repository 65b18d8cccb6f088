/** The log of events as its readers have it, on one Muster in every mode, and on two that share a database. */
import { DatabaseSync } from "node:sqlite";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EventService, type Event } from "../../gen/muster/event/v1/event_service_pb.ts";
import { ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { connect, refusal, type MusterClient } from "../support/client.ts";
import { startFakeModule, type FakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, execute, query, realBacking, startMuster, type Environment, type MusterProcess } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { inEveryMode, moduleSteps, requestFor, unregister } from "../support/world.ts";

const { listEvents, watchEvents } = EventService.method;
const run = promisify(execFile);

/** Registers a module and takes it off again: two events. */
async function comeAndGo(client: MusterClient, name: string, module: FakeModule): Promise<void> {
  expect((await client.register(requestFor(name, module))).types).toEqual(moduleSteps);
  expect((await unregister(client, name, module)).success).toBe(true);
}

const comeAndGone = ["ModuleRegistered", "ModuleUnregistered"];
const subjectOf = (name: string, { host, port }: FakeModule) => ({ subjectKind: "instance", subjectId: `${name}-${host}-${port}` });

/** The events of one watch until there are `count`. */
async function take(client: MusterClient, request: Parameters<typeof client.stream<typeof watchEvents.input, typeof watchEvents.output>>[1], count: number) {
  const events: Event[] = [];
  await client.stream(watchEvents, request, ({ item }) => {
    if (item.case === "event") events.push(item.value);
    return events.length < count;
  });
  return events;
}

inEveryMode("the log of events", (world) => {
  test("is listed by pages and filters, and watched live and from any position", async () => {
    const { client, unique } = world();
    const [one, two] = [unique("one"), unique("two")];
    await using first = await startFakeModule({ name: one, version: "1.0.0" });
    await using second = await startFakeModule({ name: two, version: "1.0.0" });
    const begun = Promise.withResolvers<bigint>();
    const live: Event[] = [];
    const watching = client.stream(watchEvents, {}, ({ item }) => {
      if (item.case === "heartbeat") begun.resolve(item.value.position);
      if (item.case === "event") live.push(item.value);
      return live.length < 4;
    });
    const before = await begun.promise;
    await comeAndGo(client, one, first);
    await comeAndGo(client, two, second);
    await watching;
    expect(live.map(({ type, key }) => [type, key])).toEqual(
      [subjectOf(one, first).subjectId, subjectOf(two, second).subjectId].flatMap((id) => comeAndGone.map((type) => [type, id])),
    );
    expect(live.map(({ position }) => position)).toEqual([1n, 2n, 3n, 4n].map((n) => before + n));

    const { events, lastPosition } = await client.unary(listEvents, { afterPosition: before });
    expect(events).toEqual(live);
    expect(lastPosition).toBe(before + 4n);
    const about = await client.unary(listEvents, { filter: subjectOf(two, second) });
    expect(about.events).toEqual(live.slice(2));
    const gone = await client.unary(listEvents, { afterPosition: before, filter: { types: ["ModuleUnregistered"] }, pageSize: 1 });
    expect([gone.events, gone.scannedPosition]).toEqual([[live[1]], before + 2n]);
    expect(await take(client, { afterPosition: before + 1n }, 3)).toEqual(live.slice(1));
    expect(await take(client, { afterPosition: before, filter: { types: ["ModuleUnregistered"], ...subjectOf(two, second) } }, 1)).toEqual(live.slice(3));
  });

  test("is in health, and printed by a client that knows only reflection", async () => {
    const { client, muster } = world();
    expect(Object.keys((await client.unary(Health.method.list, {})).statuses)).toContain(EventService.typeName);
    const buf = join(import.meta.dirname, "../../node_modules/.bin/buf");
    const url = `http://${muster.address}/${EventService.typeName}/ListEvents`;
    const { stdout } = await run(buf, ["curl", "--protocol", "grpc", "--http2-prior-knowledge", "-d", '{"filter":{"types":["ModuleRegistered"]}}', url]);
    expect(JSON.parse(stdout)).toMatchObject({ events: [{ payload: { version: "1.0.0" } }, {}] });
    const { lastPosition } = await client.unary(listEvents, {});
    expect(await refusal(client, listEvents, { afterPosition: lastPosition + 1n })).toMatchObject({ code: status.OUT_OF_RANGE });
  });

  test("says that a module is none any more, and that it is one again, when its instance registers as another type", async () => {
    const { client, unique } = world();
    const name = unique("retyped");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    for (const type of [ServiceType.MODULE, ServiceType.SERVICE, ServiceType.CONNECTOR, ServiceType.MODULE]) {
      expect((await client.register(requestFor(name, module, { type }))).types.at(-1)).toBe("COMPLETED");
    }
    await unregister(client, name, module);
    const events = await take(client, { afterPosition: 0n, filter: subjectOf(name, module) }, 7);
    expect(events.map(({ type }) => type)).toEqual([
      "ModuleRegistered",
      "ModuleUnregistered",
      "ServiceRegistered",
      "ServiceRegistered",
      "ServiceUnregistered",
      "ModuleRegistered",
      "ModuleUnregistered",
    ]);
  });
});

/** Makes everything in the outbox so old that it may be pruned. */
async function age(env: Environment): Promise<void> {
  const store = env["MUSTER_STORE"] ?? "";
  const statement = "update outbox set occurred_at = 1";
  if (store.startsWith("mysql:")) return execute(store, statement);
  using database = new DatabaseSync(store.replace(/^sqlite:/, ""));
  database.exec(statement);
}

async function expectPruned(env: Environment, isPublished: () => Promise<boolean>): Promise<void> {
  const name = `old-${crypto.randomUUID().slice(0, 8)}`;
  await using module = await startFakeModule({ name, version: "1.0.0" });
  {
    await using muster = await startMuster(env);
    using client = connect(muster.address);
    await comeAndGo(client, name, module);
    await eventually(async () => (await client.unary(listEvents, {})).lastPosition === 2n || undefined);
    await eventually(async () => (await isPublished()) || undefined);
    muster.signal("SIGTERM");
    await muster.ended;
  }
  await age(env);
  await using muster = await startMuster(env);
  using client = connect(muster.address);
  const answer = { code: status.OUT_OF_RANGE, reason: "POSITION_OUT_OF_RANGE", metadata: { first_position: "3", last_position: "2" } };
  await eventually(async () => (await client.unary(listEvents, {})).events.length === 0 || undefined);
  expect(await refusal(client, listEvents, { afterPosition: 1n })).toMatchObject(answer);
  expect((await client.stream(watchEvents, { afterPosition: 0n })).status).toMatchObject(answer);
  await comeAndGo(client, name, module);
  expect((await take(client, { afterPosition: 2n }, 2)).map(({ type, position }) => [type, position])).toEqual([
    ["ModuleRegistered", 3n],
    ["ModuleUnregistered", 4n],
  ]);
}

describe("what is older than the retention", () => {
  test("is pruned, and a reader that has not seen it learns that", async () => {
    await using backing = await embeddedBacking();
    await expectPruned(backing.env, async () => true);
  });
});

describeReal("two replicas on one database", (servers) => {
  const modes = { "with Kafka": {}, "without Kafka": { MUSTER_EVENTS: "embedded" } } as const;

  test("what is older than the retention is pruned when it is published", async () => {
    await using backing = await realBacking(servers);
    const waiting = () => query(backing.databaseUrl, "SELECT id FROM outbox WHERE published_at IS NULL");
    await expectPruned(backing.env, async () => (await waiting()).length === 0);
  });

  describe.each(Object.entries(modes))("%s", (_mode, more) => {
    let backing: Awaited<ReturnType<typeof realBacking>>;
    let replicas: MusterProcess[];
    let clients: MusterClient[];
    beforeAll(async () => {
      backing = await realBacking(servers);
      replicas = await Promise.all([startMuster({ ...backing.env, ...more }), startMuster({ ...backing.env, ...more })]);
      clients = replicas.map(({ address }) => connect(address));
    });
    afterAll(async () => {
      for (const client of clients) client[Symbol.dispose]();
      for (const replica of replicas) await replica[Symbol.asyncDispose]();
      await backing[Symbol.asyncDispose]();
    });

    test("watchers at both are given the same, whichever commits; one goes on at the other", async () => {
      const [one, two] = clients;
      if (!one || !two) throw new Error("there are two");
      const name = `both-${crypto.randomUUID().slice(0, 8)}`;
      await using module = await startFakeModule({ name, version: "1.0.0" });
      const watching = clients.map((client) => take(client, { afterPosition: 0n }, 4));
      await comeAndGo(one, name, module);
      await comeAndGo(two, name, module);
      const [atOne, atTwo] = await Promise.all(watching);
      expect(atOne).toEqual(atTwo);
      expect(atOne?.map(({ position, type }) => [position, type])).toEqual([...comeAndGone, ...comeAndGone].map((type, n) => [BigInt(n + 1), type]));
      expect(await take(two, { afterPosition: atOne?.[1]?.position ?? 0n }, 2)).toEqual(atOne?.slice(2));
    });
  });
});
