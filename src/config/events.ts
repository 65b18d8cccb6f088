/** Reads the variables for the wire format and topics of events. */
import { eventFormats, type EventWire } from "../delivery/event-wire.ts";
import { messagesByTopic } from "../delivery/event-codec.ts";
import { events } from "../events.ts";
import { registrationTopic } from "../registration/events.ts";
import type { AdapterSettings } from "./adapters.ts";
import { quoted } from "./values.ts";

export const eventVariables = {
  MUSTER_EVENTS_FORMAT: { fallback: "cloudevents", secret: false },
  MUSTER_EVENTS_TOPIC: { fallback: registrationTopic, secret: false },
  MUSTER_EVENTS_TOPICS: { fallback: "", secret: false },
  MUSTER_EVENT_RETENTION: { fallback: "7d", secret: false },
} as const;

type Get = (name: keyof typeof eventVariables) => string;

/** The wire of events, for these adapters. Problems are added to `problems`, a line each. */
export function parseEventWire(get: Get, { events: sink, schemas }: Pick<AdapterSettings, "events" | "schemas">, problems: string[]): EventWire {
  const [asked, topic, topics] = [get("MUSTER_EVENTS_FORMAT"), get("MUSTER_EVENTS_TOPIC"), get("MUSTER_EVENTS_TOPICS")];
  const format = eventFormats.find((known) => known === asked);
  if (format === undefined) problems.push(`MUSTER_EVENTS_FORMAT: ${quoted(asked)} must be one of ${eventFormats.join(", ")}`);
  if (format !== undefined && format !== eventFormats[0] && sink.kind !== "kafka") {
    problems.push(`MUSTER_EVENTS_FORMAT: ${format} needs MUSTER_EVENTS=kafka://host:port`);
  }
  if (format === "confluent" && schemas.kind !== "apicurio") {
    problems.push("MUSTER_EVENTS_FORMAT: confluent needs MUSTER_SCHEMAS=apicurio+http(s)://host:port/apis/registry/v3, which assigns the schema ids");
  }
  const wrong = topicViolation(topic);
  if (wrong) problems.push(`MUSTER_EVENTS_TOPIC: ${quoted(topic)} ${wrong}`);
  const defaults = Object.fromEntries(events.map((row) => [row.type, row.topic === registrationTopic ? topic : row.topic]));
  const wire = { format: format ?? "cloudevents", topics: { ...defaults, ...parseTopics(topics, problems) } } as const;
  if (wire.format === "confluent") problems.push(...mixedTopics(wire.topics));
  return wire;
}

/** A topic's schema is one proto file, which has one package. */
function mixedTopics(topics: EventWire["topics"]): readonly string[] {
  return [...messagesByTopic(events, topics)].flatMap(([topic, messages]) => {
    const packages = [...new Set(messages.map(({ file }) => file.proto.package))];
    return packages.length > 1
      ? [`MUSTER_EVENTS_TOPICS: ${topic} mixes messages of ${packages.join(" and ")}, which confluent cannot frame by one schema`]
      : [];
  });
}

function parseTopics(value: string, problems: string[]): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of value.split(",").map((part) => part.trim())) {
    if (entry === "") continue;
    const [name = "", topic = "", ...rest] = entry.split("=");
    const type = events.find((row) => row.type === name)?.type;
    const wrong = rest.length > 0 || topic === "" ? "must be EVENT=topic" : topicViolation(topic);
    if (wrong) problems.push(`MUSTER_EVENTS_TOPICS: ${quoted(entry)} ${wrong}`);
    if (!type) problems.push(`MUSTER_EVENTS_TOPICS: ${quoted(name)} must be one of ${events.map((row) => row.type).join(", ")}`);
    else if (found[type] !== undefined) problems.push(`MUSTER_EVENTS_TOPICS: ${type} is given twice`);
    else found[type] = topic;
  }
  return found;
}

/** Kafka's rules for a topic's name. */
function topicViolation(topic: string): string | undefined {
  const isName = /^[A-Za-z0-9._-]{1,249}$/.test(topic) && topic !== "." && topic !== "..";
  return isName ? undefined : "must be a topic: 1 to 249 letters, digits, dots, dashes and underscores";
}
