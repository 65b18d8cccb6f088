/** Queries that are compiled once: each run has its own values, and each store its own text. */
import { DatabaseSync } from "node:sqlite";
import { Kysely, MysqlAdapter, MysqlIntrospector, MysqlQueryCompiler, DummyDriver, sql } from "kysely";
import { expect, test } from "vitest";
import type { Session } from "../src/store/engine/dialect.ts";
import { prepared } from "../src/store/engine/prepared.ts";
import { nodeSqliteDialect } from "../src/store/engine/sqlite-driver.ts";

type Tables = { notes: { id: number; text: string | null; of: string } };
interface Note {
  readonly id: number;
  readonly text: string | null;
}

function sessionOf(db: Kysely<Tables>): Session<Tables> {
  const never = () => false;
  return {
    db,
    afterCommit: never,
    dialect: { now: () => sql<number>`1`, rowLocks: false, isDuplicate: never, isTransient: never, translate: () => undefined },
  };
}

const sqlite = () => sessionOf(new Kysely({ dialect: nodeSqliteDialect(new DatabaseSync(":memory:")) }));
const mysql = () =>
  sessionOf(
    new Kysely({
      dialect: {
        createAdapter: () => new MysqlAdapter(),
        createDriver: () => new DummyDriver(),
        createIntrospector: (db) => new MysqlIntrospector(db),
        createQueryCompiler: () => new MysqlQueryCompiler(),
      },
    }),
  );

test("a query is built once for a store, and given the values of each run where it names them", () => {
  let built = 0;
  const update = prepared(({ db }: Session<Tables>, { id, ...columns }: Note) => {
    built += 1;
    return db
      .updateTable("notes")
      .set(columns)
      .where("id", "=", id)
      .where("of", "in", ["", "me"])
      .where("id", "<", sql<number>`${id} + ${7}`);
  });
  const session = sqlite();
  const first = update(session, { id: 1, text: "a" });
  expect(first.parameters).toEqual(["a", 1, "", "me", 1, 7]);
  const second = update(session, { text: null, id: 2 });
  expect(second.parameters).toEqual([null, 2, "", "me", 2, 7]);
  expect([first.sql, built]).toEqual([second.sql, 1]);
  // What was given before is not changed by it.
  expect(first.parameters).toEqual(["a", 1, "", "me", 1, 7]);
});

test("each store has its own text", () => {
  const find = prepared(({ db }: Session<Tables>, { id }: { id: number }) => db.selectFrom("notes").select("text").where("id", "=", id));
  expect(find(sqlite(), { id: 1 }).sql).toBe('select "text" from "notes" where "id" = ?');
  expect(find(mysql(), { id: 1 })).toMatchObject({ sql: "select `text` from `notes` where `id` = ?", parameters: [1] });
});
