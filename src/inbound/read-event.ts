/** The bare form of an event, read from its body. Pure; what it refuses cannot be read differently later. */
import { printable } from "../kernel/log.ts";
import { at } from "./json-pointer.ts";
import type { About, Decision, InboundEvent, Source, SubjectPlace, Verdict } from "./types.ts";

/** Why a body is no event. */
export type BodyRefusal = "invalid_webhook_payload" | "missing_event_fields" | "invalid_approval_payload" | "invalid_decision";

export type ReadEvent = { readonly event: InboundEvent } | { readonly refusal: BodyRefusal; readonly message: string };

const maxId = 128;
const identifierText = `1 to ${maxId} printable ASCII characters without spaces`;
const maxActor = 255;
const maxReason = 2_000;
const decisionOf: Readonly<Record<string, Verdict>> = { approved: "approve", rejected: "reject" };

class Refused extends Error {
  readonly refusal: BodyRefusal;
  constructor(refusal: BodyRefusal, message: string) {
    super(message);
    this.refusal = refusal;
  }
}

/** Reads `{event_id, event_type, occurred_at, payload{…, decision?, digest?, reason?}, context{actor_id}?}`. Never throws, whatever the text. */
export function readEvent(source: Source, body: string): ReadEvent {
  try {
    return { event: eventOf(source, body) };
  } catch (error) {
    if (error instanceof Refused) return { refusal: error.refusal, message: error.message };
    throw error;
  }
}

function eventOf(source: Source, body: string): InboundEvent {
  const json = objectOf(body);
  const id = identifier(json, "event_id");
  const type = identifier(json, "event_type");
  const actor = at(json, "/context/actor_id") ?? json["actor"];
  const claimedActor = typeof actor === "string" ? printable(actor, maxActor - 1) : "";
  const verdict = verdictOf(source, type);
  return { id, type, claimedActor: claimedActor.slice(0, maxActor), decision: verdict && decisionIn(json, verdict, source.subject), body };
}

function objectOf(body: string): Readonly<Record<string, unknown>> {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw new Refused("invalid_webhook_payload", "the body is not JSON");
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new Refused("invalid_webhook_payload", "the body is not a JSON object");
  return json as Readonly<Record<string, unknown>>;
}

/** Whether a value is an id or a type of an event. */
export function isIdentifier(value: unknown): value is string {
  return typeof value === "string" && value.length <= maxId && /^[\x21-\x7e]+$/.test(value);
}

function identifier(json: Readonly<Record<string, unknown>>, name: string): string {
  const value = json[name];
  if (isIdentifier(value)) return value;
  throw new Refused("missing_event_fields", `${name} must be ${identifierText}`);
}

/** A type in both lists rejects: nothing is let in by mistake. */
function verdictOf({ approve, reject }: Source, type: string): Verdict | undefined {
  if (reject.some((pattern) => fits(pattern, type))) return "reject";
  return approve.some((pattern) => fits(pattern, type)) ? "approve" : undefined;
}

function fits(pattern: string, type: string): boolean {
  const [before = "", after] = pattern.split("*");
  if (after === undefined) return pattern === type;
  return type.length >= before.length + after.length && type.startsWith(before) && type.endsWith(after);
}

function decisionIn(json: Readonly<Record<string, unknown>>, verdict: Verdict, place: SubjectPlace): Decision {
  const occurredAt = timeOf(json["occurred_at"]);
  if (Number.isNaN(occurredAt)) throw new Refused("missing_event_fields", "occurred_at must be a time with its zone, such as 2026-01-31T18:00:00Z");
  const decision = at(json, "/payload/decision");
  if (decision !== undefined && decision !== null && (typeof decision !== "string" || decisionOf[decision] !== verdict)) {
    throw new Refused("invalid_decision", `payload.decision must be approved or rejected, as the type of the event says`);
  }
  const digest = at(json, "/payload/digest") ?? undefined;
  // No content has another one.
  if (digest !== undefined && !isIdentifier(digest)) throw new Refused("invalid_approval_payload", `payload.digest must be ${identifierText}`);
  const reason = at(json, "/payload/reason") ?? json["reason"];
  return { verdict, about: aboutIn(json, place), digest, occurredAt, reason: typeof reason === "string" ? printable(reason, maxReason) : "" };
}

/** A time by RFC 3339, epoch milliseconds; NaN for what is none. A leap second is the one before it. */
function timeOf(value: unknown): number {
  const text = typeof value === "string" ? value.toUpperCase() : "";
  const [, day = "", time = "", zone = ""] = /^(\d{4}-\d\d-\d\d)T([\d:.]+)(Z|[+-]\d\d:?\d\d)$/.exec(text) ?? [];
  // Date.parse takes the 30th of February for the 2nd of March.
  const midnight = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(midnight) || new Date(midnight).toISOString().slice(0, 10) !== day) return Number.NaN;
  return Date.parse(`${day}T${time.replace(/^(\d\d:\d\d):60/, "$1:59")}${zone}`);
}

function aboutIn(json: Readonly<Record<string, unknown>>, place: SubjectPlace): About {
  const pointer = "approval" in place ? place.approval : place.id;
  const value = at(json, pointer);
  const id = typeof value === "number" && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof id !== "string" || id === "" || id.length > 255) throw new Refused("invalid_approval_payload", `${pointer} must be the id of what is decided`);
  return "approval" in place ? { approvalId: id } : { type: place.type, id };
}
