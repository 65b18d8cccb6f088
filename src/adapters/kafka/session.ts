/**
 * One connected producer and the topics it knows to exist.
 *
 * A plain producer with acks from all replicas, not an idempotent one: kafkajs resets its sequence numbers on any error, so
 * after an abandoned send the next batch reuses them and the broker drops it as a duplicate, which would be a silent loss.
 * kafkajs' own send retries are off: its second try leaves out every broker that answered the first, also when a partition
 * moved there in between, and then reports success. The owner of the session resends the whole batch instead, through a
 * new session.
 */
import { connect, type Socket } from "node:net";
import { type Admin, Kafka, logLevel, Partitioners } from "kafkajs";
import type { SinkRecord } from "../../kernel/ports.ts";
import { attributesOf } from "../cloud-event.ts";
import { stopIdleSpin } from "./idle-spin.ts";

const connectMs = 2_000;
const requestMs = 4_000;
const closeMs = 2_000;

export type KafkaLog = (level: "error" | "warn", message: string, fields: Readonly<Record<string, unknown>>) => void;

export interface KafkaConfig {
  /** `host:port`, one or more. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Topics to create on the first connection; a record's topic is created when it is first seen. */
  readonly topics: readonly string[];
  /** Of topics created here. */
  readonly partitions?: number;
  /** Of topics created here; -1 is the broker's default. */
  readonly replication?: number;
  /** Gets the driver's warnings and errors; they are dropped without it. */
  readonly log?: KafkaLog;
}

export interface KafkaSession {
  /** Resolves when every record is on all in-sync replicas. Rejects with the driver's error; the session is of no use then. */
  send(records: readonly SinkRecord[]): Promise<void>;
  /** Never rejects; takes at most 2 s. */
  close(): Promise<void>;
}

/** Connects and ensures that the configured topics exist. Rejects with the driver's error. */
export async function openSession(config: KafkaConfig): Promise<KafkaSession> {
  const { kafka, release } = prepare(config);
  const producer = kafka.producer({
    // Same partition for a key as Java's clients; named so that another default of a later driver cannot move keys.
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    maxInFlightRequests: 1,
    retry: { retries: 0 },
  });
  const existing = new Set<string>();

  async function ensureTopics(topics: readonly string[]): Promise<void> {
    const missing = topics.filter((topic) => !existing.has(topic));
    if (missing.length === 0) return;
    await withAdmin(config, (admin) => createMissing(admin, missing, config));
    for (const topic of missing) existing.add(topic);
  }

  try {
    await producer.connect();
    await ensureTopics(config.topics);
  } catch (error) {
    await release(producer);
    throw error;
  }

  return {
    async send(records) {
      const byTopic = Map.groupBy(records, ({ topic }) => topic);
      await ensureTopics([...byTopic.keys()]);
      const topicMessages = [...byTopic].map(([topic, ofTopic]) => ({ topic, messages: ofTopic.map(toMessage) }));
      await producer.sendBatch({ acks: -1, timeout: requestMs, topicMessages });
    },
    close: () => release(producer),
  };
}

/** Resolves when a broker answers. Rejects with the driver's error. */
export async function pingBroker(config: KafkaConfig): Promise<void> {
  await withAdmin(config, (admin) => admin.describeCluster());
}

async function withAdmin(config: KafkaConfig, use: (admin: Admin) => Promise<unknown>): Promise<void> {
  const { kafka, release } = prepare(config);
  const admin = kafka.admin();
  try {
    await admin.connect();
    await use(admin);
  } finally {
    await release(admin);
  }
}

async function createMissing(admin: Admin, topics: readonly string[], { partitions = 12, replication = -1 }: KafkaConfig): Promise<void> {
  const present = await admin.listTopics();
  for (const topic of topics) {
    if (present.includes(topic)) continue;
    const wanted = { topic, numPartitions: partitions, replicationFactor: replication };
    // Resolves to false when another replica was faster; then its leaders may not be there yet, which makes a send fail once.
    await admin.createTopics({ topics: [wanted], waitForLeaders: true, timeout: requestMs });
  }
}

/** A driver instance for one client, and how to close that client: gracefully, or by force after 2 s. */
function prepare({ brokers, clientId, log }: KafkaConfig) {
  stopIdleSpin();
  // kafkajs keeps dead sockets open while it waits; the socket factory gives us access to them.
  const sockets = new Set<Socket>();
  const kafka = new Kafka({
    brokers: [...brokers],
    clientId,
    connectionTimeout: connectMs,
    requestTimeout: requestMs,
    // Enough to try each broker once; longer retries are the sink's, in a new session.
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: brokers.length },
    logLevel: log === undefined ? logLevel.NOTHING : logLevel.WARN,
    logCreator: () => (entry) => {
      const { message, broker, error } = entry.log;
      log?.(entry.level === logLevel.WARN ? "warn" : "error", message, { part: entry.namespace, broker, error });
    },
    socketFactory: ({ host, port, onConnect }) => {
      const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 }, onConnect);
      sockets.add(socket);
      return socket.once("close", () => sockets.delete(socket));
    },
  });

  async function release(client: Pick<Admin, "disconnect">): Promise<void> {
    const clean = client.disconnect().then(
      () => true,
      () => false,
    );
    const isClean = await Promise.race([clean, after(closeMs)]);
    // An error on its socket makes kafkajs stop the timers of a connection that it has not completed.
    for (const socket of sockets) socket.destroy(isClean ? undefined : new Error("closed by force"));
  }

  return { kafka, release };
}

/** CloudEvents Kafka binding, binary mode. */
function toMessage(record: SinkRecord) {
  const attributes = Object.entries(attributesOf(record)).map(([name, value]) => [`ce_${name}`, value] as const);
  const headers = { ...Object.fromEntries(attributes), "content-type": record.contentType };
  return { key: record.key, value: Buffer.from(record.data.buffer, record.data.byteOffset, record.data.length), headers };
}

function after(ms: number): Promise<false> {
  return new Promise((resolve) => {
    AbortSignal.timeout(ms).addEventListener("abort", () => resolve(false), { once: true });
  });
}
