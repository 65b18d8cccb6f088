/** The tables of registration as Kysely sees them: one interface a table, columns as they stand in the database. */
import type { Generated } from "kysely";
import type { AttemptState, EventType, Outcome, ServiceType } from "../../registration/types.ts";
import type { RegistrationState } from "../../registration/records.ts";
import type { SchemaState, SchemaVerdict, SchemaVersion } from "../../registration/schemas/schema-records.ts";

export interface AttemptTable {
  id: string;
  service_id: string;
  name: string;
  type: ServiceType;
  host: string;
  port: number;
  version: string;
  /** Only of rows from before request ids belonged to their principal. */
  request_id: string | null;
  given_request_id: string | null;
  /** Of principal and request id; unique. */
  request_key: string | null;
  request_hash: string;
  /** JSON. */
  request: string;
  address: string;
  state: AttemptState;
  step_cursor: number;
  generation: number;
  last_sequence: number;
  outcome: Outcome | null;
  /** JSON. */
  error: string | null;
  cancel_requested: number;
  actor: string;
  traceparent: string | null;
  lease_owner: string;
  lease_epoch: number;
  /** Epoch milliseconds by the database's clock; 0 for a lease that was given back. */
  lease_until: number;
  deadline_at: number;
  created_at: number;
  updated_at: number;
  /** The service id while RUNNING or UNWINDING, else null; unique. */
  live_key: string | null;
}

export interface AttemptEventTable {
  attempt_id: string;
  sequence: number;
  type: EventType;
  occurred_at: number;
  /** JSON of the event's other fields. */
  body: string;
}

export interface InstanceTable {
  service_id: string;
  name: string;
  host: string;
  port: number;
  generation: number;
  /** `idKeyOf(service_id)`, of the one spelling that may register; unique. Null of other spellings, and of rows of an older program. */
  id_key: string | null;
}

export interface ServiceNameTable {
  name: string;
  /** `nameKeyOf(name)`, unique; null as in `InstanceTable`. */
  name_key: string | null;
  owner: string;
  /** 1 until a registration under the name has completed; null as an older program leaves it. */
  reserved: number | null;
}

export interface RegistrationTable {
  id: string;
  service_id: string;
  name: string;
  host: string;
  port: number;
  type: ServiceType;
  version: string;
  state: RegistrationState;
  /** JSON. */
  request: string;
  /** JSON; null where UpdateTags has set none, and where it is in the request as it was before there was this column. */
  desired_tags: string | null;
  request_hash: string;
  address: string;
  /** `checkKeyOf`; null in rows of an older program. */
  check_key: string | null;
  /** Null: its health check asks for the server as a whole. */
  health_service: string | null;
  schema_artifact_id: string | null;
  /** Null where it is the registration's version, as it was for all before there were OpenAPI documents. */
  schema_version: string | null;
  description: string | null;
  actor: string;
  registered_at: number;
  updated_at: number;
  /** The service id while ACTIVE, else null; unique. */
  active_key: string | null;
  /** `nameKeyOf(name)`; null in rows of an older program. */
  name_key: string | null;
}

/** One row, with the id 1. */
export interface RegistrationGateTable {
  id: number;
  epoch: number;
  is_on: number;
}

export interface AdmissionTable {
  id: string;
  subject_id: string;
  digest: string;
  /** JSON; null: all names. */
  read_names: string | null;
  policy_version: number;
  way: string | null;
  approval_id: string | null;
}

export interface AskTable {
  service_id: string;
  approval_id: string;
  generation: number;
  name: string;
  /** `nameKeyOf(name)` */
  name_key: string;
  version: string;
  request_hash: string;
  address: string;
  digest: string;
  actor: string;
  traceparent: string | null;
  attempt_id: string;
  asked_at: number;
  admitted: number;
  /** JSON. */
  request: string;
  /** JSON. */
  shown: string;
}

export interface CriticalTable {
  registration_id: string;
  service_id: string;
  name: string;
  since: number;
}

export interface SchemaVersionTable {
  artifact_id: string;
  version: string;
  name: string;
  content: string;
  sha256: string;
  synthesised: number;
  state: SchemaState;
  kind: SchemaVersion["kind"];
  compared_with: string | null;
  verdict: SchemaVerdict | null;
  /** JSON of the changes and of how many were left out. */
  changes: string | null;
  created_at: number;
}

export interface SchemaArtifactTable {
  artifact_id: string;
  name: string;
  /** `nameKeyOf(name)` */
  name_key: string;
  created_at: number;
}

export interface SchemaArtifactShareTable {
  artifact_id: string;
  name_key: string;
  name: string;
}

export interface RegistryVersionTable {
  position: Generated<number>;
  artifact_id: string;
  version: string;
  kind: string;
  content: string;
  label: string;
  enabled: number;
  created_at: number;
}

export type RegistrationTables = {
  attempts: AttemptTable;
  attempt_events: AttemptEventTable;
  instances: InstanceTable;
  service_names: ServiceNameTable;
  registrations: RegistrationTable;
  registration_gate: RegistrationGateTable;
  admissions: AdmissionTable;
  asks: AskTable;
  criticals: CriticalTable;
  schema_versions: SchemaVersionTable;
  schema_artifacts: SchemaArtifactTable;
  schema_artifact_shares: SchemaArtifactShareTable;
  registry_versions: RegistryVersionTable;
};
