import type { Migration } from "../../engine/migrate.ts";

/** Tasks that are claimed by kind, may be given up, and are then kept. */
export const taskKinds: Migration = {
  name: "0009-tasks",
  statements: (ddl) => [
    ...ddl.addColumns("tasks", { created_at: ddl.integer, claimed_at: ddl.integer, parked_at: ddl.integer }),
    ...ddl.addIndexes("tasks", { tasks_by_kind: "kind, parked_at, due_at" }),
    // MySQL would take it for a claim, and read the due tasks of every other kind on its way.
    ...ddl.dropIndex("tasks", "tasks_due"),
  ],
};
