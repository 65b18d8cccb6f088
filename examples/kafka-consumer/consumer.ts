/** Reads Muster's events (CloudEvents in Kafka's binary mode) and prints each message by its type. */
import { setTimeout as pause } from "node:timers/promises";
import { createRegistry, fromBinary, fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { Kafka, logLevel } from "kafkajs";
import { file_ai_pipestream_platform_registration_v1_platform_registration as events } from "./gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";

const { KAFKA = "127.0.0.1:9092", TOPIC = "platform.registration.events", GROUP = "muster-example" } = process.env;
const topics = TOPIC.split(",");
const types = createRegistry(events);
const kafka = new Kafka({ brokers: KAFKA.split(","), clientId: "muster-example", logLevel: logLevel.NOTHING });
// Delivery is at least once: an id seen before is the same event again. A real consumer keeps them with what it makes of the events.
const seen = new Set<string>();

const stopping = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => stopping.abort());

/** What there is to wait for, or nothing: a consumer that subscribes to a topic that does not exist fails. */
async function missing(): Promise<string> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const present = await admin.listTopics();
    return topics.filter((topic) => !present.includes(topic)).join(", ");
  } catch {
    return `a broker at ${KAFKA}`;
  } finally {
    await admin.disconnect();
  }
}

for (let former = ""; !stopping.signal.aborted;) {
  const what = await missing();
  if (what === "") break;
  if (what !== former) console.error(`waiting for ${what}; Ctrl-C stops`);
  former = what;
  await pause(1_000, undefined, { signal: stopping.signal }).catch(() => undefined);
}
if (stopping.signal.aborted) process.exit(0);

const consumer = kafka.consumer({ groupId: GROUP });
await consumer.connect();
await consumer.subscribe({ topics, fromBeginning: true });
await consumer.run({
  async eachMessage({ message: { headers, value } }) {
    const header = (name: string) => String(headers?.[name] ?? "");
    const type = types.getMessage(header("ce_type"));
    if (type === undefined || value === null || seen.has(header("ce_id"))) return;
    seen.add(header("ce_id"));
    const event = header("content-type") === "application/json" ? fromJsonString(type, String(value)) : fromBinary(type, value);
    console.log(header("ce_time"), header("ce_subject"), type.name, toJsonString(type, event));
  },
});
console.error(`reading ${topics.join(", ")} at ${KAFKA}; Ctrl-C stops`);

const stop = () => void consumer.disconnect();
if (stopping.signal.aborted) stop();
else stopping.signal.addEventListener("abort", stop, { once: true });
