/** Reads Muster's events (CloudEvents in Kafka's binary mode) and prints each message by its type. */
import { createRegistry, fromBinary, fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { Kafka, logLevel } from "kafkajs";
import { file_ai_pipestream_platform_registration_v1_platform_registration as events } from "./gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";

const { KAFKA = "127.0.0.1:9092", TOPIC = "platform.registration.events", GROUP = "muster-example" } = process.env;
const types = createRegistry(events);
const consumer = new Kafka({ brokers: KAFKA.split(","), clientId: "muster-example", logLevel: logLevel.ERROR }).consumer({ groupId: GROUP });
// Delivery is at least once: an id seen before is the same event again. A real consumer stores the ids with its results.
const seen = new Set<string>();

await consumer.connect();
await consumer.subscribe({ topics: TOPIC.split(","), fromBeginning: true });
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

for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => void consumer.disconnect());
