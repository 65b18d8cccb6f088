/** The AsyncAPI 3 document of the events, generated from the tables that encode them. */
import { ScalarType, type DescField, type DescMessage } from "@bufbuild/protobuf";
import type { EventRow } from "../kernel/event-row.ts";
import { contentTypes, type EventFormat, type EventWire } from "./event-wire.ts";
import { protoText } from "./proto-text.ts";

type Json = { readonly [name: string]: Json } | readonly Json[] | string | number | boolean;

const protobuf = "application/vnd.google.protobuf;version=3";
const kafkaBinding = { bindingVersion: "0.5.0" };

export function asyncApi(rows: readonly EventRow[], wire: EventWire): Json {
  const typesByTopic = [...Map.groupBy(rows, ({ type, topic }) => wire.topics[type] ?? topic)].map(
    ([topic, its]) => [topic, its.map(({ type }) => type)] as const,
  );
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Muster events",
      version: "1.0.0",
      description: "CloudEvents 1.0 in Kafka's binary mode, delivered at least once and in order per key: ce_id identifies repetitions.",
    },
    defaultContentType: contentTypes[wire.format],
    channels: Object.fromEntries(typesByTopic.map(([topic, types]) => [topic, channel(topic, types)])),
    operations: Object.fromEntries(
      typesByTopic.map(([topic, types]) => [
        `publish-${topic}`,
        { action: "send", channel: ref("channels", topic), messages: types.map((type) => ref("channels", topic, "messages", type)) },
      ]),
    ),
    components: { messages: Object.fromEntries(rows.map((row) => [row.type, message(row, wire.format)])) },
  };
}

function ref(...path: readonly string[]): Json {
  return { $ref: `#/${path.join("/")}` };
}

function channel(topic: string, types: readonly string[]): Json {
  return {
    address: topic,
    messages: Object.fromEntries(types.map((type) => [type, ref("components", "messages", type)])),
    bindings: { kafka: { topic, ...kafkaBinding } },
  };
}

function message({ type, schema, summary }: EventRow, format: EventFormat): Json {
  return {
    name: schema.typeName,
    title: type,
    summary,
    contentType: contentTypes[format],
    headers: headers(schema.typeName, contentTypes[format]),
    payload: format === "json" ? jsonSchema(schema) : { schemaFormat: protobuf, schema: protoText([schema]) },
    bindings: { kafka: { key: key(format), ...(format === "confluent" ? frame : {}), ...kafkaBinding } },
  };
}

/** Four bytes with the content id, after a zero; the schema is found under the topic's name. */
const frame = { schemaIdLocation: "payload", schemaIdPayloadEncoding: "apicurio-new", schemaLookupStrategy: "TopicIdStrategy" };

function key(format: EventFormat): Json {
  return format === "confluent"
    ? { type: "string", format: "uuid", description: `Name-based UUID (version 3, without a namespace) of the ${subjectId}.` }
    : { type: "string", description: `The ${subjectId}.` };
}

/** What an event is about. */
const subjectId = "subject's id: of an instance the service id, of a request for approval its id, of a policy `policy/`, its tenant, a slash and its key";

function headers(typeName: string, contentType: string): Json {
  return {
    type: "object",
    required: ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "content-type"],
    properties: {
      ce_specversion: { type: "string", const: "1.0" },
      ce_id: { type: "string", description: "The same at each delivery of the event." },
      ce_type: { type: "string", const: typeName },
      ce_source: { type: "string", const: "muster" },
      ce_subject: { type: "string", description: `The ${subjectId}.` },
      ce_time: { type: "string", format: "date-time", description: "When it was committed." },
      ce_traceparent: { type: "string", description: "W3C trace context of the call, if it had one." },
      "content-type": { type: "string", const: contentType },
    },
  };
}

/** What has presence may be absent; everything else is always written. */
function jsonSchema({ fields }: DescMessage): Json {
  return {
    type: "object",
    required: fields.filter(({ fieldKind }) => fieldKind !== "message").map(({ jsonName }) => jsonName),
    properties: Object.fromEntries(fields.map((field) => [field.jsonName, jsonType(field)])),
  };
}

function jsonType(field: DescField): Json {
  const type = field.message ? (messageTypes[field.message.typeName] ?? jsonSchema(field.message)) : scalarTypes[ScalarType[field.scalar ?? 0] ?? ""];
  if (type === undefined || field.fieldKind === "map") throw new Error(`${field.parent.typeName}.${field.name} is of a kind that cannot be written`);
  return field.fieldKind === "list" ? { type: "array", items: type } : type;
}

/** How protobuf JSON writes them. */
const messageTypes: Readonly<Record<string, Json>> = { "google.protobuf.Timestamp": { type: "string", format: "date-time" } };
const scalarTypes: Readonly<Record<string, Json>> = {
  STRING: { type: "string" },
  INT32: { type: "integer", format: "int32" },
  BOOL: { type: "boolean" },
  INT64: { type: "string", format: "int64" },
};
