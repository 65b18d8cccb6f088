/**
 * The embedded event sink's log: append-only, like a topic, so an event delivered twice stands in it twice. Positions
 * grow but may have gaps; a reader by position misses nothing as long as one writer appends at a time.
 */
import type { EventLog } from "../../kernel/records.ts";
import type { Session } from "../engine/dialect.ts";
import type { DeliveryTables } from "./tables.ts";

export function eventLogRepository({ db }: Session<DeliveryTables>): EventLog {
  return {
    async append(record) {
      await db
        .insertInto("event_log")
        .values({
          id: record.id,
          topic: record.topic,
          event_key: record.key,
          type: record.type,
          content_type: record.contentType,
          occurred_at: record.at,
          // A Buffer, since that is the one kind of byte array both drivers bind.
          data: Buffer.from(record.data),
        })
        .execute();
    },

    async read(after, limit) {
      const rows = await db
        .selectFrom("event_log")
        .select(["position", "id", "topic", "event_key", "type", "data"])
        .where("position", ">", after)
        .orderBy("position")
        .limit(limit)
        .execute();
      return rows.map((row) => ({
        position: row.position,
        id: row.id,
        topic: row.topic,
        key: row.event_key,
        type: row.type,
        data: new Uint8Array(row.data),
      }));
    },
  };
}
