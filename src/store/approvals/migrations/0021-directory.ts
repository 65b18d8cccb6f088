import type { Migration } from "../../engine/migrate.ts";

/** Who exists in each tenant, in versions. */
export const directory: Migration = {
  name: "0021-directory",
  statements: (ddl) =>
    ddl.table("directory_version", [
      `tenant ${ddl.key(64)} not null`,
      `version ${ddl.integer} not null`,
      `hash ${ddl.key(64)} not null`,
      `document ${ddl.text} not null`,
      `read_at ${ddl.integer} not null`,
      "primary key (tenant, version)",
    ]),
};
