import type { DeliveryRepository } from "../../webhooks/records.ts";
import type { Attempt, Delivery } from "../../webhooks/types.ts";
import { forUpdate, fromNow, type Session } from "../engine/dialect.ts";
import type { DeliveryTable, WebhookTables } from "./tables.ts";

const listed = [
  "id",
  "tenant",
  "endpoint_id",
  "approval_id",
  "sequence",
  "event_id",
  "event_type",
  "state",
  "detail",
  "attempts",
  "created_at",
  "next_at",
] as const;

export function deliveryRepository({ db, dialect }: Session<WebhookTables>): DeliveryRepository {
  const one = () => db.selectFrom("webhook_deliveries").selectAll();

  return {
    async begin(delivery) {
      const { id, tenant, endpointId, approvalId, sequence, eventId, eventType, state, detail, body, createdAt, nextAt } = delivery;
      const there = await forUpdate(dialect, one().where("endpoint_id", "=", endpointId).where("event_id", "=", eventId)).executeTakeFirst();
      if (there) return fromRow(there);
      const of = { tenant, endpoint_id: endpointId, approval_id: approvalId, sequence, event_id: eventId, event_type: eventType };
      await db
        .insertInto("webhook_deliveries")
        .values({ id, ...of, state, detail, body, attempts: "[]", created_at: createdAt, next_at: nextAt ?? null })
        .execute();
      return { ...delivery, attempts: [] };
    },

    async find(tenant, id) {
      const row = await one().where("id", "=", id).where("tenant", "=", tenant).executeTakeFirst();
      return row && fromRow(row);
    },

    async lock(id) {
      const row = await forUpdate(dialect, one().where("id", "=", id)).executeTakeFirst();
      return row && fromRow(row);
    },

    async update({ id, state, detail, attempts, nextAt }) {
      await db
        .updateTable("webhook_deliveries")
        .set({ state, detail, attempts: JSON.stringify(attempts), next_at: nextAt ?? null })
        .where("id", "=", id)
        .execute();
    },

    async list({ tenant, endpointId, approvalId, state, beforeId, limit }) {
      let query = db.selectFrom("webhook_deliveries").select(listed).where("tenant", "=", tenant).orderBy("id", "desc").limit(limit);
      if (endpointId !== undefined) query = query.where("endpoint_id", "=", endpointId);
      if (approvalId !== undefined) query = query.where("approval_id", "=", approvalId);
      if (state !== undefined) query = query.where("state", "=", state);
      if (beforeId !== undefined) query = query.where("id", "<", beforeId);
      return (await query.execute()).map((row) => fromRow({ ...row, body: "" }));
    },

    async prune(ageMs, limit) {
      const old = await db.selectFrom("webhook_deliveries").select("id").where("created_at", "<", fromNow(dialect, -ageMs)).limit(limit).execute();
      const ids = old.map(({ id }) => id);
      if (ids.length > 0) await db.deleteFrom("webhook_deliveries").where("id", "in", ids).execute();
      return ids.length;
    },
  };
}

function fromRow(row: DeliveryTable): Delivery {
  return {
    id: row.id,
    tenant: row.tenant,
    endpointId: row.endpoint_id,
    approvalId: row.approval_id,
    sequence: row.sequence,
    eventId: row.event_id,
    eventType: row.event_type,
    state: row.state,
    detail: row.detail,
    body: row.body,
    attempts: JSON.parse(row.attempts) as Attempt[],
    createdAt: row.created_at,
    nextAt: row.next_at ?? undefined,
  };
}
