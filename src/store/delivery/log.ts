/**
 * The outbox as a log.
 *
 * Guarantees: positions are 1, 2, 3 … without a gap or a repetition, since the numbering transaction locks the one row that has
 * the last position, then reads the rows without a position, and commits both together; a process that dies
 * meanwhile leaves nothing. An uncommitted row is not seen, blocks nothing and gets a later position. Rows of one
 * key are inserted under a lock, so that a reader that sees one sees all before it. A read is one statement, hence one instant.
 */
import { sql } from "kysely";
import type { EventLog, LogEvent } from "../../kernel/records.ts";
import { forUpdate, type Session } from "../engine/dialect.ts";
import { prepared } from "../engine/prepared.ts";
import { write } from "../engine/writes.ts";
import { eventColumns, storedEvent } from "./outbox-rows.ts";
import type { DeliveryTables } from "./tables.ts";

/** Positions that one read scans when it has to scan every row. */
const scanLimit = 5_000;
/** Rows that one call of `prune` scans, so that no statement runs long. */
const pruneBatch = 1_000;

const lockedHead = prepared(({ db, dialect }: Session<DeliveryTables>, _none: object) =>
  forUpdate(dialect, db.selectFrom("event_head").select("last_position").where("id", "=", 1)),
);

const unnumbered = prepared(({ db }: Session<DeliveryTables>, { limit }: { limit: number }) =>
  db.selectFrom("outbox").select(eventColumns).where("log_position", "is", null).orderBy("position").limit(limit),
);

const moveHead = prepared(({ db }: Session<DeliveryTables>, { last }: { last: number }) =>
  db.updateTable("event_head").set({ last_position: last }).where("id", "=", 1),
);

export function logRepository(session: Session<DeliveryTables>): EventLog {
  const { db } = session;
  const head = () => db.selectFrom("event_head").where("event_head.id", "=", 1);
  return {
    async number(limit) {
      const [{ last_position } = { last_position: 0 }] = (await db.executeQuery(lockedHead(session, {}))).rows;
      const { rows } = await db.executeQuery(unnumbered(session, { limit }));
      if (rows.length === 0) return [];
      const events = rows.map((row, index): LogEvent => ({ ...storedEvent(row), position: last_position + 1 + index }));
      for (const [index, { type, subject, serial }] of events.entries()) {
        if (rows[index]?.type !== null) continue;
        await write(db, db.updateTable("outbox").set({ type, subject_kind: subject.kind, subject_id: subject.id }).where("position", "=", serial).compile());
      }
      for (const [ahead, run] of Map.groupBy(events, ({ serial, position }) => position - serial)) {
        const serials = run.map(({ serial }) => serial);
        // By primary key alone: another condition could use an index that contains rows of open transactions, and a range waits for what follows it.
        const numbering = db.updateTable("outbox").set({ log_position: sql<number>`position + ${ahead}` });
        await write(db, numbering.where("position", "in", serials).compile());
      }
      await write(db, moveHead(session, { last: last_position + rows.length }));
      return events;
    },

    async ends() {
      const row = await head()
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
      // A query of its own in the statement: joined in any other way the rows would be sorted, all of them, however long the log is.
      let those = db
        .selectFrom("outbox")
        .select(["log_position", ...eventColumns])
        .where("log_position", ">", after);
      if (until !== undefined) those = those.where("log_position", "<=", until);
      if (types.length > 0) those = those.where("type", "in", types);
      if (subject) those = those.where("subject_kind", "=", subject.kind);
      if (subject?.id !== undefined) those = those.where("subject_id", "=", subject.id);
      const page = await head()
        .leftJoin(those.orderBy("log_position").limit(limit).as("event"), (on) => on.onTrue())
        .select(["event_head.last_position", "event_head.pruned_position", "event.log_position"])
        .select(eventColumns.map((column) => `event.${column}` as const))
        .orderBy("event.log_position")
        .execute();
      const { last_position: last = 0, pruned_position: pruned = 0 } = page[0] ?? {};
      const events = page.flatMap(({ log_position, position, id, event_key, payload, occurred_at, ...row }): LogEvent[] => {
        // The one row that is there when no event is.
        if (log_position === null || position === null || id === null || event_key === null || payload === null || occurred_at === null) return [];
        return [{ ...storedEvent({ ...row, position, id, event_key, payload, occurred_at }), position: log_position }];
      });
      const scanned = events.length === limit ? (events.at(-1)?.position ?? after) : Math.min(until ?? last, last);
      return { events, scanned: Math.max(scanned, after), last, pruned };
    },

    async traced({ kind, id }) {
      const rows = await db
        .selectFrom("outbox")
        .select(eventColumns)
        .where("subject_kind", "=", kind)
        .where("subject_id", "=", id)
        .where("traceparent", "is not", null)
        .orderBy("position")
        .execute();
      return rows.map(storedEvent);
    },

    async prune({ after, before, hasSink }) {
      const rows = await db
        .selectFrom("outbox")
        .select(["position", "log_position", "occurred_at", "published_at", "parked_at"])
        .where("log_position", ">", after)
        .orderBy("log_position")
        .limit(pruneBatch)
        .execute();
      // Commits are in the order of time, except for clock differences of replicas: a younger row ends the batch, and is deleted later.
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
