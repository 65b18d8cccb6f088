/**
 * The outbox.
 *
 * Order is that of `position`, given at the insert. Events of one key that are written under the key's row lock are
 * therefore in order. Two transactions of different keys may commit the other way round than they inserted: an event
 * can appear below one that was already published, so unpublished events are found by their mark, never by position.
 */
import type { Outbox } from "../../kernel/records.ts";
import { sql } from "kysely";
import type { Session } from "../engine/dialect.ts";
import { insertRows } from "../engine/writes.ts";
import { eventColumns, storedEvent } from "./outbox-rows.ts";
import type { DeliveryTables } from "./tables.ts";

export function outboxRepository({ db, dialect }: Session<DeliveryTables>): Outbox {
  return {
    async insert(...events) {
      const rows = events.map(({ id, key, subject, payload, at, traceparent }) => ({
        id,
        event_key: key,
        payload: JSON.stringify(payload),
        occurred_at: at,
        traceparent: traceparent ?? null,
        subject_kind: subject.kind,
        subject_id: subject.id,
        type: payload.type,
      }));
      await insertRows(db, "outbox", rows);
    },

    async unpublished(limit, afterSerial = 0) {
      const rows = await db
        .selectFrom("outbox")
        .select(eventColumns)
        .where("published_at", "is", null)
        .where("parked_at", "is", null)
        .where("position", ">", afterSerial)
        .orderBy("position")
        .limit(limit)
        .execute();
      return rows.map(storedEvent);
    },

    async markPublished(ids, at) {
      if (ids.length === 0) return;
      await db.updateTable("outbox").set({ published_at: at }).where("id", "in", ids).where("published_at", "is", null).execute();
    },

    async park(id, why) {
      await db.updateTable("outbox").set({ parked_at: dialect.now(), park_reason: why }).where("id", "=", id).where("published_at", "is", null).execute();
    },

    async backlog() {
      const row = await db
        .selectFrom("outbox")
        .select((eb) => [
          eb.fn.countAll<number>().as("unpublished"),
          eb.fn.count<number>("parked_at").as("parked"),
          sql<number | null>`min(case when parked_at is null then occurred_at end)`.as("oldest"),
        ])
        .where("published_at", "is", null)
        .executeTakeFirstOrThrow();
      return { waiting: row.unpublished - row.parked, oldestAt: row.oldest ?? undefined, parked: row.parked };
    },
  };
}
