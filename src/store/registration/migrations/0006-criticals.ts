import type { Migration } from "../../engine/migrate.ts";

/** Instances that were reported as critical. */
export const criticals: Migration = {
  name: "0006-criticals",
  statements: (ddl) => [
    ...ddl.table("criticals", [
      `registration_id ${ddl.key(64)} not null primary key`,
      `service_id ${ddl.key(512)} not null`,
      `name ${ddl.key(255)} not null`,
      `since ${ddl.integer} not null`,
    ]),
  ],
};
