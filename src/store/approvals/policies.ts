/** Versions of policies. At most one of a key is ACTIVE, by a unique key. */
import { sql } from "kysely";
import type { Done, PolicyRepository, PolicySummary, PolicyVersion } from "../../approvals/policy/policy-records.ts";
import type { PolicyDocument } from "../../approvals/types.ts";
import type { ApprovalTables, PolicyVersionTable } from "./tables.ts";
import { canonicalJson, sha256 } from "../../kernel/canonical-json.ts";
import { forUpdate, type Session } from "../engine/dialect.ts";

const summaryColumns = [
  "tenant",
  "policy_key",
  "version",
  "status",
  "digest",
  "subject",
  "created_by",
  "created_at",
  "activated_by",
  "activated_at",
  "archived_by",
  "archived_at",
] as const;

export function policyRepository({ db, dialect }: Session<ApprovalTables>): PolicyRepository {
  const ofKey = (tenant: string, key: string) => db.selectFrom("policy_versions").where("tenant", "=", tenant).where("policy_key", "=", key);

  return {
    async find(tenant, key, version) {
      const row = await ofKey(tenant, key).selectAll().where("version", "=", version).executeTakeFirst();
      return row && fromRow(row);
    },

    async activeVersion(tenant, key) {
      const row = await db.selectFrom("policy_versions").select("version").where("active_key", "=", activeKey(tenant, key)).executeTakeFirst();
      return row?.version;
    },

    async findActive(tenant, key) {
      const row = await db.selectFrom("policy_versions").selectAll().where("active_key", "=", activeKey(tenant, key)).executeTakeFirst();
      return row && fromRow(row);
    },

    async findLatest(tenant, key) {
      const row = await ofKey(tenant, key).selectAll().orderBy("version", "desc").limit(1).executeTakeFirst();
      return row && fromRow(row);
    },

    async lock(tenant, key) {
      const rows = await forUpdate(dialect, ofKey(tenant, key).select(summaryColumns).orderBy("version", "desc")).execute();
      return rows.map(summaryOf);
    },

    async insert(version) {
      await db.insertInto("policy_versions").values(toRow(version)).execute();
    },

    async setStatus({ tenant, key, version }, status, { by, at }) {
      const done = status === "ACTIVE" ? { activated_by: by, activated_at: at } : { archived_by: by, archived_at: at };
      await db
        .updateTable("policy_versions")
        .set({ status, active_key: status === "ACTIVE" ? activeKey(tenant, key) : null, ...done })
        .where("tenant", "=", tenant)
        .where("policy_key", "=", key)
        .where("version", "=", version)
        .execute();
    },

    async versions({ tenant, key, beforeVersion, limit }) {
      let query = ofKey(tenant, key).select(summaryColumns).orderBy("version", "desc").limit(limit);
      if (beforeVersion !== undefined) query = query.where("version", "<", beforeVersion);
      return (await query.execute()).map(summaryOf);
    },

    async list({ tenant, afterKey, limit }) {
      const shown = sql<number>`coalesce(max(case when status = 'ACTIVE' then version end), max(version))`.as("shown");
      const keys = db
        .selectFrom("policy_versions")
        .select(["policy_key as shown_key", shown])
        .where("tenant", "=", tenant)
        .where("policy_key", ">", afterKey)
        .groupBy("policy_key")
        .orderBy("policy_key")
        .limit(limit);
      const rows = await db
        .selectFrom(keys.as("keys"))
        .innerJoin("policy_versions", (join) => join.onRef("policy_key", "=", "keys.shown_key").onRef("version", "=", "keys.shown"))
        .select(summaryColumns)
        .where("tenant", "=", tenant)
        .orderBy("policy_key")
        .execute();
      return rows.map(summaryOf);
    },
  };
}

/** Unique among the active versions. */
export function activeKey(tenant: string, key: string): string {
  return sha256(canonicalJson([tenant, key]));
}

function done(by: string | null, at: number | null): Done | undefined {
  return by === null || at === null ? undefined : { by, at };
}

function summaryOf(row: Pick<PolicyVersionTable, (typeof summaryColumns)[number]>): PolicySummary {
  return {
    tenant: row.tenant,
    key: row.policy_key,
    version: row.version,
    status: row.status,
    digest: row.digest,
    subject: row.subject,
    created: { by: row.created_by, at: row.created_at },
    activated: done(row.activated_by, row.activated_at),
    archived: done(row.archived_by, row.archived_at),
  };
}

function fromRow(row: PolicyVersionTable): PolicyVersion {
  return { ...summaryOf(row), document: JSON.parse(row.document) as PolicyDocument, source: row.source };
}

function toRow(version: PolicyVersion): PolicyVersionTable {
  return {
    tenant: version.tenant,
    policy_key: version.key,
    version: version.version,
    status: version.status,
    digest: version.digest,
    subject: version.subject,
    document: JSON.stringify(version.document),
    source: version.source,
    created_by: version.created.by,
    created_at: version.created.at,
    activated_by: version.activated?.by ?? null,
    activated_at: version.activated?.at ?? null,
    archived_by: version.archived?.by ?? null,
    archived_at: version.archived?.at ?? null,
    active_key: version.status === "ACTIVE" ? activeKey(version.tenant, version.key) : null,
  };
}
