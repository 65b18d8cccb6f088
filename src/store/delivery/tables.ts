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
  /** Null until the row is numbered. */
  log_position: number | null;
  /** These are null in rows that a program without a log wrote, until they are numbered. */
  subject_kind: string | null;
  subject_id: string | null;
  type: string | null;
}

/** One row, with id 1. */
export interface EventHeadTable {
  id: number;
  /** The last assigned position. */
  last_position: number;
  /** The last position that was pruned. */
  pruned_position: number;
}

export interface TaskTable {
  id: string;
  kind: string;
  /** JSON. */
  payload: string;
  attempts: number;
  due_at: number;
  /** The last failure, or the reason for parking. */
  last_error: string | null;
  /** Null for a task of an earlier version until it is claimed. */
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
  event_head: EventHeadTable;
};
