/**
 * Tasks: taken for a time, then done (gone) or due again.
 *
 * At least once: a task whose handler outlives its lease is given out again. Due times are the
 * database's.
 */
import type { Tasks } from "../../kernel/records.ts";
import { sql } from "kysely";
import { fromNow, skippingLocked, type Session } from "../engine/dialect.ts";
import type { DeliveryTables } from "./tables.ts";

export function taskRepository({ db, dialect }: Session<DeliveryTables>): Tasks {
  return {
    async insert(task) {
      await db
        .insertInto("tasks")
        .values({ id: task.id, kind: task.kind, payload: task.payload, attempts: 0, due_at: dialect.now(), last_error: null })
        .execute();
    },

    async exists(id) {
      return (await db.selectFrom("tasks").select("id").where("id", "=", id).executeTakeFirst()) !== undefined;
    },

    async claim(leaseMs, limit) {
      const due = db.selectFrom("tasks").select(["id", "kind", "payload", "attempts"]).where("due_at", "<=", dialect.now()).orderBy("due_at").limit(limit);
      const rows = await skippingLocked(dialect, due).execute();
      if (rows.length === 0) return [];
      const ids = rows.map((row) => row.id);
      await db
        .updateTable("tasks")
        .set({ attempts: sql<number>`attempts + 1`, due_at: fromNow(dialect, leaseMs) })
        .where("id", "in", ids)
        .execute();
      return rows.map((row) => ({ id: row.id, kind: row.kind, payload: row.payload, attempts: row.attempts }));
    },

    async done(id) {
      await db.deleteFrom("tasks").where("id", "=", id).execute();
    },

    async retryIn(id, delayMs, error) {
      await db
        .updateTable("tasks")
        .set({ due_at: fromNow(dialect, delayMs), last_error: error })
        .where("id", "=", id)
        .execute();
    },

    async expireLeases() {
      await db.updateTable("tasks").set({ due_at: dialect.now() }).where("due_at", ">", dialect.now()).execute();
    },
  };
}
