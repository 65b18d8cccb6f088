import { nameKeyOf } from "../../../registration/keys.ts";
import type { Migration, MigrationTarget } from "../../engine/migrate.ts";

/**
 * Whose the artifacts of schemas are: of a name, and so of who owns that. One that several names stand on already belongs to
 * a service or connector before a module, then to the one that is registered, then to the one that was first, and is shared with
 * the others.
 */
export const artifacts: Migration = {
  name: "0014-artifacts",
  statements: (ddl) => [
    ...ddl.table(
      "schema_artifacts",
      [
        `artifact_id ${ddl.key(512)} not null primary key`,
        `name ${ddl.key(255)} not null`,
        `name_key ${ddl.key(255)} not null`,
        `created_at ${ddl.integer} not null`,
      ],
      { schema_artifacts_by_name: "name_key" },
    ),
    ...ddl.table(
      "schema_artifact_shares",
      [`artifact_id ${ddl.key(512)} not null`, `name_key ${ddl.key(255)} not null`, `name ${ddl.key(255)} not null`, "primary key (artifact_id, name_key)"],
      { schema_artifact_shares_by_name: "name_key" },
    ),
  ],
  async fill(query) {
    const standing = await query(
      `select schema_artifact_id as id, name, min(registered_at) as at from registrations where schema_artifact_id is not null
       group by schema_artifact_id, name order by schema_artifact_id, min(case when type = 'MODULE' then 1 else 0 end), case when count(active_key) > 0 then 0 else 1 end, min(id)`,
    );
    const holders = new Map(
      (await query("select artifact_id as id, name_key from schema_artifacts")).map((row) => [String(row["id"]), String(row["name_key"])]),
    );
    for (const row of standing) {
      const [id, name] = [String(row["id"]), String(row["name"])];
      const key = nameKeyOf(name);
      const holder = holders.get(id);
      if (holder === undefined) {
        await query("insert into schema_artifacts (artifact_id, name, name_key, created_at) values (?, ?, ?, ?)", [id, name, key, String(row["at"])]);
        holders.set(id, key);
      } else if (holder !== key) await share(query, [id, key, name]);
    }
  },
};

async function share(query: MigrationTarget["query"], [id, key, name]: readonly [string, string, string]): Promise<void> {
  const known = await query("select name from schema_artifact_shares where artifact_id = ? and name_key = ?", [id, key]);
  if (known.length === 0) await query("insert into schema_artifact_shares (artifact_id, name_key, name) values (?, ?, ?)", [id, key, name]);
}
