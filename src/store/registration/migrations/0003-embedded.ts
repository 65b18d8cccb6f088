import type { Migration } from "../../engine/migrate.ts";

/** Tables of the embedded schema registry and event sink. */
export const embedded: Migration = {
  name: "0003-embedded",
  statements: (ddl) => [
    ...ddl.table("registry_versions", [
      `position ${ddl.serial}`,
      `artifact_id ${ddl.key(512)} not null`,
      `version ${ddl.key(256)} not null`,
      `kind ${ddl.key(32)} not null`,
      `enabled ${ddl.integer} not null`,
      `created_at ${ddl.integer} not null`,
      `label ${ddl.text} not null`,
      `content ${ddl.text} not null`,
      "unique (artifact_id, version)",
    ]),
    ...ddl.table("event_log", [
      `position ${ddl.serial}`,
      `id ${ddl.key(64)} not null`,
      `topic ${ddl.key(255)} not null`,
      `event_key ${ddl.key(512)} not null`,
      `type ${ddl.key(255)} not null`,
      `content_type ${ddl.key(255)} not null`,
      `occurred_at ${ddl.integer} not null`,
      `data ${ddl.bytes} not null`,
    ]),
  ],
};
