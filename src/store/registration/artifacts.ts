/** Whose artifacts are. An artifact without a row has versions of an older program, or none: then it belongs to who made the first. */
import { sql } from "kysely";
import { nameKeyOf } from "../../registration/keys.ts";
import type { ArtifactRepository } from "../../registration/schemas/schema-records.ts";
import { forUpdate, type Session } from "../engine/dialect.ts";
import type { RegistrationTables } from "./tables.ts";

export function artifactRepository({ db, dialect }: Session<RegistrationTables>): ArtifactRepository {
  const one = (artifactId: string) => db.selectFrom("schema_artifacts").select("name").where("artifact_id", "=", artifactId);
  const shares = (artifactId: string, name: string) =>
    db.selectFrom("schema_artifact_shares").select("name").where("artifact_id", "=", artifactId).where("name_key", "=", nameKeyOf(name));

  async function firstOf(artifactId: string): Promise<string | undefined> {
    const versions = db.selectFrom("schema_versions").select("name").where("artifact_id", "=", artifactId);
    return (await versions.orderBy("created_at").orderBy("version").limit(1).executeTakeFirst())?.name;
  }

  return {
    async holder(artifactId) {
      return (await one(artifactId).executeTakeFirst())?.name ?? firstOf(artifactId);
    },

    async claim(artifactId, name, at) {
      const lock = async () => (await forUpdate(dialect, one(artifactId)).executeTakeFirst())?.name;
      const known = await lock();
      if (known !== undefined) return known;
      const holder = (await firstOf(artifactId)) ?? name;
      try {
        await db
          .insertInto("schema_artifacts")
          .values({ artifact_id: artifactId, name: holder, name_key: nameKeyOf(holder), created_at: at })
          .execute();
        return holder;
      } catch (error) {
        if (!dialect.isDuplicate(error)) throw error;
        return (await lock()) ?? holder;
      }
    },

    async give(artifactId, name) {
      await db
        .updateTable("schema_artifacts")
        .set({ name, name_key: nameKeyOf(name) })
        .where("artifact_id", "=", artifactId)
        .execute();
      await db.deleteFrom("schema_artifact_shares").where("artifact_id", "=", artifactId).execute();
    },

    async isShared(artifactId, name) {
      return (await shares(artifactId, name).executeTakeFirst()) !== undefined;
    },

    async share(artifactId, name) {
      try {
        await db
          .insertInto("schema_artifact_shares")
          .values({ artifact_id: artifactId, name_key: nameKeyOf(name), name })
          .execute();
        return true;
      } catch (error) {
        if (!dialect.isDuplicate(error)) throw error;
        return false;
      }
    },

    async unshare(artifactId, name) {
      const ended = await db.deleteFrom("schema_artifact_shares").where("artifact_id", "=", artifactId).where("name_key", "=", nameKeyOf(name)).execute();
      return ended.some(({ numDeletedRows }) => numDeletedRows > 0n);
    },

    async unshareAll(name) {
      const own = db.selectFrom("schema_artifacts").select("artifact_id").where("name_key", "=", nameKeyOf(name));
      await db
        .deleteFrom("schema_artifact_shares")
        .where((eb) => eb.or([eb("name_key", "=", nameKeyOf(name)), eb("artifact_id", "in", own)]))
        .execute();
    },

    async ofNames(given, most) {
      if (given.length === 0) return [];
      const numbered = db
        .selectFrom("schema_artifacts")
        .select(["artifact_id", "name_key", sql<number>`row_number() over (partition by name_key order by artifact_id)`.as("number")])
        .where("name_key", "in", given.map(nameKeyOf))
        .as("numbered");
      const rows = await db.selectFrom(numbered).select(["artifact_id", "name_key"]).where("number", "<=", most).orderBy("artifact_id").execute();
      return rows.map(({ artifact_id: artifactId, name_key: nameKey }) => ({ artifactId, nameKey }));
    },
  };
}
