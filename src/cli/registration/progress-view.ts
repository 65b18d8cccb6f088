/** Text forms of the steps of a registration; pure. */
import { timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import { EventType, RegistrationOutcome, type RegistrationEvent } from "../../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { printable } from "../../kernel/log.ts";
import { nameOf } from "../frame/names.ts";
import type { Style } from "../frame/style.ts";
import { left, took } from "../frame/times.ts";
import { beside } from "../frame/wrapped.ts";

const stepWidth = "HEALTH_CHECK_CONFIGURED".length;
const timeWidth = 9;

const textAt = 2 + "✓ ".length + stepWidth + 1 + timeWidth + 2;

/** A line for an event, and more below it where `columns` are too few; `sinceMs` is the time since the previous event. */
export function eventLine(event: RegistrationEvent, sinceMs: number, style: Style, columns?: number): string {
  const step = nameOf(EventType, event.eventType);
  const [mark, paint] = markOf(event.eventType, style);
  const time = `+${took(sinceMs)}`.padStart(timeWidth);
  const text = event.eventData.case === "errorDetail" ? event.eventData.value : event.message;
  const facts = event.eventData.case === "metadata" ? factsOf(event, event.eventData.value.values, style) : [];
  const texts = [printable(text, 2_048), ...facts.map((fact) => fact.text)];
  const fits = columns === undefined || textAt + texts.join("  ").length <= columns;
  const below = fits ? "  " : `\n${" ".repeat(textAt)}`;
  const shown = texts.map((it, i) => (facts[i - 1]?.paint ?? String)(fits ? it : beside(it, textAt, columns)));
  return `  ${paint(mark)} ${paint(step.padEnd(stepWidth))} ${style.dim(time)}  ${shown.join(below)}`;
}

function markOf(type: EventType, style: Style): readonly [string, (text: string) => string] {
  switch (type) {
    case EventType.FAILED:
    case EventType.REJECTED:
      return ["✗", style.bad];
    case EventType.HEALTH_WAITING:
    case EventType.APPROVAL_REQUESTED:
      return ["…", style.warn];
    default:
      return ["✓", style.good];
  }
}

/** The main facts of a step; the rest is in `-o json`. */
function factsOf(
  { eventType, timestamp, sequence }: RegistrationEvent,
  values: Readonly<Record<string, string>>,
  style: Style,
): readonly { readonly text: string; readonly paint: (text: string) => string }[] {
  const { warning, compatibility, stage = "", expires_at: expires = "" } = values;
  // Later ones say what has happened to the request.
  const isAsked = eventType === EventType.APPROVAL_REQUESTED && sequence > 0n && !Number.isNaN(Date.parse(expires));
  return [
    ...(isAsked ? [{ text: `stage ${printable(stage)}, expires in ${left(Date.parse(expires), msOf(timestamp))}`, paint: style.dim }] : []),
    ...(warning === undefined ? [] : [{ text: `warning: ${printable(warning)}`, paint: style.warn }]),
    ...(compatibility === undefined ? [] : [{ text: printable(compatibility), paint: style.dim }]),
  ];
}

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** The line below the steps while the next one is awaited. */
export function waitingLine(elapsedMs: number, style: Style): string {
  const frame = frames[Math.floor(elapsedMs / 100) % frames.length] ?? "";
  return `  ${style.warn(frame)} ${style.dim(`waiting for the next step, ${took(elapsedMs)}`)}`;
}

/** What an instance waits for that people decide on; undefined of other events. */
export function waitedFor({ eventType, eventData }: RegistrationEvent): Readonly<Record<string, string>> | undefined {
  return eventType === EventType.APPROVAL_REQUESTED && eventData.case === "metadata" ? eventData.value.values : undefined;
}

/** The line below the steps while an approval is awaited: at most `columns` wide, since it changes in place. */
export function approvalLine(
  { stage = "", who_can_decide: who = "" }: Readonly<Record<string, string>>,
  elapsedMs: number,
  style: Style,
  columns: number,
): string {
  const frame = frames[Math.floor(elapsedMs / 100) % frames.length] ?? "";
  const time = `, ${took(elapsedMs)}`;
  const text = printable(`waiting for approval${stage === "" ? "" : `, stage ${stage}`}${who === "" ? "" : `: ${who}`}`, 2_048);
  const room = columns - "  ⠋ ".length - time.length - 1;
  const fitting = text.length <= room ? text : `${text.slice(0, Math.max(0, room - 1))}…`;
  return `  ${style.warn(frame)} ${style.dim(`${fitting}${time}`)}`;
}

/** The last line: the result, after `totalMs`. */
export function summaryLine(event: RegistrationEvent, totalMs: number, style: Style): string {
  const { eventType, outcome, eventData, attemptId } = event;
  if (eventType === EventType.FAILED && attemptId === "") return `${style.bad("✗")} not approved, after ${took(totalMs)}: nothing of it is live`;
  if (eventType === EventType.FAILED) return `${style.bad("✗")} failed after ${took(totalMs)}, and undone`;
  const id = eventData.case === "serviceId" && eventData.value !== "" ? printable(eventData.value) : "the request";
  switch (outcome) {
    case RegistrationOutcome.ACTIVE:
      return `${style.good("✓")} ${style.bold(id)} is registered, in ${took(totalMs)}`;
    case RegistrationOutcome.UNCHANGED:
      return `${style.good("✓")} ${style.bold(id)} was already registered identically and is healthy`;
    case RegistrationOutcome.PENDING_APPROVAL:
      return `${style.warn("…")} ${style.bold(id)} waits for approval`;
    default:
      return `${style.good("✓")} ${id} is valid; nothing was registered`;
  }
}

/** Epoch milliseconds, with fractions; 0 for an absent time. */
export function msOf(timestamp: Timestamp | undefined): number {
  return timestamp === undefined ? 0 : timestampMs(timestamp);
}
