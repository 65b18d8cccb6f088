/** Databases with many open requests: the rows that a creation writes, in bulk; without the outbox, which is published and emptied. */
import { DatabaseSync } from "node:sqlite";
import { createPool } from "mysql2/promise";
import { createUuidV7 } from "../src/adapters/system/ids.ts";
import { systemClock } from "../src/adapters/system/clock.ts";
import type { Person, Policy } from "../src/approvals/types.ts";
import { scriptOf, type Statement } from "./approval-floor.ts";

const batch = 500;
const connections = 4;
const isKept = ([sql]: Statement) => !sql.startsWith("insert into outbox");

/** Opens `count` requests by `policy` in the database of a Muster that does not run. Resolves to the ids, in the order of creation. */
export async function fill(store: "MySQL" | "SQLite", url: string, count: number, policy: Policy, requester: Person): Promise<readonly string[]> {
  const ids = createUuidV7(systemClock);
  const made: string[] = [];
  const nextBatch = (): readonly Statement[] => {
    const size = Math.min(batch, count - made.length);
    return Array.from({ length: size }, () => {
      const id = ids.next();
      made.push(id);
      return scriptOf(id, policy, requester, [], () => ids.next()).steps.flat();
    })
      .flat()
      .filter(isKept);
  };
  await (store === "MySQL" ? intoMysql(url, nextBatch) : intoSqlite(url, nextBatch));
  return made;
}

async function intoMysql(uri: string, nextBatch: () => readonly Statement[]): Promise<void> {
  const pool = createPool({ uri, connectionLimit: connections });
  const lane = async () => {
    for (let statements = nextBatch(); statements.length > 0; statements = nextBatch()) {
      const connection = await pool.getConnection();
      await connection.beginTransaction();
      for (const [sql, values] of joined(statements)) await connection.query(sql, [...values]);
      await connection.commit();
      connection.release();
    }
  };
  await Promise.all(Array.from({ length: connections }, lane));
  const [tables] = await pool.query("show tables like 'approval%'");
  for (const row of tables as readonly object[]) await pool.query(`analyze table ${String(Object.values(row)[0])}`);
  await pool.end();
}

/** One insert a table. */
function joined(statements: readonly Statement[]): readonly Statement[] {
  const parts = statements.map(([sql, values]) => ({ head: sql.slice(0, sql.indexOf(" values ") + 8), rows: sql.slice(sql.indexOf(" values ") + 8), values }));
  return [...Map.groupBy(parts, ({ head }) => head)].map(([head, own]) => [head + own.map(({ rows }) => rows).join(", "), own.flatMap(({ values }) => values)]);
}

function intoSqlite(path: string, nextBatch: () => readonly Statement[]): void {
  using database = new DatabaseSync(path);
  database.exec("pragma journal_mode = wal; pragma synchronous = off; pragma cache_size = -500000");
  const prepared = new Map<string, ReturnType<DatabaseSync["prepare"]>>();
  for (let statements = nextBatch(); statements.length > 0; statements = nextBatch()) {
    database.exec("begin");
    for (const [sql, values] of statements) {
      const one = prepared.get(sql) ?? database.prepare(sql);
      prepared.set(sql, one);
      one.run(...values);
    }
    database.exec("commit");
  }
  // Without statistics, as where Muster runs: by those of an empty outbox SQLite would read all of it at each numbering.
  database.exec("pragma wal_checkpoint(truncate)");
}
