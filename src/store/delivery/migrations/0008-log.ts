import type { Migration } from "../../engine/migrate.ts";

/**
 * The outbox as a log. Older rows, and those that an older program beside this one still writes, have none of the new
 * columns; the numbering fills them in. The unique index also finds the rows without a position, in the order of insertion.
 */
export const log: Migration = {
  name: "0008-log",
  statements: (ddl) => [
    ...ddl.addColumns("outbox", { log_position: ddl.integer, subject_kind: ddl.key(64), subject_id: ddl.key(512), type: ddl.key(255) }),
    ...ddl.addIndexes("outbox", { outbox_log_position: "log_position" }, "unique"),
    ...ddl.addIndexes("outbox", { outbox_subject: "subject_kind, subject_id, log_position" }),
    ...ddl.table("event_head", [`id ${ddl.integer} not null primary key`, `last_position ${ddl.integer} not null`, `pruned_position ${ddl.integer} not null`]),
    "insert into event_head (id, last_position, pruned_position) select 1, 0, 0 from (select 1 as one) as seed where not exists (select 1 from event_head)",
  ],
};
