import type { Migration } from "../../engine/migrate.ts";

/** Versions of policies. At most one of a key is ACTIVE, by `active_key`, which is null of the others. */
export const policies: Migration = {
  name: "0020-policies",
  statements: (ddl) => [
    ...ddl.table("policy_versions", [
      `tenant ${ddl.key(128)} not null`,
      `policy_key ${ddl.key(128)} not null`,
      `version ${ddl.integer} not null`,
      `status ${ddl.key(16)} not null`,
      `digest ${ddl.key(64)} not null`,
      `subject ${ddl.key(128)} not null`,
      `document ${ddl.text} not null`,
      `source ${ddl.text} not null`,
      `created_by ${ddl.key(255)} not null`,
      `created_at ${ddl.integer} not null`,
      `activated_by ${ddl.key(255)}`,
      `activated_at ${ddl.integer}`,
      `archived_by ${ddl.key(255)}`,
      `archived_at ${ddl.integer}`,
      `active_key ${ddl.key(64)} unique`,
      "primary key (tenant, policy_key, version)",
    ]),
  ],
};
