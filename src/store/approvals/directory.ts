import type { DirectoryDocument, DirectoryRepository } from "../../approvals/directory/records.ts";
import type { Session } from "../engine/dialect.ts";
import type { ApprovalTables } from "./tables.ts";

const kept = 20;

export function directoryRepository({ db, dialect }: Session<ApprovalTables>): DirectoryRepository {
  return {
    async heads() {
      const newest = db
        .selectFrom("directory_version")
        .select(({ fn }) => ["tenant", fn.max("version").as("version")])
        .groupBy("tenant")
        .as("newest");
      const rows = await db
        .selectFrom("directory_version as it")
        .innerJoin(newest, (join) => join.onRef("newest.tenant", "=", "it.tenant").onRef("newest.version", "=", "it.version"))
        .select(["it.tenant", "it.version", "it.hash", "it.read_at"])
        .orderBy("it.tenant")
        .execute();
      return rows.map(({ read_at, ...head }) => ({ ...head, readAt: read_at }));
    },

    async find(tenant, version) {
      const row = await db.selectFrom("directory_version").selectAll().where("tenant", "=", tenant).where("version", "=", version).executeTakeFirst();
      return row && { tenant, version, hash: row.hash, document: JSON.parse(row.document) as DirectoryDocument };
    },

    async has(tenant, hash) {
      const row = await db.selectFrom("directory_version").select("version").where("tenant", "=", tenant).where("hash", "=", hash).executeTakeFirst();
      return row !== undefined;
    },

    async insert({ tenant, version, hash, document }) {
      try {
        const row = { tenant, version, hash, document: JSON.stringify(document), read_at: dialect.now() };
        await db.insertInto("directory_version").values(row).execute();
      } catch (error) {
        if (dialect.isDuplicate(error)) return false;
        throw error;
      }
      await db
        .deleteFrom("directory_version")
        .where("tenant", "=", tenant)
        .where("version", "<=", version - kept)
        .execute();
      return true;
    },
  };
}
