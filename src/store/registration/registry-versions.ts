/** The embedded schema registry's versions; `list` gives them in the order they were made. */
import type { RegistryVersionRepository } from "../../registration/schemas/embedded-records.ts";
import type { Session } from "../engine/dialect.ts";
import type { RegistrationTables } from "./tables.ts";

export function registryVersionRepository({ db }: Session<RegistrationTables>): RegistryVersionRepository {
  return {
    async find(artifactId, version) {
      const row = await db
        .selectFrom("registry_versions")
        .select(["content", "enabled", "label"])
        .where("artifact_id", "=", artifactId)
        .where("version", "=", version)
        .executeTakeFirst();
      return row && { content: row.content, enabled: row.enabled === 1, label: row.label };
    },

    async list(artifactId) {
      const rows = await db.selectFrom("registry_versions").select(["version", "enabled"]).where("artifact_id", "=", artifactId).orderBy("position").execute();
      return rows.map((row) => ({ version: row.version, enabled: row.enabled === 1 }));
    },

    async insert(row) {
      await db
        .insertInto("registry_versions")
        .values({
          artifact_id: row.artifactId,
          version: row.version,
          kind: row.kind,
          content: row.content,
          label: row.label,
          enabled: 1,
          created_at: row.at,
        })
        .execute();
    },

    async setEnabled(artifactId, version, enabled) {
      await db
        .updateTable("registry_versions")
        .set({ enabled: enabled ? 1 : 0 })
        .where("artifact_id", "=", artifactId)
        .where("version", "=", version)
        .execute();
    },
  };
}
