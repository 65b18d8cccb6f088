/** The tables of webhooks as Kysely sees them. */
import type { DeliveryState } from "../../webhooks/types.ts";

export interface EndpointTable {
  id: string;
  tenant: string;
  /** The request of which it is the callback; empty for an endpoint of the tenant. */
  approval_id: string;
  url: string;
  /** JSON list. */
  types: string;
  /** JSON list. */
  subjects: string;
  secret_id: string | null;
  description: string;
  created_by: string;
  created_at: number;
  disabled_at: number | null;
  disabled_why: string | null;
}

export interface SecretTable {
  id: string;
  tenant: string;
  description: string;
  present_value: string;
  former_value: string | null;
  former_until: number | null;
  created_by: string;
  created_at: number;
  rotated_at: number | null;
}

export interface CursorTable {
  endpoint_id: string;
  approval_id: string;
  tenant: string;
  acked_seq: number;
  wanted_seq: number;
  task_id: string;
  run: number;
  tries: number;
  due_at: number;
}

export interface DeliveryTable {
  id: string;
  tenant: string;
  endpoint_id: string;
  /** Empty for a test. */
  approval_id: string;
  sequence: number;
  event_id: string;
  event_type: string;
  state: DeliveryState;
  detail: string;
  body: string;
  /** JSON list. */
  attempts: string;
  created_at: number;
  next_at: number | null;
}

export type WebhookTables = {
  webhook_endpoints: EndpointTable;
  webhook_secrets: SecretTable;
  webhook_cursors: CursorTable;
  webhook_deliveries: DeliveryTable;
};
