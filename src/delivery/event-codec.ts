/** The bytes of domain events, in the format chosen, made by the rows of the domains' tables. */
import { create, toBinary, toJsonString, type DescMessage } from "@bufbuild/protobuf";
import type { EventRow } from "../kernel/event-row.ts";
import type { SinkRecord } from "../kernel/ports.ts";
import type { OutboxEvent } from "../kernel/records.ts";
import { contentTypes, type EventWire } from "./event-wire.ts";

export interface EventCodec {
  /** The CloudEvent of an outbox row, keyed by its subject. Framing, where the format has one, is left to the sink. */
  encode(event: OutboxEvent): SinkRecord;
  /** Every topic that events may go to, with the messages that may be found there. */
  readonly topics: ReadonlyMap<string, readonly DescMessage[]>;
}

export function createEventCodec(rows: readonly EventRow[], { format, topics }: EventWire): EventCodec {
  const isJson = format === "json";
  const rowOf = new Map(rows.map((row) => [row.type, row]));
  return {
    encode(event) {
      const { type } = event.payload;
      const row = rowOf.get(type);
      const topic = topics[type];
      if (row === undefined || topic === undefined) throw new Error(`there is no event ${type}`);
      const { schema } = row;
      const message = create(schema, row.message(event.payload, event.at));
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

/** The messages of each topic, in the order of the rows. */
export function messagesByTopic(rows: readonly EventRow[], topics: EventWire["topics"]): ReadonlyMap<string, readonly DescMessage[]> {
  const rowsByTopic = Map.groupBy(rows, ({ type, topic }) => topics[type] ?? topic);
  return new Map([...rowsByTopic].map(([topic, its]) => [topic, its.map(({ schema }) => schema)]));
}
