/**
 * Kysely on node:sqlite: one connection, used by one transaction at a time (Kysely queues the others in FIFO
 * order). Statements are prepared once and cached.
 *
 * A transaction in which a statement failed, other than on a unique key, can only be rolled back: SQLite may have ended
 * it by itself (disk full, I/O error), and what came after would then be written outside of any transaction.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, type CompiledQuery, type DatabaseConnection, type Dialect, type QueryResult } from "kysely";
import { isSqliteDuplicate } from "./sqlite-errors.ts";

/** Lists of ids make many texts of one query; beyond this number the cache is cleared. */
const cachedStatements = 500;

interface Prepared {
  readonly statement: StatementSync;
  readonly returnsRows: boolean;
}

/** A Kysely dialect on `database`, which stays open when the Kysely instance is destroyed. */
export function nodeSqliteDialect(database: DatabaseSync): Dialect {
  const cache = new Map<string, Prepared>();
  let failure: { readonly error: unknown } | undefined;

  function prepare(sql: string): Prepared {
    const known = cache.get(sql);
    if (known) return known;
    if (cache.size >= cachedStatements) cache.clear();
    const statement = database.prepare(sql);
    const prepared = { statement, returnsRows: statement.columns().length > 0 };
    cache.set(sql, prepared);
    return prepared;
  }

  function execute<R>({ sql, parameters }: CompiledQuery): QueryResult<R> {
    if (failure) throw failure.error;
    try {
      const { statement, returnsRows } = prepare(sql);
      const values = parameters as readonly SQLInputValue[];
      if (returnsRows) return { rows: statement.all(...values) as R[] };
      return { rows: [], numAffectedRows: BigInt(statement.run(...values).changes) };
    } catch (error) {
      if (!isSqliteDuplicate(error)) failure = { error };
      throw error;
    }
  }

  const connection: DatabaseConnection = {
    executeQuery: async (query) => execute(query),
    streamQuery: () => {
      throw new Error("streaming is not supported");
    },
  };

  return {
    createAdapter: () => new SqliteAdapter(),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createDriver: () => ({
      init: async () => {},
      acquireConnection: async () => {
        failure = undefined;
        return connection;
      },
      beginTransaction: async () => {
        prepare("begin immediate").statement.run();
      },
      commitTransaction: async () => {
        if (failure) throw failure.error;
        prepare("commit").statement.run();
      },
      rollbackTransaction: async () => {
        if (database.isOpen && database.isTransaction) prepare("rollback").statement.run();
      },
      releaseConnection: async () => {},
      destroy: async () => {},
    }),
  };
}
