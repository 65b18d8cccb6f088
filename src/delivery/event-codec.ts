/** The table of domain events on the wire: topic, CloudEvents type and protobuf message of each. */
import { create, toBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  ModuleRegisteredSchema,
  ModuleUnregisteredSchema,
  ServiceRegisteredSchema,
  ServiceUnregisteredSchema,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { SinkRecord } from "../ports.ts";
import type { DomainEvent, OutboxEvent } from "../registration/records.ts";

export const registrationTopic = "platform.registration.events";

/** Every topic that events may go to. */
export const topics: readonly string[] = [registrationTopic];

/** The CloudEvent of an outbox row: protobuf data, keyed by the service id. */
export function encodeEvent(event: OutboxEvent): SinkRecord {
  const { schema, data } = encodePayload(event.payload, event.at);
  return {
    id: event.id,
    topic: registrationTopic,
    key: event.key,
    type: schema.typeName,
    source: "muster",
    time: event.at,
    contentType: "application/protobuf",
    data,
    ...(event.traceparent === undefined ? {} : { traceparent: event.traceparent }),
  };
}

function encodePayload(payload: DomainEvent, at: number): { schema: DescMessage; data: Uint8Array } {
  const timestamp = timestampFromMs(at);
  const { serviceId, name } = payload;
  switch (payload.type) {
    case "ServiceRegistered": {
      const { host, port, version } = payload;
      return encoded(ServiceRegisteredSchema, { serviceId, serviceName: name, host, port, version, timestamp });
    }
    case "ModuleRegistered": {
      const { host, port, version, schemaId, artifactId } = payload;
      return encoded(ModuleRegisteredSchema, { serviceId, moduleName: name, host, port, version, schemaId, apicurioArtifactId: artifactId, timestamp });
    }
    case "ServiceUnregistered":
      return encoded(ServiceUnregisteredSchema, { serviceId, serviceName: name, timestamp });
    case "ModuleUnregistered":
      return encoded(ModuleUnregisteredSchema, { serviceId, moduleName: name, timestamp });
  }
}

function encoded<D extends DescMessage>(schema: D, init: MessageInitShape<D>): { schema: DescMessage; data: Uint8Array } {
  return { schema, data: toBinary(schema, create(schema, init)) };
}
