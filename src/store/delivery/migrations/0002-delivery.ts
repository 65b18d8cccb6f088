import type { Migration } from "../../engine/migrate.ts";

/** The work after a commit: outbox, tasks, named leases. */
export const delivery: Migration = {
  name: "0002-delivery",
  statements: (ddl) => [
    ...ddl.table(
      "outbox",
      [
        `position ${ddl.serial}`,
        `id ${ddl.key(64)} not null unique`,
        `event_key ${ddl.key(512)} not null`,
        `occurred_at ${ddl.integer} not null`,
        `published_at ${ddl.integer}`,
        `parked_at ${ddl.integer}`,
        `park_reason ${ddl.text}`,
        `traceparent ${ddl.text}`,
        `payload ${ddl.text} not null`,
      ],
      { outbox_waiting: "published_at, parked_at, position" },
    ),
    ...ddl.table(
      "tasks",
      [
        `id ${ddl.key(64)} not null primary key`,
        `kind ${ddl.key(64)} not null`,
        `attempts ${ddl.integer} not null`,
        `due_at ${ddl.integer} not null`,
        `last_error ${ddl.text}`,
        `payload ${ddl.text} not null`,
      ],
      { tasks_due: "due_at" },
    ),
    ...ddl.table("leases", [`name ${ddl.key(255)} not null primary key`, `owner ${ddl.key(255)} not null`, `expires_at ${ddl.integer} not null`]),
  ],
};
