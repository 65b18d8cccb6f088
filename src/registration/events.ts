/** What registration publishes: the events as the domain has them, and the table by which they are put on the wire. */
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, type Timestamp } from "@bufbuild/protobuf/wkt";
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

export type RegistrationEvent =
  | {
      readonly type: "ServiceRegistered";
      readonly serviceId: string;
      readonly name: string;
      readonly host: string;
      readonly port: number;
      readonly version: string;
    }
  | {
      readonly type: "ModuleRegistered";
      readonly serviceId: string;
      readonly name: string;
      readonly host: string;
      readonly port: number;
      readonly version: string;
      readonly schemaId: string;
      readonly artifactId: string;
    }
  | { readonly type: "ServiceUnregistered" | "ModuleUnregistered"; readonly serviceId: string; readonly name: string }
  | { readonly type: "TagsUpdated"; readonly serviceId: string; readonly name: string; readonly tags: readonly string[]; readonly actor: string }
  | { readonly type: "InstanceCritical"; readonly serviceId: string; readonly name: string; readonly since: number; readonly reapedAfter: number }
  | { readonly type: "InstanceRecovered" | "InstanceReaped"; readonly serviceId: string; readonly name: string; readonly since: number };

export const registrationTopic = "platform.registration.events";

type EventOf<T extends RegistrationEvent["type"]> = Extract<RegistrationEvent, { readonly type: T }>;
/** The columns of a row that differ: message, sentence, and the message's fields beside the instance's id and the time. */
type Columns<T extends RegistrationEvent["type"], D extends DescMessage> = readonly [
  schema: D,
  summary: string,
  message: (event: EventOf<T>, timestamp: Timestamp) => MessageInitShape<D>,
];

function row<T extends RegistrationEvent["type"], D extends DescMessage>(type: T, ...[schema, summary, message]: Columns<T, D>) {
  return { type, topic: registrationTopic, schema, summary, message: (event: EventOf<T>, at: number) => message(event, timestampFromMs(at)) };
}

export const registrationEvents = [
  row(
    "ServiceRegistered",
    ServiceRegisteredSchema,
    "A service instance is registered and passes its health check.",
    ({ serviceId, name, host, port, version }, timestamp) => ({ serviceId, serviceName: name, host, port, version, timestamp }),
  ),
  row(
    "ModuleRegistered",
    ModuleRegisteredSchema,
    "A module instance is registered, passes its health check, and its configuration schema is in the schema registry.",
    ({ serviceId, name, host, port, version, schemaId, artifactId }, timestamp) => ({
      serviceId,
      moduleName: name,
      host,
      port,
      version,
      schemaId,
      apicurioArtifactId: artifactId,
      timestamp,
    }),
  ),
  row("ServiceUnregistered", ServiceUnregisteredSchema, "A service instance was taken off the platform.", ({ serviceId, name }, timestamp) => ({
    serviceId,
    serviceName: name,
    timestamp,
  })),
  row("ModuleUnregistered", ModuleUnregisteredSchema, "A module instance was taken off the platform.", ({ serviceId, name }, timestamp) => ({
    serviceId,
    moduleName: name,
    timestamp,
  })),
  row("TagsUpdated", TagsUpdatedSchema, "The tags of a registered instance were replaced.", ({ serviceId, name, tags, actor }, timestamp) => ({
    serviceId,
    serviceName: name,
    tags: [...tags],
    actor,
    timestamp,
  })),
  row(
    "InstanceCritical",
    InstanceCriticalSchema,
    "A registered instance was found unhealthy twice in a row; it is still registered.",
    ({ serviceId, name, since, reapedAfter }, timestamp) => ({
      serviceId,
      serviceName: name,
      criticalSince: timestampFromMs(since),
      reapedAfter: timestampFromMs(reapedAfter),
      timestamp,
    }),
  ),
  row(
    "InstanceRecovered",
    InstanceRecoveredSchema,
    "An instance for which InstanceCritical was published is healthy again.",
    ({ serviceId, name, since }, timestamp) => ({ serviceId, serviceName: name, criticalSince: timestampFromMs(since), timestamp }),
  ),
  row(
    "InstanceReaped",
    InstanceReapedSchema,
    "An instance was taken off the platform because it had been unhealthy for too long.",
    ({ serviceId, name, since }, timestamp) => ({ serviceId, serviceName: name, criticalSince: timestampFromMs(since), timestamp }),
  ),
] as const;

type WithoutRow = Exclude<RegistrationEvent["type"], (typeof registrationEvents)[number]["type"]>;

// An event without a row does not compile.
true satisfies [WithoutRow] extends [never] ? true : WithoutRow;
