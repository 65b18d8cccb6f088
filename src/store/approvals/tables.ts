/** The tables of approvals as Kysely sees them. */
import type { PolicyStatus } from "../../approvals/policy/policy-records.ts";
import type { Decision, Effect, Grant } from "../../approvals/request.ts";

export interface ApprovalTable {
  id: string;
  tenant: string;
  policy_key: string;
  policy_version: number;
  subject_type: string;
  subject_id: string;
  /** Hash of tenant, type and id of the subject. */
  subject_key: string;
  /** `subject_key` while the request is open, else null; unique. */
  open_key: string | null;
  decision: Decision;
  grant_state: Grant;
  effect: Effect;
  digest: string;
  sequence: number;
  resolved_version: number;
  opened_at: number;
  expires_at: number;
  /** Hash of its last event. */
  last_hash: string;
  /** JSON of the document. */
  document: string;
}

export interface ApprovalEventTable {
  approval_id: string;
  sequence: number;
  type: string;
  at: number;
  actor: string;
  /** JSON of the event's other fields. */
  body: string;
  previous_hash: string;
  hash: string;
}

export interface ApprovalInboxTable {
  tenant: string;
  selector: string;
  opened_at: number;
  approval_id: string;
}

export interface ApprovalCommandTable {
  command_key: string;
  content_hash: string;
  approval_id: string;
  created_at: number;
}

export interface StandInTable {
  id: string;
  tenant: string;
  /** JSON of the person who is absent, as the credentials were. */
  absent: string;
  from_key: string;
  to_name: string;
  /** JSON list. */
  policies: string;
  since: number;
  until: number;
}

export interface ApprovalTenantTable {
  tenant: string;
  stand_in_version: number;
}

export interface DirectoryVersionTable {
  tenant: string;
  version: number;
  hash: string;
  /** JSON of a DirectoryDocument. */
  document: string;
  /** By the database's clock. */
  read_at: number;
}

export interface PolicyVersionTable {
  tenant: string;
  policy_key: string;
  version: number;
  status: PolicyStatus;
  digest: string;
  subject: string;
  /** JSON of the document with its defaults. */
  document: string;
  source: string;
  created_by: string;
  created_at: number;
  activated_by: string | null;
  activated_at: number | null;
  archived_by: string | null;
  archived_at: number | null;
  /** Of tenant and key while ACTIVE, else null; unique. */
  active_key: string | null;
}

export type ApprovalTables = {
  policy_versions: PolicyVersionTable;
  approval_requests: ApprovalTable;
  approval_events: ApprovalEventTable;
  approval_inbox: ApprovalInboxTable;
  approval_commands: ApprovalCommandTable;
  stand_ins: StandInTable;
  approval_tenants: ApprovalTenantTable;
  directory_version: DirectoryVersionTable;
};
