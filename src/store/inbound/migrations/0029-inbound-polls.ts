import type { Migration } from "../../engine/migrate.ts";

/** How far sources were read. */
export const inboundPolls: Migration = {
  name: "0029-inbound-polls",
  statements: (ddl) =>
    ddl.table("inbound_polls", [
      `source ${ddl.key(64)} not null primary key`,
      `place ${ddl.key(64)} not null`,
      `cursor_value ${ddl.text}`,
      `run ${ddl.integer} not null`,
      `due_at ${ddl.integer} not null`,
      `failures ${ddl.integer} not null`,
      `succeeded_at ${ddl.integer}`,
      `failed_at ${ddl.integer}`,
      `error ${ddl.text} not null`,
      `starved ${ddl.integer} not null`,
      `since ${ddl.integer} not null`,
    ]),
};
