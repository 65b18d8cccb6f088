/** Our record of schema versions. A version that two transactions insert at once is one row; the second runs again. */
import type { SchemaRepository, SchemaSummary, SchemaVersion, StoredComparison } from "../../registration/schemas/schema-records.ts";
import { forUpdate, type Session } from "../engine/dialect.ts";
import type { SchemaVersionTable, RegistrationTables } from "./tables.ts";

const summaryColumns = ["artifact_id", "version", "name", "sha256", "synthesised", "state", "kind", "compared_with", "verdict", "created_at"] as const;

export function schemaRepository({ db, dialect }: Session<RegistrationTables>): SchemaRepository {
  const one = (artifactId: string, version: string) =>
    db.selectFrom("schema_versions").selectAll().where("artifact_id", "=", artifactId).where("version", "=", version);
  return {
    async lock(artifactId, version) {
      const row = await forUpdate(dialect, one(artifactId, version)).executeTakeFirst();
      return row && fromRow(row);
    },

    async find(artifactId, version) {
      const row = await one(artifactId, version).executeTakeFirst();
      return row && fromRow(row);
    },

    async list(artifactId, limit) {
      const rows = await db
        .selectFrom("schema_versions")
        .select(summaryColumns)
        .where("artifact_id", "=", artifactId)
        .orderBy("created_at", "desc")
        .orderBy("version", "desc")
        .limit(limit)
        .execute();
      return rows.map(summaryOf);
    },

    async enabled(artifactId) {
      const rows = await db
        .selectFrom("schema_versions")
        .select("version")
        .where("artifact_id", "=", artifactId)
        .where("state", "=", "ENABLED")
        .orderBy("created_at", "desc")
        .orderBy("version", "desc")
        .execute();
      return rows.map(({ version }) => version);
    },

    async insert({ comparison, ...version }) {
      await db
        .insertInto("schema_versions")
        .values({
          artifact_id: version.artifactId,
          version: version.version,
          name: version.name,
          content: version.content,
          sha256: version.sha256,
          synthesised: version.synthesised ? 1 : 0,
          state: version.state,
          kind: version.kind,
          compared_with: comparison?.against ?? null,
          verdict: comparison?.verdict ?? null,
          changes: comparison ? JSON.stringify({ changes: comparison.changes, omitted: comparison.omitted }) : null,
          created_at: version.createdAt,
        })
        .execute();
    },

    async setState(artifactId, version, state) {
      await db.updateTable("schema_versions").set({ state }).where("artifact_id", "=", artifactId).where("version", "=", version).execute();
    },

    async delete(artifactId, version) {
      await db.deleteFrom("schema_versions").where("artifact_id", "=", artifactId).where("version", "=", version).execute();
      const left = await db.selectFrom("schema_versions").select("version").where("artifact_id", "=", artifactId).limit(1).executeTakeFirst();
      if (left) return;
      await db.deleteFrom("schema_artifacts").where("artifact_id", "=", artifactId).execute();
      await db.deleteFrom("schema_artifact_shares").where("artifact_id", "=", artifactId).execute();
    },
  };
}

function summaryOf(row: Pick<SchemaVersionTable, (typeof summaryColumns)[number]>): SchemaSummary {
  return {
    artifactId: row.artifact_id,
    version: row.version,
    name: row.name,
    sha256: row.sha256,
    synthesised: row.synthesised === 1,
    kind: row.kind,
    state: row.state,
    comparison: row.verdict === null || row.compared_with === null ? undefined : { against: row.compared_with, verdict: row.verdict },
    createdAt: row.created_at,
  };
}

function fromRow(row: SchemaVersionTable): SchemaVersion {
  const summary = summaryOf(row);
  const kept = JSON.parse(row.changes ?? '{"changes":[],"omitted":0}') as Pick<StoredComparison, "changes" | "omitted">;
  return { ...summary, content: row.content, comparison: summary.comparison && { ...summary.comparison, ...kept } };
}
