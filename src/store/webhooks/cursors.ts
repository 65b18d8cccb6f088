/** What endpoints still have to be sent of each request. */
import { sql } from "kysely";
import type { CursorRepository } from "../../webhooks/records.ts";
import { forUpdate, type Session } from "../engine/dialect.ts";
import type { CursorTable, WebhookTables } from "./tables.ts";

export function cursorRepository({ db, dialect }: Session<WebhookTables>): CursorRepository {
  const update = (endpointId: string, approvalId: string) =>
    db.updateTable("webhook_cursors").where("endpoint_id", "=", endpointId).where("approval_id", "=", approvalId);

  return {
    async insert({ endpointId, approvalId, tenant, acked, wanted, taskId }) {
      const row = { endpoint_id: endpointId, approval_id: approvalId, tenant, acked_seq: acked, wanted_seq: wanted, task_id: taskId };
      await db
        .insertInto("webhook_cursors")
        .values({ ...row, run: 0, tries: 0, due_at: 0 })
        .execute();
    },

    async lock(endpointId, approvalId) {
      const found = db.selectFrom("webhook_cursors").selectAll().select(dialect.now().as("now"));
      const row = await forUpdate(dialect, found.where("endpoint_id", "=", endpointId).where("approval_id", "=", approvalId)).executeTakeFirst();
      return row && { ...cursorOf(row), now: Number(row.now) };
    },

    async raise(endpointId, approvalId, wanted) {
      const { numUpdatedRows } = await update(endpointId, approvalId).set({ wanted_seq: wanted }).executeTakeFirst();
      return numUpdatedRows > 0n;
    },

    async hand(endpointId, approvalId, taskId, acked) {
      await update(endpointId, approvalId)
        .set({ task_id: taskId, due_at: 0, ...(acked === undefined ? {} : { acked_seq: acked, tries: 0 }), run: sql<number>`run + 1` })
        .execute();
    },

    async move({ endpointId, approvalId, run, acked, tries, dueAt }) {
      await update(endpointId, approvalId).set({ run, acked_seq: acked, tries, due_at: dueAt }).execute();
    },

    async finish({ endpointId, approvalId, wanted }) {
      const { numDeletedRows } = await db
        .deleteFrom("webhook_cursors")
        .where("endpoint_id", "=", endpointId)
        .where("approval_id", "=", approvalId)
        .where("wanted_seq", "=", wanted)
        .executeTakeFirst();
      return numDeletedRows > 0n;
    },

    async count() {
      const { all } = await db
        .selectFrom("webhook_cursors")
        .select((eb) => eb.fn.countAll<number>().as("all"))
        .executeTakeFirstOrThrow();
      return Number(all);
    },
  };
}

function cursorOf(row: CursorTable) {
  return {
    endpointId: row.endpoint_id,
    approvalId: row.approval_id,
    tenant: row.tenant,
    acked: row.acked_seq,
    wanted: row.wanted_seq,
    taskId: row.task_id,
    run: row.run,
    tries: row.tries,
    dueAt: row.due_at,
  };
}
