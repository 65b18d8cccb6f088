/** Rows of the outbox, for the relay and the log. */
import type { EventPayload, StoredEvent } from "../../kernel/records.ts";
import type { OutboxTable } from "./tables.ts";

export const eventColumns = ["position", "id", "event_key", "payload", "occurred_at", "traceparent", "subject_kind", "subject_id", "type"] as const;

type EventRow = Pick<OutboxTable, Exclude<(typeof eventColumns)[number], "position">> & { readonly position: number };

/** A row from before the log is about an instance, whose service id is its key. */
export function storedEvent(row: EventRow): StoredEvent {
  return {
    serial: row.position,
    id: row.id,
    key: row.event_key,
    type: row.type ?? typeOf(row.payload),
    subject: { kind: row.subject_kind ?? "instance", id: row.subject_id ?? row.event_key },
    payload: row.payload,
    at: row.occurred_at,
    traceparent: row.traceparent ?? undefined,
  };
}

function typeOf(payload: string): string {
  try {
    const { type } = JSON.parse(payload) as Partial<EventPayload>;
    return typeof type === "string" ? type : "";
  } catch {
    return "";
  }
}
