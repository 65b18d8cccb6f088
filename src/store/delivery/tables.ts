/** The tables that every domain writes to, as Kysely sees them. */
import type { Generated } from "kysely";

export interface OutboxTable {
  position: Generated<number>;
  id: string;
  event_key: string;
  /** JSON. */
  payload: string;
  occurred_at: number;
  traceparent: string | null;
  published_at: number | null;
  parked_at: number | null;
  park_reason: string | null;
}

export interface TaskTable {
  id: string;
  kind: string;
  /** JSON. */
  payload: string;
  attempts: number;
  due_at: number;
  /** Why it failed last, or was parked. */
  last_error: string | null;
  /** Null for a task of a former version until it is claimed. */
  created_at: number | null;
  /** Set while it is claimed. */
  claimed_at: number | null;
  parked_at: number | null;
}

export interface LeaseTable {
  name: string;
  owner: string;
  expires_at: number;
}

export interface EventLogTable {
  position: Generated<number>;
  id: string;
  topic: string;
  event_key: string;
  type: string;
  content_type: string;
  occurred_at: number;
  data: Uint8Array;
}

export interface AuditTable {
  position: Generated<number>;
  subject: string;
  sequence: number;
  at: number;
  actor: string;
  action: string;
  detail: string;
  previous_hash: string;
  hash: string;
}

export type DeliveryTables = {
  audit: AuditTable;
  outbox: OutboxTable;
  tasks: TaskTable;
  leases: LeaseTable;
  event_log: EventLogTable;
};
