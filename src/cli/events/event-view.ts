/** Events of the log as text and as JSON. */
import { createRegistry, type JsonValue } from "@bufbuild/protobuf";
import { timestampDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { EventSchema, type Event } from "../../../gen/muster/event/v1/event_service_pb.ts";
import { events } from "../../events.ts";
import { printable } from "../../kernel/log.ts";
import { jsonOf } from "../frame/output.ts";
import type { Style } from "../frame/style.ts";
import { shortened, table } from "../frame/table.ts";
import { age } from "../frame/times.ts";

const registry = createRegistry(...events.map(({ schema }) => schema));

const leastSubject = 20;

/** In the mapping of protobuf. A payload of a type that this version does not know has its bytes, as base64, under `value`. */
export function eventJson(event: Event): JsonValue {
  const { payload } = event;
  if (payload === undefined || registry.getMessage(event.payloadType)) return jsonOf(EventSchema, event, registry);
  const rest = jsonOf(EventSchema, { ...event, payload: undefined }, registry);
  const value = { "@type": payload.typeUrl, value: Buffer.from(payload.value).toString("base64") };
  return typeof rest === "object" && rest !== null && !Array.isArray(rest) ? { ...rest, payload: value } : rest;
}

/** `columns`: the width of the terminal, which lines then fit into. */
export function eventTable(list: readonly Event[], nowMs: number, style: Style, columns: number | undefined): string {
  const ageOf = ({ time }: Event) => age(time && timestampMs(time), nowMs);
  const rows = list.map((event) => [`${event.position}`, ageOf(event), event.type, subjectOf(event)]);
  const narrow = { drop: [], shorten: "SUBJECT" };
  return table({ heads: ["POSITION", "AGE", "TYPE", "SUBJECT"], rows, bold: style.bold, narrow, ...(columns === undefined ? {} : { columns }) });
}

/** One line, with the widths of most. On a terminal it fits into `columns`, and only the time is shown of what happened `today`. */
export function eventLine(event: Event, style: Style, terminal?: { readonly today: string; readonly columns: number }): string {
  const { today, columns = Number.POSITIVE_INFINITY } = terminal ?? {};
  const time = event.time === undefined ? "-" : `${timestampDate(event.time).toISOString().slice(0, 19)}Z`;
  const short = today !== undefined && time.startsWith(`${today}T`) ? time.slice(today.length + 1) : time;
  const [position, type] = [`${event.position}`.padStart(8), printable(event.type).padEnd(19)];
  const room = Math.max(leastSubject, columns - `${position}  ${short}  ${type}  `.length);
  return `${position}  ${style.dim(short)}  ${type}  ${shortened(printable(subjectOf(event)), room)}\n`;
}

/** In the form that `--subject` takes. */
function subjectOf({ subject }: Event): string {
  return subject === undefined ? "-" : `${subject.kind}/${subject.id}`;
}
