import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "../support/client.ts";
import { buildExample, type Example } from "../support/example.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { deleteTopics, presentTopics } from "../support/kafka.ts";
import { realBacking, startMuster } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { requestFor, unregister } from "../support/world.ts";

const tag = crypto.randomUUID().slice(0, 8);

describeReal(
  "examples/kafka-consumer",
  (servers) => {
    const topicOf = (format: string) => `test.consumer.${format}.${tag}`;
    let example: Example;
    beforeAll(async () => {
      example = await buildExample("kafka-consumer");
    }, 600_000);
    afterAll(async () => {
      await example?.[Symbol.asyncDispose]();
      await deleteTopics(servers.kafka, ["cloudevents", "json"].map(topicOf));
    });

    test.each(["cloudevents", "json"])(
      "started before the first registration, it prints each message by its type: %s",
      { timeout: 300_000 },
      async (format) => {
        await using consumer = example.start({ KAFKA: servers.kafka, TOPIC: topicOf(format), GROUP: `group-${format}-${tag}` });
        await using backing = await realBacking(servers);
        await using muster = await startMuster({ ...backing.env, MUSTER_EVENTS_FORMAT: format, MUSTER_EVENTS_TOPIC: topicOf(format) });
        await eventually(async () => (await presentTopics(servers.kafka, [topicOf(format)])).length > 0 || undefined, 30_000);
        using client = connect(muster.address);
        const name = `consumed-${format}-${tag}`;
        await using module = await startFakeModule({ name, version: "1.0.0" });
        await client.register(requestFor(name, module));
        await unregister(client, name, module);
        const serviceId = `${name}-${module.host}-${module.port}`;

        await eventually(async () => consumer.lines.length >= 2 || undefined, 60_000);
        const seen = consumer.lines.map((line) => /^(\S+) (\S+) (\S+) (.*)$/.exec(line)?.slice(2) ?? [line]);
        expect(seen.map(([subject, type]) => [subject, type])).toEqual([
          [serviceId, "ModuleRegistered"],
          [serviceId, "ModuleUnregistered"],
        ]);
        expect(JSON.parse(seen[0]?.[2] ?? "")).toMatchObject({ serviceId, moduleName: name, port: module.port, apicurioArtifactId: `${name}-config` });
        consumer.stop();
        expect(await consumer.ended).toBe(0);
      },
    );
  },
  ["npm"],
);
