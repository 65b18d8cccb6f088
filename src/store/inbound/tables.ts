/** The tables of events from outside as Kysely sees them. */
import type { InboundStatus } from "../../inbound/types.ts";

export interface InboundTable {
  id: string;
  source: string;
  event_id: string;
  tenant: string;
  event_type: string;
  status: InboundStatus;
  reason: string;
  detail: string;
  approval_id: string | null;
  claimed_actor: string;
  body: string;
  tries: number;
  received_at: number;
  settled_at: number;
}

export interface PollTable {
  source: string;
  place: string;
  cursor_value: string | null;
  run: number;
  due_at: number;
  failures: number;
  succeeded_at: number | null;
  failed_at: number | null;
  error: string;
  starved: number;
  since: number;
}

export type InboundTables = { inbound_events: InboundTable; inbound_polls: PollTable };
