/** The table of events from outside as Kysely sees it. */
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

export type InboundTables = { inbound_events: InboundTable };
