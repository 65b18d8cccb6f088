/** The configurable wire form of domain events. */

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
  /** The topic of each event, by its type. */
  readonly topics: Readonly<Record<string, string>>;
}
