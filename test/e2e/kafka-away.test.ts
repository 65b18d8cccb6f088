/** Kafka is away: nothing else is, and what is owed comes when it is back. */
import { expect, test } from "vitest";
import { connect } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { deleteTopics, presentTopics } from "../support/kafka.ts";
import { realBacking, startMuster } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { eventTypesInKafka, moduleSteps, requestFor, unregister } from "../support/world.ts";

describeReal("Kafka is away", (servers) => {
  test("a start does not wait for it; topics are there as soon as it is, before anything is registered", { timeout: 120_000 }, async () => {
    const topic = `test.away.${crypto.randomUUID().slice(0, 8)}`;
    await using kafka = await startTcpProxy({ port: servers.kafkaProxied.advertised, target: servers.kafkaProxied.listening });
    await kafka.cut();
    await using backing = await realBacking(servers);
    await using _muster = await startMuster({ ...backing.env, MUSTER_EVENTS: `kafka://127.0.0.1:${kafka.port}`, MUSTER_EVENTS_TOPIC: topic });
    const present = () => presentTopics(servers.kafka, [topic]);
    expect(await present()).toEqual([]);
    await kafka.restore();
    await eventually(async () => (await present()).length > 0 || undefined, 60_000);
    await deleteTopics(servers.kafka, [topic]);
  });

  test("the registration completes and the event comes when Kafka is back", { timeout: 300_000 }, async () => {
    await using kafka = await startTcpProxy({ port: servers.kafkaProxied.advertised, target: servers.kafkaProxied.listening });
    await kafka.cut();
    await using backing = await realBacking(servers);
    await using muster = await startMuster({ ...backing.env, MUSTER_EVENTS: `kafka://127.0.0.1:${kafka.port}` });
    using client = connect(muster.address);
    const name = `kafka-away-${crypto.randomUUID().slice(0, 8)}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const serviceId = `${name}-127.0.0.1-${module.port}`;

    const { types, status } = await client.register(requestFor(name, module));
    expect(types).toEqual(moduleSteps);
    expect(status.code).toBe(0);
    expect(await eventTypesInKafka(servers, serviceId)).toEqual([]);
    const health = await (await fetch(`http://${muster.address}/health`)).json();
    expect(health).toMatchObject({ status: "degraded", dependencies: { store: { status: "ok" }, events: { status: "error" } } });
    await unregister(client, name, module);

    await kafka.restore();
    const seen = await eventually(async () => {
      const events = await eventTypesInKafka(servers, serviceId);
      return events.length >= 2 ? events : undefined;
    });
    expect(seen).toEqual(["ModuleRegistered", "ModuleUnregistered"]);
  });
});
