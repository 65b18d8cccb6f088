/** Our record of schema versions. A version that two transactions insert at once is one row; the second runs again. */
import type { SchemaRepository } from "../registration/records.ts";
import { forUpdate, type Session } from "./dialect.ts";

export function schemaRepository({ db, dialect }: Session): SchemaRepository {
  return {
    async lock(artifactId, version) {
      const query = db.selectFrom("schema_versions").selectAll().where("artifact_id", "=", artifactId).where("version", "=", version);
      const row = await forUpdate(dialect, query).executeTakeFirst();
      if (!row) return undefined;
      return {
        artifactId: row.artifact_id,
        version: row.version,
        name: row.name,
        content: row.content,
        sha256: row.sha256,
        synthesised: row.synthesised === 1,
        state: row.state,
        createdAt: row.created_at,
      };
    },

    async insert(version) {
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
          created_at: version.createdAt,
        })
        .execute();
    },

    async setState(artifactId, version, state) {
      await db.updateTable("schema_versions").set({ state }).where("artifact_id", "=", artifactId).where("version", "=", version).execute();
    },

    async delete(artifactId, version) {
      await db.deleteFrom("schema_versions").where("artifact_id", "=", artifactId).where("version", "=", version).execute();
    },
  };
}
