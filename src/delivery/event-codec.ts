/** The bytes of domain events, in the configured format, by the rows of the domains' tables. */
import { create, toBinary, toJsonString, type DescMessage, type Message } from "@bufbuild/protobuf";
import type { EventRow } from "../kernel/event-row.ts";
import type { SinkRecord } from "../kernel/ports.ts";
import type { EventPayload, OutboxEvent, StoredEvent } from "../kernel/records.ts";
import { contentTypes, type EventWire } from "./event-wire.ts";

export interface EventCodec {
  /** False for the events of a newer version. */
  knows(type: string): boolean;
  /** The message of an event, with its type. Throws when there is no such event or its payload is invalid. */
  message(event: Pick<OutboxEvent, "payload" | "at">): { readonly schema: DescMessage; readonly message: Message };
  /** The CloudEvent of an outbox row, keyed by its subject. Framing, where the format has one, is left to the sink. */
  encode(event: OutboxEvent): SinkRecord;
  /** Every topic that events may go to, with the messages that may occur there. */
  readonly topics: ReadonlyMap<string, readonly DescMessage[]>;
}

export function createEventCodec(rows: readonly EventRow[], { format, topics }: EventWire): EventCodec {
  const isJson = format === "json";
  const rowOf = new Map(rows.map((row) => [row.type, row]));
  const messageOf: EventCodec["message"] = ({ payload, at }) => {
    const row = rowOf.get(payload.type);
    if (row === undefined) throw new Error(`there is no event ${payload.type}`);
    return { schema: row.schema, message: create(row.schema, row.message(payload, at)) };
  };
  return {
    knows: (type) => rowOf.has(type),
    message: messageOf,
    encode(event) {
      const { schema, message } = messageOf(event);
      const topic = topics[event.payload.type];
      if (topic === undefined) throw new Error(`there is no topic for ${event.payload.type}`);
      return {
        id: event.id,
        topic,
        key: event.key,
        type: schema.typeName,
        source: "muster",
        time: event.at,
        contentType: contentTypes[isJson ? "json" : "cloudevents"],
        data: isJson ? Buffer.from(toJsonString(schema, message, { alwaysEmitImplicit: true })) : toBinary(schema, message),
        ...(event.traceparent === undefined ? {} : { traceparent: event.traceparent }),
      };
    },
    topics: messagesByTopic(rows, topics),
  };
}

/** The payload of an event as inserted. Throws when it is invalid. */
export function payloadOf({ payload }: Pick<StoredEvent, "payload">): EventPayload {
  const value: unknown = JSON.parse(payload);
  if (typeof value !== "object" || value === null || !("type" in value) || typeof value.type !== "string") throw new Error("the payload has no type");
  return value as EventPayload;
}

/** The messages of each topic, in the order of the rows. */
export function messagesByTopic(rows: readonly EventRow[], topics: EventWire["topics"]): ReadonlyMap<string, readonly DescMessage[]> {
  const rowsByTopic = Map.groupBy(rows, ({ type, topic }) => topics[type] ?? topic);
  return new Map([...rowsByTopic].map(([topic, its]) => [topic, its.map(({ schema }) => schema)]));
}
