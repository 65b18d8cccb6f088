/** The table of domain events on the wire: CloudEvents type and protobuf message of each, and the bytes in the format chosen. */
import { create, toBinary, toJsonString, type DescMessage, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  InstanceCriticalSchema,
  InstanceReapedSchema,
  InstanceRecoveredSchema,
  ModuleRegisteredSchema,
  ModuleUnregisteredSchema,
  ServiceRegisteredSchema,
  ServiceUnregisteredSchema,
  TagsUpdatedSchema,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { SinkRecord } from "../kernel/ports.ts";
import type { DomainEvent, OutboxEvent } from "../registration/records.ts";
import { contentTypes, eventTypes, type EventType, type EventWire } from "./event-wire.ts";

export const eventMessages: Readonly<Record<EventType, DescMessage>> = {
  ServiceRegistered: ServiceRegisteredSchema,
  ModuleRegistered: ModuleRegisteredSchema,
  ServiceUnregistered: ServiceUnregisteredSchema,
  ModuleUnregistered: ModuleUnregisteredSchema,
  TagsUpdated: TagsUpdatedSchema,
  InstanceCritical: InstanceCriticalSchema,
  InstanceRecovered: InstanceRecoveredSchema,
  InstanceReaped: InstanceReapedSchema,
};

export interface EventCodec {
  /** The CloudEvent of an outbox row, keyed by the service id. Framing, where the format has one, is left to the sink. */
  encode(event: OutboxEvent): SinkRecord;
  /** Every topic that events may go to, with the messages that may be found there. */
  readonly topics: ReadonlyMap<string, readonly DescMessage[]>;
}

export function createEventCodec({ format, topics }: EventWire): EventCodec {
  const isJson = format === "json";
  return {
    encode(event) {
      const { schema, message } = contentOf(event.payload, event.at);
      return {
        id: event.id,
        topic: topics[event.payload.type],
        key: event.key,
        type: schema.typeName,
        source: "muster",
        time: event.at,
        contentType: contentTypes[isJson ? "json" : "cloudevents"],
        data: isJson ? Buffer.from(toJsonString(schema, message, { alwaysEmitImplicit: true })) : toBinary(schema, message),
        ...(event.traceparent === undefined ? {} : { traceparent: event.traceparent }),
      };
    },
    topics: messagesByTopic(topics),
  };
}

function messagesByTopic(topics: EventWire["topics"]): ReadonlyMap<string, readonly DescMessage[]> {
  const typesByTopic = Map.groupBy(eventTypes, (type) => topics[type]);
  return new Map([...typesByTopic].map(([topic, types]) => [topic, types.map((type) => eventMessages[type])]));
}

interface Content {
  readonly schema: DescMessage;
  readonly message: Message;
}

function contentOf(payload: DomainEvent, at: number): Content {
  const timestamp = timestampFromMs(at);
  const { serviceId, name } = payload;
  switch (payload.type) {
    case "ServiceRegistered": {
      const { host, port, version } = payload;
      return content(ServiceRegisteredSchema, { serviceId, serviceName: name, host, port, version, timestamp });
    }
    case "ModuleRegistered": {
      const { host, port, version, schemaId, artifactId } = payload;
      return content(ModuleRegisteredSchema, { serviceId, moduleName: name, host, port, version, schemaId, apicurioArtifactId: artifactId, timestamp });
    }
    case "ServiceUnregistered":
      return content(ServiceUnregisteredSchema, { serviceId, serviceName: name, timestamp });
    case "ModuleUnregistered":
      return content(ModuleUnregisteredSchema, { serviceId, moduleName: name, timestamp });
    case "TagsUpdated":
      return content(TagsUpdatedSchema, { serviceId, serviceName: name, tags: [...payload.tags], actor: payload.actor, timestamp });
    case "InstanceCritical": {
      const since = { criticalSince: timestampFromMs(payload.since), reapedAfter: timestampFromMs(payload.reapedAfter) };
      return content(InstanceCriticalSchema, { serviceId, serviceName: name, ...since, timestamp });
    }
    case "InstanceRecovered":
      return content(InstanceRecoveredSchema, { serviceId, serviceName: name, criticalSince: timestampFromMs(payload.since), timestamp });
    case "InstanceReaped":
      return content(InstanceReapedSchema, { serviceId, serviceName: name, criticalSince: timestampFromMs(payload.since), timestamp });
  }
}

function content<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Content {
  return { schema, message: create(schema, init) };
}
