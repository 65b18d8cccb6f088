/** How domain events look on the wire, as far as the operator chooses it. */
import type { DomainEvent } from "../registration/records.ts";

export type EventType = DomainEvent["type"];

/** Every domain event. */
export const eventTypes = [
  "ServiceRegistered",
  "ModuleRegistered",
  "ServiceUnregistered",
  "ModuleUnregistered",
  "TagsUpdated",
  "InstanceCritical",
  "InstanceRecovered",
  "InstanceReaped",
] as const satisfies readonly EventType[];

/**
 * `cloudevents`: the value is a protobuf message. `json`: the same message as protobuf JSON. `confluent`: the value is framed as
 * Apicurio's and Confluent's serializers do, for consumers that find the schema by the id in front of it.
 */
export const eventFormats = ["cloudevents", "json", "confluent"] as const;

export type EventFormat = (typeof eventFormats)[number];

/** Of a record's value. */
export const contentTypes: Readonly<Record<EventFormat, string>> = {
  cloudevents: "application/protobuf",
  json: "application/json",
  confluent: "application/octet-stream",
};

export interface EventWire {
  readonly format: EventFormat;
  /** Where each event goes. */
  readonly topics: Readonly<Record<EventType, string>>;
}
