/**
 * The outbox as a log.
 *
 * Guarantees: positions are 1, 2, 3 … without a gap or a repetition, since whoever numbers holds the lock of the one row that has
 * the last position, reads the rows without one after it has the lock, and commits both together; a process that dies in the
 * middle leaves nothing. A row that is not committed yet is not seen, waits for nobody and gets a later position. Of one key the
 * rows are inserted under a lock, so that whoever sees one sees all before it. A read is one statement, hence one instant.
 */
import type { EventLog, LogEvent } from "../../kernel/records.ts";
import { sql, type RawBuilder } from "kysely";
import { forUpdate, type Session } from "../engine/dialect.ts";
import { eventColumns, storedEvent } from "./outbox-rows.ts";
import type { DeliveryTables } from "./tables.ts";

/** Positions that one read looks at when it has to look at every row. */
const scanLimit = 5_000;
/** Rows that one call of `prune` looks at, so that no statement runs long. */
const pruneBatch = 1_000;

export function logRepository({ db, dialect }: Session<DeliveryTables>): EventLog {
  const head = db.selectFrom("event_head").where("event_head.id", "=", 1);
  return {
    async number(limit) {
      const { last_position } = await forUpdate(dialect, head.select("last_position")).executeTakeFirstOrThrow();
      const rows = await db.selectFrom("outbox").select(eventColumns).where("log_position", "is", null).orderBy("position").limit(limit).execute();
      if (rows.length === 0) return [];
      const events = rows.map((row, index): LogEvent => ({ ...storedEvent(row), position: last_position + 1 + index }));
      for (const [index, { type, subject, serial }] of events.entries()) {
        if (rows[index]?.type !== null) continue;
        await db.updateTable("outbox").set({ type, subject_kind: subject.kind, subject_id: subject.id }).where("position", "=", serial).execute();
      }
      const serials = events.map(({ serial }) => serial);
      // By primary key alone: another condition could lead over an index in which rows of open transactions are met.
      await db
        .updateTable("outbox")
        .set({ log_position: positionBySerial(events) })
        .where("position", "in", serials)
        .execute();
      await db
        .updateTable("event_head")
        .set({ last_position: last_position + rows.length })
        .where("id", "=", 1)
        .execute();
      return events;
    },

    async ends() {
      const row = await head
        .select((eb) => [
          "last_position",
          "pruned_position",
          eb.exists(eb.selectFrom("outbox").select("outbox.position").where("outbox.log_position", "is", null)).as("waiting"),
        ])
        .executeTakeFirstOrThrow();
      return { last: row.last_position, pruned: row.pruned_position, hasUnnumbered: Boolean(row.waiting) };
    },

    async read({ after, limit, types, subject }) {
      const looksAtAll = subject === undefined ? types.length > 0 : subject.id === undefined;
      const until = looksAtAll ? after + scanLimit : undefined;
      const rows = await head
        .leftJoin("outbox", (on) => {
          let those = on.on("outbox.log_position", ">", after);
          if (until !== undefined) those = those.on("outbox.log_position", "<=", until);
          if (types.length > 0) those = those.on("outbox.type", "in", types);
          if (subject) those = those.on("outbox.subject_kind", "=", subject.kind);
          if (subject?.id !== undefined) those = those.on("outbox.subject_id", "=", subject.id);
          return those;
        })
        .select(["event_head.last_position", "event_head.pruned_position", "outbox.log_position"])
        .select(eventColumns.map((column) => `outbox.${column}` as const))
        .orderBy("outbox.log_position")
        .limit(limit)
        .execute();
      const { last_position: last = 0, pruned_position: pruned = 0 } = rows[0] ?? {};
      const events = rows.flatMap(({ log_position, position, id, event_key, payload, occurred_at, ...row }): LogEvent[] => {
        // The one row that is there when no event is.
        if (log_position === null || position === null || id === null || event_key === null || payload === null || occurred_at === null) return [];
        return [{ ...storedEvent({ ...row, position, id, event_key, payload, occurred_at }), position: log_position }];
      });
      const scanned = events.length === limit ? (events.at(-1)?.position ?? after) : Math.min(until ?? last, last);
      return { events, scanned: Math.max(scanned, after), last, pruned };
    },

    async prune({ after, before, hasSink }) {
      const rows = await db
        .selectFrom("outbox")
        .select(["position", "log_position", "occurred_at", "published_at", "parked_at"])
        .where("log_position", ">", after)
        .orderBy("log_position")
        .limit(pruneBatch)
        .execute();
      // Commits are in the order of time, but for the clocks of replicas: what is younger ends it, and goes another time.
      const young = rows.findIndex(({ occurred_at }) => occurred_at >= before);
      const old = young < 0 ? rows : rows.slice(0, young);
      const gone = old.filter(({ published_at, parked_at }) => !hasSink || published_at !== null || parked_at !== null);
      const prunedTo = gone.at(-1)?.log_position ?? 0;
      if (gone.length > 0) {
        await db.updateTable("event_head").set({ pruned_position: prunedTo }).where("id", "=", 1).where("pruned_position", "<", prunedTo).execute();
        const serials = gone.map(({ position }) => position);
        await db.deleteFrom("outbox").where("position", "in", serials).execute();
      }
      return young < 0 && rows.length === pruneBatch ? (rows.at(-1)?.log_position ?? undefined) : undefined;
    },
  };
}

function positionBySerial(events: readonly LogEvent[]): RawBuilder<number> {
  const cases = events.map(({ serial, position }) => sql`when ${serial} then ${position}`);
  return sql<number>`case position ${sql.join(cases, sql` `)} end`;
}
