/** What consumers of each event format read, with a stock consumer each: kcat, Apicurio's Java deserializer. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, describe, expect, test } from "vitest";
import { ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ApprovalVoteRecordedSchema } from "../../gen/muster/approval/v1/request_events_pb.ts";
import { WebhookService } from "../../gen/muster/approval/v1/webhook_service_pb.ts";
import { EventService } from "../../gen/muster/event/v1/event_service_pb.ts";
import { createTopicSchemas } from "../../src/adapters/apicurio/topic-schemas.ts";
import { createFramedSink } from "../../src/adapters/kafka/framed-sink.ts";
import { createKafkaSink } from "../../src/adapters/kafka/sink.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { createEventCodec } from "../../src/delivery/event-codec.ts";
import { events as rows } from "../../src/events.ts";
import type { OutboxEvent } from "../../src/kernel/records.ts";
import { protoText } from "../../src/delivery/proto-text.ts";
import { ask, decide, person, usePolicy } from "../support/approvals.ts";
import { connect } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { query, realBacking, startMuster, type Environment } from "../support/muster.ts";
import { headerOf, linesOfTopic } from "../support/kcat.ts";
import { deleteTopics } from "../support/kafka.ts";
import { describeReal, realServers, type RealServers } from "../support/real-servers.ts";
import { sampleNews } from "../support/sample-news.ts";
import { sampleEvents } from "../support/sample-events.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { startWebhookReceiver } from "../support/webhook-receiver.ts";
import { requestFor, unregister } from "../support/world.ts";

const run = promisify(execFile);
const root = new URL("../..", import.meta.url).pathname;
const packageName = "ai.pipestream.platform.registration.v1";
const tag = crypto.randomUUID().slice(0, 8);
const modulesTopic = `test.${tag}.modules`;
const othersTopic = `test.${tag}.others`;

afterAll(async () => {
  const topics = ["framed", "waiting", "votes", ...["registrations", "approvals"].map((domain) => `every-${domain}`)];
  if (realServers) await deleteTopics(realServers.kafka, [modulesTopic, othersTopic, ...topics.map((name) => `test.${tag}.${name}`)]);
});

interface Read {
  readonly topic: string;
  readonly type: string;
  readonly contentType: string;
  readonly value: Readonly<Record<string, unknown>>;
}

const json: Environment = {
  MUSTER_EVENTS_FORMAT: "json",
  MUSTER_EVENTS_TOPIC: othersTopic,
  MUSTER_EVENTS_TOPICS: `ModuleRegistered=${modulesTopic}`,
};

describeReal("events as JSON, one type on a topic of its own", (servers) => {
  test("say the same as the protobuf messages, and go where they were sent", async () => {
    await using backing = await realBacking(servers);
    await using muster = await startMuster({ ...backing.env, ...json });
    using client = connect(muster.address);
    const name = `json-${tag}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await client.register(requestFor(name, module));
    await unregister(client, name, module);
    const read = async (): Promise<readonly Read[]> => [...(await readTopic(servers, modulesTopic)), ...(await readTopic(servers, othersTopic))];
    const events = await eventually(async () => ((await read()).length === 2 ? read() : undefined));
    const serviceId = `${name}-${module.host}-${module.port}`;
    const timestamp = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string;
    expect(events).toEqual([
      {
        topic: modulesTopic,
        type: `${packageName}.ModuleRegistered`,
        contentType: "application/json",
        value: {
          serviceId,
          moduleName: name,
          host: module.host,
          port: module.port,
          version: "1.0.0",
          schemaId: `${name}@1.0.0`,
          apicurioArtifactId: `${name}-config`,
          timestamp,
        },
      },
      {
        topic: othersTopic,
        type: `${packageName}.ModuleUnregistered`,
        contentType: "application/json",
        value: { serviceId, moduleName: name, timestamp },
      },
    ]);
  });

  test("have a long text in every script as it was given, as the webhook and the log have it", async () => {
    const topic = `test.${tag}.votes`;
    await using backing = await realBacking(servers);
    await using muster = await startMuster({ ...backing.env, ...json, MUSTER_EVENTS_TOPICS: `ApprovalVoteRecorded=${topic}` });
    await using receiver = await startWebhookReceiver();
    using admin = person(muster.address, "root");
    using bob = person(muster.address, "bob");
    await usePolicy(admin, "{key: k, subject: text, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {users: [bob]}, need: 1}]}]}");
    await admin.unary(WebhookService.method.createWebhookEndpoint, { url: receiver.url, types: ["vote_recorded"] });
    const comment = 'ß, "日本" = 😀\n\t\\ % \u202e\u0301 null '.repeat(120).trim();
    const subject = { type: "text", id: "ünï/ço de=,", digest: "d" };
    const opened = await ask(admin, { policyKey: "k", subject });
    await decide(bob, opened, { comment });
    const [line = ""] = await eventually(async () => {
      const lines = await linesOfTopic(servers, topic, "%k\t%h\t%s");
      return lines.length > 0 ? lines : undefined;
    });
    const [key, headers = "", value = ""] = line.split("\t");
    expect([key, headerOf(headers, "ce_subject"), headerOf(headers, "ce_type")]).toEqual([opened.id, opened.id, "muster.approval.v1.ApprovalVoteRecorded"]);
    const published = JSON.parse(value) as Read["value"];
    expect(published).toMatchObject({ comment, voter: "open|bob", verdict: "approve", standsInFor: [], approval: { subjectId: subject.id, sequence: "4" } });
    const [sent] = await receiver.atLeast(1);
    expect(sent?.event).toMatchObject({ artifact_id: subject.id, payload: { comment, timestamp: published["timestamp"], approval: { sequence: "4" } } });
    const { events } = await bob.unary(EventService.method.listEvents, { filter: { types: ["ApprovalVoteRecorded"] } });
    expect(fromBinary(ApprovalVoteRecordedSchema, events[0]?.payload?.value ?? new Uint8Array())).toMatchObject({ comment });
  });
});

async function readTopic(servers: RealServers, topic: string): Promise<readonly Read[]> {
  const lines = await linesOfTopic(servers, topic, "%h\t%s");
  return lines.map((line) => {
    const [headers = "", value = ""] = line.split("\t");
    const header = (name: string) => headerOf(headers, name);
    return { topic, type: header("ce_type"), contentType: header("content-type"), value: JSON.parse(value) as Read["value"] };
  });
}

describeReal("framed events", (servers) => {
  const framed = (topic: string): Environment => ({ MUSTER_EVENTS_FORMAT: "confluent", MUSTER_EVENTS_TOPIC: topic });

  /** Lines "is the key right, type, JSON" from a Java program with Apicurio's deserializer. */
  async function consume(topic: string, count: number): Promise<readonly { hasKey: string; type: string; value: unknown }[]> {
    const program = join(root, "test/consumers/FramedConsumer.java");
    const { stdout } = await run(join(servers.bin, "java-serde"), [program, servers.kafka, servers.apicurio, topic, `${count}`]);
    return stdout
      .trimEnd()
      .split("\n")
      .map((line) => {
        const [hasKey = "", type = "", value = ""] = line.split("\t");
        return { hasKey, type, value: JSON.parse(value) as unknown };
      });
  }

  async function schemasIn(topic: string): Promise<readonly unknown[]> {
    const answer = await fetch(`${servers.apicurio}/groups/default/artifacts/${topic}/versions`);
    return answer.status === 404 ? [] : ((await answer.json()) as { versions: unknown[] }).versions;
  }

  test("are read by Apicurio's deserializer; the schema is registered once, by however many servers", { timeout: 240_000 }, async () => {
    const topic = `test.${tag}.framed`;
    await using backing = await realBacking(servers);
    const name = `framed-${tag}`;
    await using instance = await startFakeModule({ name, version: "2.0.0" });
    const serviceId = `${name}-${instance.host}-${instance.port}`;
    for (const type of [ServiceType.SERVICE, ServiceType.MODULE]) {
      await using muster = await startMuster({ ...backing.env, ...framed(topic) });
      using client = connect(muster.address);
      await client.register(requestFor(name, instance, { type, version: "2.0.0" }));
      await unregister(client, name, instance);
      await eventually(async () => (await query(backing.databaseUrl, "SELECT id FROM outbox WHERE published_at IS NULL")).length === 0 || undefined);
      muster.signal("SIGTERM");
      await muster.ended;
    }
    const records = await consume(topic, 4);
    const timestamp = expect.any(String) as string;
    const registered = { serviceId, host: instance.host, port: instance.port, version: "2.0.0", timestamp };
    const hasKey = "true";
    expect(records).toEqual([
      { hasKey, type: `${packageName}.ServiceRegistered`, value: { ...registered, serviceName: name } },
      { hasKey, type: `${packageName}.ServiceUnregistered`, value: { serviceId, serviceName: name, timestamp } },
      {
        hasKey,
        type: `${packageName}.ModuleRegistered`,
        value: { ...registered, moduleName: name, schemaId: `${name}@2.0.0`, apicurioArtifactId: `${name}-config` },
      },
      { hasKey, type: `${packageName}.ModuleUnregistered`, value: { serviceId, moduleName: name, timestamp } },
    ]);
    expect(await schemasIn(topic)).toHaveLength(1);
  });

  test.each([
    ["registrations", packageName, Object.values(sampleEvents).map((payload) => ({ payload, subject: { kind: "instance", id: payload.serviceId } }))],
    ["approvals", "muster.approval.v1", sampleNews.map((payload) => ({ payload, subject: { kind: "approval", id: "1" } }))],
  ])("of every type of %s say what the messages say", async (domain, ofPackage, samples) => {
    const topic = `test.${tag}.every-${domain}`;
    const topics = Object.fromEntries(rows.map(({ type }) => [type, samples.some(({ payload }) => payload.type === type) ? topic : `${topic}.other`]));
    const wire = createEventCodec(rows, { format: "confluent", topics });
    const json = createEventCodec(rows, { format: "json", topics });
    const schemaOf = () => protoText(wire.topics.get(topic) ?? []);
    const events = samples.map(({ payload, subject }) => ({ id: payload.type, key: subject.id, subject, payload, at: 1, traceparent: undefined }));
    await using sink = createFramedSink({
      sink: createKafkaSink({ brokers: [servers.kafka], clientId: "muster", topics: [topic], clock: systemClock }),
      ids: createTopicSchemas({ url: servers.apicurio, schemaOf, clock: systemClock }),
    });
    await sink.publish(events.map(wire.encode), AbortSignal.timeout(60_000));
    const records = await consume(topic, samples.length);
    // Java leaves out what is empty, and 0.
    const isSaid = ([, value]: [string, unknown]) => value !== "" && value !== 0;
    const said = (event: OutboxEvent) =>
      Object.fromEntries(Object.entries(JSON.parse(Buffer.from(json.encode(event).data).toString()) as object).filter(isSaid));
    expect(records).toEqual(events.map((event) => ({ hasKey: "true", type: `${ofPackage}.${event.id}`, value: said(event) })));
  });

  test("wait while the schema registry is away, and nothing else waits for them", async () => {
    const topic = `test.${tag}.waiting`;
    await using backing = await realBacking(servers);
    const registry = new URL(servers.apicurio);
    await using line = await startTcpProxy({ target: Number(registry.port) });
    await line.cut();
    registry.port = `${line.port}`;
    const env = { ...backing.env, ...framed(topic), MUSTER_SCHEMAS: `apicurio+${registry.href}` };
    await using muster = await startMuster(env);
    using client = connect(muster.address);
    const name = `waiting-${tag}`;
    await using instance = await startFakeModule({ name, version: "1.0.0" });
    const { types } = await client.register(requestFor(name, instance, { type: ServiceType.SERVICE }));
    expect(types.at(-1)).toBe("COMPLETED");
    await eventually(() => Promise.resolve(/"event":"loop.failed".*"loop":"relay"/.test(muster.logged()) || undefined));
    expect(await schemasIn(topic)).toEqual([]);
    await line.restore();
    expect(await consume(topic, 1)).toMatchObject([{ type: `${packageName}.ServiceRegistered`, value: { serviceName: name } }]);
    await unregister(client, name, instance);
  });
});

describe("the server", () => {
  test("does not begin with frames that nobody could read", async () => {
    await expect(startMuster({ MUSTER_EVENTS_FORMAT: "confluent" })).rejects.toThrow(/needs MUSTER_EVENTS=kafka[\s\S]*needs MUSTER_SCHEMAS=apicurio/);
  });

  test("does not begin with a format that nobody is sent", async () => {
    await expect(startMuster({ MUSTER_EVENTS_FORMAT: "json" })).rejects.toThrow(/MUSTER_EVENTS_FORMAT: json needs MUSTER_EVENTS=kafka/);
  });
});
