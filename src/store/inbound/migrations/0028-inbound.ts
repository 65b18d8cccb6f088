import type { Migration } from "../../engine/migrate.ts";

/** Events from outside, each once. */
export const inbound: Migration = {
  name: "0028-inbound",
  statements: (ddl) => [
    ...ddl.table(
      "inbound_events",
      [
        `id ${ddl.key(36)} primary key`,
        `source ${ddl.key(64)} not null`,
        `event_id ${ddl.key(128)} not null`,
        `tenant ${ddl.key(64)} not null`,
        `event_type ${ddl.key(128)} not null`,
        `status ${ddl.key(12)} not null`,
        `reason ${ddl.key(64)} not null`,
        `detail ${ddl.text} not null`,
        `approval_id ${ddl.key(36)}`,
        `claimed_actor ${ddl.key(255)} not null`,
        `body ${ddl.text} not null`,
        `tries ${ddl.integer} not null`,
        `received_at ${ddl.integer} not null`,
        `settled_at ${ddl.integer} not null`,
        "unique (source, event_id)",
      ],
      { inbound_events_by_status: "tenant, status, id", inbound_events_by_source: "tenant, source, id", inbound_events_by_age: "received_at" },
    ),
  ],
};
