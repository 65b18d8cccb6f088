/** Events of the log as text and as JSON. */
import { createRegistry, type JsonValue } from "@bufbuild/protobuf";
import { timestampDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { EventSchema, type Event } from "../../../gen/muster/event/v1/event_service_pb.ts";
import { events } from "../../events.ts";
import { printable } from "../../kernel/log.ts";
import { jsonOf } from "../frame/output.ts";
import type { Style } from "../frame/style.ts";
import { table } from "../frame/table.ts";
import { age } from "../frame/times.ts";

const registry = createRegistry(...events.map(({ schema }) => schema));

/** In the mapping of protobuf. A payload of a type that this version does not know has its bytes, as base64, under `value`. */
export function eventJson(event: Event): JsonValue {
  const { payload } = event;
  if (payload === undefined || registry.getMessage(event.payloadType)) return jsonOf(EventSchema, event, registry);
  const rest = jsonOf(EventSchema, { ...event, payload: undefined }, registry);
  const value = { "@type": payload.typeUrl, value: Buffer.from(payload.value).toString("base64") };
  return typeof rest === "object" && rest !== null && !Array.isArray(rest) ? { ...rest, payload: value } : rest;
}

/** `columns`: the width that lines are cut to. */
export function eventTable(list: readonly Event[], nowMs: number, style: Style, columns: number | undefined): string {
  const ageOf = ({ time }: Event) => age(time && timestampMs(time), nowMs);
  const rows = list.map((event) => [`${event.position}`, ageOf(event), event.type, subjectOf(event)]);
  return table({ heads: ["POSITION", "AGE", "TYPE", "SUBJECT"], rows, bold: style.bold, ...(columns === undefined ? {} : { columns }) });
}

/** One line, with typical column widths; with a day, events of that day show only their time. */
export function eventLine(event: Event, style: Style, today?: string): string {
  const time = event.time === undefined ? "-" : `${timestampDate(event.time).toISOString().slice(0, 19)}Z`;
  const short = today !== undefined && time.startsWith(`${today}T`) ? time.slice(today.length + 1) : time;
  return `${`${event.position}`.padStart(8)}  ${style.dim(short)}  ${printable(event.type).padEnd(19)}  ${printable(subjectOf(event))}\n`;
}

/** In the form that `--subject` takes. */
function subjectOf({ subject }: Event): string {
  return subject === undefined ? "-" : `${subject.kind}/${subject.id}`;
}
