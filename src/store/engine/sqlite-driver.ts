/**
 * Kysely on node:sqlite: one connection, used by one transaction at a time, in the order in which they come. Statements are
 * prepared once and cached.
 *
 * Transactions that come in one turn of the event loop are committed together, since what a commit costs is to wait for the disk:
 * each is a savepoint of one transaction of SQLite's, which ends with the turn. So each is still carried out whole or not at all,
 * and none is answered before it is durable. When the common commit fails, all of them fail.
 *
 * A transaction in which a statement failed, other than on a unique key, can only be rolled back. SQLite may have ended it by
 * itself (disk full, I/O error), and all others that are not committed with it.
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

/** One transaction of the store. */
interface SqliteSession extends DatabaseConnection {
  failure: { readonly error: unknown } | undefined;
  /** It has the connection, and no other one. */
  hasTurn: boolean;
}

/** Transactions that are committed together. */
interface Group {
  readonly committed: PromiseWithResolvers<void>;
  /** The turn of the event loop in which it began is over. */
  isDue: boolean;
}

/** Kysely would make a transaction wait until the one before is committed. */
class QueuelessAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

/** A Kysely dialect on `database`, which stays open when the Kysely instance is destroyed. */
export function nodeSqliteDialect(database: DatabaseSync): Dialect {
  const cache = new Map<string, Prepared>();
  const waiting: (() => void)[] = [];
  let isTaken = false;
  let group: Group | undefined;

  function prepare(sql: string): Prepared {
    const known = cache.get(sql);
    if (known) return known;
    if (cache.size >= cachedStatements) cache.clear();
    const statement = database.prepare(sql);
    const prepared = { statement, returnsRows: statement.columns().length > 0 };
    cache.set(sql, prepared);
    return prepared;
  }

  const run = (sql: string) => prepare(sql).statement.run();

  function newSession(): SqliteSession {
    const session: SqliteSession = {
      failure: undefined,
      hasTurn: true,
      async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
        if (session.failure) throw session.failure.error;
        try {
          const { statement, returnsRows } = prepare(sql);
          const values = parameters as readonly SQLInputValue[];
          if (returnsRows) return { rows: statement.all(...values) as R[] };
          return { rows: [], numAffectedRows: BigInt(statement.run(...values).changes) };
        } catch (error) {
          if (!isSqliteDuplicate(error)) session.failure = { error };
          throw error;
        }
      },
      streamQuery: () => {
        throw new Error("streaming is not supported");
      },
    };
    return session;
  }

  function begin(): void {
    if (!group) {
      run("begin immediate");
      const begun: Group = { committed: Promise.withResolvers(), isDue: false };
      group = begun;
      // It may fail when nobody waits for it any more.
      begun.committed.promise.catch(() => undefined);
      setImmediate(() => {
        begun.isDue = true;
        if (!isTaken) commitGroup();
      });
    }
    run("savepoint one");
  }

  function commitGroup(): void {
    if (!group) return;
    const { committed } = group;
    group = undefined;
    try {
      run("commit");
      committed.resolve();
    } catch (error) {
      committed.reject(error);
      if (database.isOpen && database.isTransaction) run("rollback");
    }
  }

  /** Undoes one transaction, or notes that SQLite has undone them all. */
  function undo({ failure }: SqliteSession): void {
    if (!group || !database.isOpen) return;
    if (database.isTransaction) {
      run("rollback to one");
      run("release one");
    } else {
      group.committed.reject(failure?.error);
      group = undefined;
    }
  }

  function leave(session: SqliteSession): void {
    if (!session.hasTurn) return;
    session.hasTurn = false;
    if (group?.isDue) commitGroup();
    const next = waiting.shift();
    if (next) next();
    else isTaken = false;
  }

  return {
    createAdapter: () => new QueuelessAdapter(),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createDriver: () => ({
      init: async () => {},
      acquireConnection: async () => {
        if (isTaken) await new Promise<void>((resolve) => waiting.push(resolve));
        isTaken = true;
        return newSession();
      },
      beginTransaction: async () => begin(),
      commitTransaction: async (connection) => {
        const session = connection as SqliteSession;
        if (session.failure) throw session.failure.error;
        run("release one");
        const committed = group?.committed.promise;
        leave(session);
        await committed;
      },
      rollbackTransaction: async (connection) => {
        const session = connection as SqliteSession;
        if (session.hasTurn) undo(session);
      },
      releaseConnection: async (connection) => leave(connection as SqliteSession),
      destroy: async () => {},
    }),
  };
}
