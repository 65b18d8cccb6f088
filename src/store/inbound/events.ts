/** Events from outside, each once by its source and id. */
import { sql } from "kysely";
import type { InboundRepository } from "../../inbound/records.ts";
import type { InboundRecord } from "../../inbound/types.ts";
import { forUpdate, fromNow, type Session } from "../engine/dialect.ts";
import type { InboundTable, InboundTables } from "./tables.ts";

const listed = [
  "id",
  "source",
  "event_id",
  "tenant",
  "event_type",
  "status",
  "reason",
  "detail",
  "approval_id",
  "claimed_actor",
  "tries",
  "received_at",
  "settled_at",
] as const;

export function inboundRepository({ db, dialect }: Session<InboundTables>): InboundRepository {
  return {
    async insert({ id, source, eventId, tenant, eventType, status, reason, detail, approvalId, claimedActor, body }) {
      const end = { status, reason, detail, approval_id: approvalId ?? null, tries: 0 };
      try {
        await db
          .insertInto("inbound_events")
          .values({
            ...end,
            id,
            source,
            tenant,
            event_id: eventId,
            event_type: eventType,
            claimed_actor: claimedActor,
            body,
            received_at: dialect.now(),
            settled_at: dialect.now(),
          })
          .execute();
        return true;
      } catch (error) {
        if (dialect.isDuplicate(error)) return false;
        throw error;
      }
    },

    async find(source, eventId) {
      const row = await db.selectFrom("inbound_events").selectAll().where("source", "=", source).where("event_id", "=", eventId).executeTakeFirst();
      return row && fromRow(row);
    },

    async known(source, eventIds) {
      if (eventIds.length === 0) return new Set();
      const rows = await db.selectFrom("inbound_events").select("event_id").where("source", "=", source).where("event_id", "in", eventIds).execute();
      return new Set(rows.map(({ event_id }) => event_id));
    },

    async get(tenant, id) {
      const row = await db.selectFrom("inbound_events").selectAll().where("id", "=", id).where("tenant", "=", tenant).executeTakeFirst();
      return row && fromRow(row);
    },

    async lock(id) {
      const found = db.selectFrom("inbound_events").selectAll().select(dialect.now().as("now")).where("id", "=", id);
      const row = await forUpdate(dialect, found).executeTakeFirst();
      return row && { ...fromRow(row), now: Number(row.now) };
    },

    async replace(id, { eventType, claimedActor, body }) {
      await db.updateTable("inbound_events").set({ event_type: eventType, claimed_actor: claimedActor, body }).where("id", "=", id).execute();
    },

    async settle(id, { status, reason, detail, approvalId }) {
      await db
        .updateTable("inbound_events")
        .set({ status, reason, detail, approval_id: approvalId ?? null, tries: sql<number>`tries + 1`, settled_at: dialect.now() })
        .where("id", "=", id)
        .execute();
    },

    async list({ tenant, source, status, beforeId, limit }) {
      let query = db.selectFrom("inbound_events").select(listed).where("tenant", "=", tenant).orderBy("id", "desc").limit(limit);
      if (source !== undefined) query = query.where("source", "=", source);
      if (status !== undefined) query = query.where("status", "=", status);
      if (beforeId !== undefined) query = query.where("id", "<", beforeId);
      return (await query.execute()).map((row) => fromRow({ ...row, body: "" }));
    },

    async counts(tenant) {
      let query = db
        .selectFrom("inbound_events")
        .select(["source", "status", (eb) => eb.fn.countAll<number>().as("count")])
        .groupBy(["source", "status"])
        .orderBy("source")
        .orderBy("status");
      if (tenant !== undefined) query = query.where("tenant", "=", tenant);
      return (await query.execute()).map(({ source, status, count }) => ({ source, status, count: Number(count) }));
    },

    async prune(ageMs, limit, tenant) {
      let query = db.selectFrom("inbound_events").select("id").where("received_at", "<", fromNow(dialect, -ageMs)).where("status", "!=", "FAILED").limit(limit);
      if (tenant !== undefined) query = query.where("tenant", "=", tenant);
      const ids = (await query.execute()).map(({ id }) => id);
      if (ids.length > 0) await db.deleteFrom("inbound_events").where("id", "in", ids).execute();
      return ids.length;
    },
  };
}

function fromRow(row: InboundTable): InboundRecord {
  return {
    id: row.id,
    source: row.source,
    eventId: row.event_id,
    tenant: row.tenant,
    eventType: row.event_type,
    status: row.status,
    reason: row.reason,
    detail: row.detail,
    approvalId: row.approval_id ?? undefined,
    claimedActor: row.claimed_actor,
    body: row.body,
    tries: row.tries,
    receivedAt: row.received_at,
    settledAt: row.settled_at,
  };
}
