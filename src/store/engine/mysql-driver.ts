/**
 * Kysely on a mysql2 pool.
 *
 * Guarantees: waiting for a connection, and every statement, has a limit. A connection that failed or stopped answering is
 * destroyed, never reused: the server then rolls back its open transaction. A transaction in which a statement failed,
 * other than on a unique key, can only be rolled back, even if the error was swallowed on the way: after a deadlock the
 * server has ended the transaction by itself and later statements would be another one. No statement begins a
 * transaction: without autocommit the first one after a commit does, which saves a round trip. Writes whose result nobody reads
 * travel with the next statement; the server stops at the first that fails.
 */
import { CompiledQuery, MysqlAdapter, MysqlIntrospector, MysqlQueryCompiler, type DatabaseConnection, type Dialect, type QueryResult } from "kysely";
import type { Connection, Pool, PoolConnection, ResultSetHeader, RowDataPacket } from "mysql2";
import { breaksConnection, isMysqlDuplicate, NoFreeConnection } from "./mysql-errors.ts";
import { isUnread } from "./writes.ts";

export interface MysqlLimits {
  /** One statement, from sending to the last row. */
  readonly statementMs: number;
  /** Waiting for a free connection, opening one included. */
  readonly acquireMs: number;
}

interface MysqlSession extends DatabaseConnection {
  readonly raw: PoolConnection;
  /** The error after which only a rollback is possible. */
  failure: { readonly error: unknown; readonly broken: boolean } | undefined;
}

/**
 * Initial settings of every connection. Lock waits end before the statement's own limit, so that they are distinguishable.
 * A connection that is silent for `wait_timeout` is ended by the server: otherwise a process that froze, or whose machine is gone,
 * during a transaction would keep its row locks for hours. Idle ones are closed long before, by the pool.
 */
function sessionSettings(statementMs: number): string {
  const lockWaitSeconds = Math.max(1, Math.floor(statementMs / 1_000) - 1);
  return (
    "set session transaction_isolation = 'READ-COMMITTED', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', " +
    `time_zone = '+00:00', autocommit = 0, innodb_lock_wait_timeout = ${lockWaitSeconds}, wait_timeout = 20`
  );
}

/** One statement on one connection. Rejects with mysql2's error. */
export function runStatement(connection: Connection, sql: string, values: readonly unknown[], timeout: number): Promise<RowDataPacket[] | ResultSetHeader> {
  return new Promise((resolve, reject) => {
    connection.query<RowDataPacket[] | ResultSetHeader>({ sql, values: [...values], timeout }, (error, result) => {
      if (error) reject(error);
      else resolve(result);
    });
  });
}

/** Statements that no unique key refuses. */
const neverRefused = /^(select|commit)\b/;

/** Statements in one packet; the result of the last. */
async function runTogether(connection: Connection, queries: readonly CompiledQuery[], timeout: number): Promise<RowDataPacket[] | ResultSetHeader> {
  const texts = queries.map(({ sql }) => sql);
  const values = queries.flatMap(({ parameters }) => parameters);
  const results = await runStatement(connection, texts.join("; "), values, timeout);
  return queries.length === 1 ? results : ((results as unknown as (typeof results)[]).at(-1) ?? []);
}

/** A Kysely dialect on `pool`, which stays open when the Kysely instance is destroyed. */
export function mysqlPoolDialect(pool: Pool, limits: MysqlLimits): Dialect {
  const prepared = new WeakSet<PoolConnection>();

  async function prepare(session: MysqlSession): Promise<void> {
    if (prepared.has(session.raw)) return;
    await session.executeQuery(CompiledQuery.raw(sessionSettings(limits.statementMs)));
    prepared.add(session.raw);
  }

  return {
    createAdapter: () => new MysqlAdapter(),
    createQueryCompiler: () => new MysqlQueryCompiler(),
    createIntrospector: (db) => new MysqlIntrospector(db),
    createDriver: () => ({
      init: async () => {},
      acquireConnection: async () => newSession(await acquire(pool, limits.acquireMs), limits.statementMs),
      beginTransaction: (connection) => prepare(connection as MysqlSession),
      commitTransaction: async (connection) => {
        await connection.executeQuery(CompiledQuery.raw("commit"));
      },
      rollbackTransaction: (connection) => rollback(connection as MysqlSession, limits.statementMs),
      releaseConnection: async (connection) => {
        const { raw, failure } = connection as MysqlSession;
        if (failure?.broken) raw.destroy();
        else raw.release();
      },
      destroy: async () => {},
    }),
  };
}

function newSession(raw: PoolConnection, statementMs: number): MysqlSession {
  const unsent: CompiledQuery[] = [];

  async function send(queries: readonly CompiledQuery[]): Promise<RowDataPacket[] | ResultSetHeader> {
    try {
      return await runTogether(raw, queries, statementMs);
    } catch (error) {
      if (queries.some(isUnread) || !isMysqlDuplicate(error)) session.failure = { error, broken: breaksConnection(error) };
      throw error;
    }
  }

  const session: MysqlSession = {
    raw,
    failure: undefined,
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      if (session.failure) throw session.failure.error;
      unsent.push(query);
      if (isUnread(query)) return { rows: [] };
      // A repository may cope with a unique key that refuses a row: such a statement is sent alone.
      if (unsent.length > 1 && !neverRefused.test(query.sql)) await send(unsent.splice(0, unsent.length - 1));
      const result = await send(unsent.splice(0));
      return Array.isArray(result) ? { rows: result as R[] } : { rows: [], numAffectedRows: BigInt(result.affectedRows) };
    },
    streamQuery: () => {
      throw new Error("streaming is not supported");
    },
  };
  return session;
}

/** Never rejects: when the rollback cannot be sent, closing the connection makes the server do it. */
async function rollback(session: MysqlSession, statementMs: number): Promise<void> {
  if (session.failure?.broken) return;
  try {
    await runStatement(session.raw, "rollback", [], statementMs);
  } catch (error) {
    session.failure = { error, broken: true };
  }
}

function acquire(pool: Pool, limitMs: number): Promise<PoolConnection> {
  return new Promise((resolve, reject) => {
    let waiting = true;
    // Usually a connection is free immediately; only waiting callers get a timer, which cannot be cancelled.
    setImmediate(() => {
      if (!waiting) return;
      AbortSignal.timeout(limitMs).addEventListener("abort", () => {
        if (waiting) reject(new NoFreeConnection());
        waiting = false;
      });
    });
    pool.getConnection((error, connection) => {
      if (error) reject(error);
      else if (waiting) resolve(connection);
      else connection.release();
      waiting = false;
    });
  });
}
