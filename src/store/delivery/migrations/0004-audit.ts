import type { Migration } from "../../engine/migrate.ts";

/** The audit chains, one a subject. */
export const audit: Migration = {
  name: "0004-audit",
  statements: (ddl) => [
    ...ddl.table("audit", [
      `position ${ddl.serial}`,
      `subject ${ddl.key(512)} not null`,
      `sequence ${ddl.integer} not null`,
      `at ${ddl.integer} not null`,
      `actor ${ddl.key(255)} not null`,
      `action ${ddl.key(64)} not null`,
      `detail ${ddl.text} not null`,
      `previous_hash ${ddl.key(64)} not null`,
      `hash ${ddl.key(64)} not null`,
      "unique (subject, sequence)",
    ]),
  ],
};
