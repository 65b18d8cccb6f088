/**
 * Tasks: claimed with a lease, then done (deleted), due again, or parked.
 *
 * At least once: a task that is still running when its lease ends can be claimed again. Due times are the
 * database's. A parked task is never due, so that a replica of a version without parking leaves it alone too.
 */
import type { Tasks } from "../../kernel/records.ts";
import { sql } from "kysely";
import { fromNow, skippingLocked, type Session } from "../engine/dialect.ts";
import { prepared } from "../engine/prepared.ts";
import { write } from "../engine/writes.ts";
import type { DeliveryTables } from "./tables.ts";

const never = Number.MAX_SAFE_INTEGER;

interface NewTask {
  readonly id: string;
  readonly kind: string;
  readonly payload: string;
  readonly dueInMs: number;
}

const insertion = prepared(({ db, dialect }: Session<DeliveryTables>, { dueInMs, ...columns }: NewTask) =>
  db.insertInto("tasks").values({
    ...columns,
    attempts: 0,
    due_at: fromNow(dialect, dueInMs),
    last_error: null,
    created_at: dialect.now(),
    claimed_at: null,
    parked_at: null,
  }),
);

export function taskRepository(session: Session<DeliveryTables>): Tasks {
  const { db, dialect } = session;
  /** When it was inserted; now, when that is not known. */
  const createdAt = () => sql<number>`coalesce(created_at, ${dialect.now()})`;

  return {
    async insert({ kind }, { id, payload, dueInMs = 0 }) {
      await write(db, insertion(session, { id, kind, payload: JSON.stringify(payload), dueInMs }));
    },

    async exists(id) {
      return (await db.selectFrom("tasks").select("id").where("id", "=", id).executeTakeFirst()) !== undefined;
    },

    async due(kinds) {
      if (kinds.length === 0) return [];
      // One range of the index each, in one round trip.
      const found = kinds.map((kind, index) => {
        const one = db.selectFrom("tasks").select("id").where("kind", "=", kind).where("parked_at", "is", null).where("due_at", "<=", dialect.now());
        return sql`exists ${one} as ${sql.ref(`k${index}`)}`;
      });
      const { rows } = await sql<Readonly<Record<string, number>>>`select ${sql.join(found)}`.execute(db);
      return kinds.filter((_, index) => Number(rows[0]?.[`k${index}`]) === 1);
    },

    async claim(kind, leaseMs, limit) {
      const due = db
        .selectFrom("tasks")
        .select(["id", "payload", "attempts", sql<number>`${dialect.now()} - ${createdAt()}`.as("ageMs")])
        .where("kind", "=", kind)
        .where("parked_at", "is", null)
        .where("due_at", "<=", dialect.now())
        .orderBy("due_at")
        .limit(limit);
      const tasks = await skippingLocked(dialect, due).execute();
      if (tasks.length === 0) return [];
      const ids = tasks.map(({ id }) => id);
      await db
        .updateTable("tasks")
        .set({ attempts: sql<number>`attempts + 1`, due_at: fromNow(dialect, leaseMs), claimed_at: dialect.now(), created_at: createdAt() })
        .where("id", "in", ids)
        .execute();
      return tasks;
    },

    async done(id) {
      await db.deleteFrom("tasks").where("id", "=", id).execute();
    },

    async retryIn(id, delayMs, error) {
      await db
        .updateTable("tasks")
        .set({ due_at: fromNow(dialect, delayMs), last_error: error, claimed_at: null })
        .where("id", "=", id)
        .where("parked_at", "is", null)
        .execute();
    },

    async park(id, why) {
      await db.updateTable("tasks").set({ parked_at: dialect.now(), due_at: never, last_error: why, claimed_at: null }).where("id", "=", id).execute();
    },

    async backlog() {
      const rows = await db
        .selectFrom("tasks")
        .select((eb) => ["kind", eb.fn.countAll<number>().as("all"), eb.fn.count<number>("parked_at").as("parked")])
        .groupBy("kind")
        .orderBy("kind")
        .execute();
      return rows.map(({ kind, all, parked }) => ({ kind, waiting: all - parked, parked }));
    },

    async expireLeases() {
      await db.updateTable("tasks").set({ due_at: dialect.now(), claimed_at: null }).where("claimed_at", "is not", null).execute();
    },
  };
}
