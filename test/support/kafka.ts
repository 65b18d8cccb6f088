import { randomUUID } from "node:crypto";
import { type Admin, Kafka, KafkaJSProtocolError, logLevel } from "kafkajs";
import { stopIdleSpin } from "../../src/adapters/kafka/idle-spin.ts";
import { createTopicSchemas } from "../../src/adapters/apicurio/topic-schemas.ts";
import { createFramedSink, nameUuid } from "../../src/adapters/kafka/framed-sink.ts";
import { createKafkaSink } from "../../src/adapters/kafka/sink.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import type { OpenSink, SeenRecord, SinkUnderTest } from "../contract/event-sink.ts";
import { eventually } from "./instances.ts";
import { startTcpProxy } from "./tcp-proxy.ts";

export interface KafkaPorts {
  /** `host:port` of a listener that advertises itself. */
  readonly broker: string;
  /** A listener that advertises another port of 127.0.0.1, so that a proxy between the two has all the traffic. */
  readonly proxied?: { readonly advertised: number; readonly listening: number };
}

/** The same with framed values, their schemas in the registry at `url`; a reader's view is that of one who knows the frame. */
export function framedKafkaUnderTest({ broker }: KafkaPorts, url: string): SinkUnderTest {
  return {
    async open() {
      const opened = await openTopic(broker, broker);
      const schemaOf = () => 'syntax = "proto3";\nmessage Happened {\n  bool yes = 1;\n}\n';
      const ids = createTopicSchemas({ url, schemaOf, clock: systemClock });
      const id = await ids.idOf(opened.topic, new AbortController().signal);
      return {
        ...opened,
        sink: createFramedSink({ sink: opened.sink, ids }),
        contentType: "application/octet-stream",
        read: async () => (await opened.read()).map((record) => unframed(record, id)),
        [Symbol.asyncDispose]() {
          ids[Symbol.dispose]();
          return opened[Symbol.asyncDispose]();
        },
      };
    },
  };
}

/** Takes the frame off, as it is described in docs/operations.md; fails when it is another. */
function unframed(record: SeenRecord, id: number): SeenRecord {
  const { ce_subject: subject = "" } = record.headers ?? {};
  const name = Buffer.from(record.type.slice(record.type.lastIndexOf(".") + 1));
  const frame = Buffer.concat([Buffer.of(0, id >>> 24, id >>> 16, id >>> 8, id, name.length + 2, 0x0a, name.length), name]);
  const data = Buffer.from(record.data);
  if (!data.subarray(0, frame.length).equals(frame)) throw new Error(`record ${record.id} is not framed as it should be`);
  if (record.key !== nameUuid(subject)) throw new Error(`record ${record.id} has the key ${record.key}`);
  return { ...record, key: subject, data: data.subarray(frame.length) };
}

/** Deletes what a test has made; topics that are not there are left out. */
export async function deleteTopics(broker: string, topics: readonly string[]): Promise<void> {
  stopIdleSpin();
  const admin = new Kafka({ brokers: [broker], clientId: "cleaning", logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const present = await admin.listTopics();
  await admin.deleteTopics({ topics: topics.filter((topic) => present.includes(topic)) });
  await admin.disconnect();
}

/** Those of `topics` that exist. */
export async function presentTopics(broker: string, topics: readonly string[]): Promise<readonly string[]> {
  stopIdleSpin();
  const admin = new Kafka({ brokers: [broker], clientId: "looking", logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const present = await admin.listTopics();
  await admin.disconnect();
  return topics.filter((topic) => present.includes(topic));
}

/** A Kafka broker, each time with a new topic, which is deleted afterwards. */
export function kafkaUnderTest({ broker, proxied }: KafkaPorts): SinkUnderTest {
  return {
    open: () => openTopic(broker, broker),
    ...(proxied && {
      async openWithFault() {
        const fault = await startTcpProxy({ port: proxied.advertised, target: proxied.listening });
        const opened = await openTopic(broker, `127.0.0.1:${fault.port}`);
        return {
          ...opened,
          fault,
          async [Symbol.asyncDispose]() {
            await fault.restore();
            await opened[Symbol.asyncDispose]();
            await fault[Symbol.asyncDispose]();
          },
        };
      },
    }),
  };
}

async function openTopic(observed: string, published: string): Promise<OpenSink> {
  const topic = `contract.${randomUUID()}`;
  // For the client that looks on, too.
  stopIdleSpin();
  const kafka = new Kafka({ brokers: [observed], clientId: "contract", logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const sink = createKafkaSink({ brokers: [published], clientId: "muster", topics: [topic], partitions: 3, clock: systemClock });
  return {
    sink,
    topic,
    read: () => read(kafka, admin, topic),
    topics: {
      async createSmall(maxBytes) {
        const configEntries = [{ name: "max.message.bytes", value: `${maxBytes}` }];
        await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }], waitForLeaders: true });
      },
      delete: () => admin.deleteTopics({ topics: [topic] }),
      async partitions() {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
        return topics[0]?.partitions.length ?? 0;
      },
    },
    async [Symbol.asyncDispose]() {
      await sink[Symbol.asyncDispose]();
      if ((await admin.listTopics()).includes(topic)) await admin.deleteTopics({ topics: [topic] });
      await admin.disconnect();
    },
  };
}

/** A partition of a topic just made may have no leader for a moment; kafkajs does not repeat this call then. */
function undefinedIfNew(error: unknown): undefined {
  if (!(error instanceof KafkaJSProtocolError) || error.type !== "NOT_LEADER_FOR_PARTITION") throw error;
}

/** Consumes the topic from its beginning up to the offsets it has now. */
async function read(kafka: Kafka, admin: Admin, topic: string): Promise<readonly SeenRecord[]> {
  const ends = await eventually(() => admin.fetchTopicOffsets(topic).catch(undefinedIfNew));
  const missing = new Set(ends.filter(({ low, high }) => low !== high).map(({ partition }) => partition));
  const seen: SeenRecord[] = [];
  if (missing.size === 0) return seen;
  const groupId = `contract.${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 50 });
  const done = Promise.withResolvers<void>();
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      async eachMessage({ partition, message }) {
        const headers = Object.fromEntries(Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]));
        const { ce_id: id = "", ce_type: type = "" } = headers;
        seen.push({ id, type, key: String(message.key), data: message.value ?? Buffer.alloc(0), headers });
        const end = ends.find((of) => of.partition === partition)!.high;
        if (BigInt(message.offset) + 1n >= BigInt(end)) missing.delete(partition);
        if (missing.size === 0) done.resolve();
      },
    });
    await done.promise;
    return seen;
  } finally {
    await consumer.disconnect();
    await admin.deleteGroups([groupId]);
  }
}
