/** How far each source was read, and how that goes. */
import type { PollRepository, PollState } from "../../inbound/records.ts";
import { forUpdate, type Session } from "../engine/dialect.ts";
import type { InboundTables, PollTable } from "./tables.ts";

export function pollRepository({ db, dialect }: Session<InboundTables>): PollRepository {
  const all = () => db.selectFrom("inbound_polls").selectAll().select(dialect.now().as("now"));
  const locked = (source: string) => forUpdate(dialect, all().where("source", "=", source)).executeTakeFirst();

  return {
    async lock(source, place) {
      let row = await locked(source);
      if (row?.place !== place) {
        const fresh = { place, cursor_value: null, due_at: 0, failures: 0, succeeded_at: null, failed_at: null, error: "", starved: 0, since: dialect.now() };
        if (row) await db.updateTable("inbound_polls").set(fresh).where("source", "=", source).execute();
        else
          await db
            .insertInto("inbound_polls")
            .values({ ...fresh, source, run: 0 })
            .execute();
        row = await locked(source);
      }
      if (!row) throw new Error("what was written is not there");
      return { ...fromRow(row), now: Number(row.now) };
    },

    async save({ source, place, cursor, run, dueAt, failures, succeededAt, failedAt, error, isStarved, since }) {
      const times = { due_at: dueAt, succeeded_at: succeededAt ?? null, failed_at: failedAt ?? null, since };
      await db
        .updateTable("inbound_polls")
        .set({ ...times, place, cursor_value: cursor ?? null, run, failures, error, starved: isStarved ? 1 : 0 })
        .where("source", "=", source)
        .execute();
    },

    async list() {
      const rows = await all().orderBy("source").execute();
      return rows.map((row) => ({ ...fromRow(row), now: Number(row.now) }));
    },
  };
}

function fromRow(row: PollTable): PollState {
  return {
    source: row.source,
    place: row.place,
    cursor: row.cursor_value ?? undefined,
    run: row.run,
    dueAt: row.due_at,
    failures: row.failures,
    succeededAt: row.succeeded_at ?? undefined,
    failedAt: row.failed_at ?? undefined,
    error: row.error,
    isStarved: row.starved === 1,
    since: row.since,
  };
}
