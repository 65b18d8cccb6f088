/**
 * The shared store: one MySQL database (8.0.17 or newer), used by any number of replicas.
 *
 * Guarantees: one replica migrates at a time, the others wait for it, with a time limit. Transactions run READ
 * COMMITTED; rows that are read to be changed are locked. The database itself must exist.
 */
import { createConnection, type Connection, type ConnectionOptions } from "mysql2";
import { Kysely, sql } from "kysely";
import { unavailable } from "../../kernel/errors.ts";
import type { Clock, Store } from "../../kernel/ports.ts";
import { mysqlDdl } from "./ddl.ts";
import type { StoreDialect } from "./dialect.ts";
import { migrate, type Migration, type MigrationTarget } from "./migrate.ts";
import { mysqlPoolDialect, runStatement, type MysqlLimits } from "./mysql-driver.ts";
import { isMysqlDuplicate, isMysqlTransient, translateMysql } from "./mysql-errors.ts";
import { openPool } from "./mysql-pool.ts";
import { parseMysqlUrl, type MysqlTarget } from "./mysql-url.ts";
import type { StorePart } from "./part.ts";
import { createStore } from "./store.ts";

const databaseNow = "cast(unix_timestamp(now(3)) * 1000 as signed)";
const limits: MysqlLimits = { statementMs: 3_000, acquireMs: 3_000 };
const connectMs = 3_000;
const migrationStatementMs = 60_000;
/** How long a replica waits for the migrating one, in steps below a statement's limit. */
const migrationLockSteps = 30;

export interface MysqlOptions {
  /** `mysql://user:password@host:port/database`, with `?ssl=true` for TLS. */
  readonly url: string;
  /** For the pauses before a transaction is rerun. */
  readonly clock: Pick<Clock, "sleep">;
  /** Maximum number of connections; 20 by default. */
  readonly connections?: number;
}

/**
 * Connects and migrates the database to the current schema. Rejects with `unavailable` when the server cannot be reached
 * or is too slow, with `wrong_state` when it refuses the user, the database does not exist or is newer than this
 * program, with `invalid` when the URL is malformed.
 */
export async function openMysql<Tx>({ url, clock, connections = 20 }: MysqlOptions, part: StorePart<Tx>): Promise<Store<Tx>> {
  const options = connectionOptions(parseMysqlUrl(url));
  try {
    await migrateDatabase(options, part.migrations);
  } catch (error) {
    throw translateMysql(error) ?? error;
  }
  const { pool, close } = openPool(options, connections);
  const dialect: StoreDialect = {
    now: () => sql.raw<number>(databaseNow),
    rowLocks: true,
    isDuplicate: isMysqlDuplicate,
    isTransient: isMysqlTransient,
    translate: translateMysql,
  };
  const pause = (retry: number): Promise<void> => clock.sleep(Math.random() * 10 * 2 ** retry);
  return createStore({ db: new Kysely<unknown>({ dialect: mysqlPoolDialect(pool, limits) }), dialect, exclusive: false, pause, close }, part);
}

/** How every connection to the database is made. */
export function connectionOptions(target: MysqlTarget): ConnectionOptions {
  const { host, port, user, password, database } = target;
  return {
    host,
    port,
    user,
    password,
    database,
    charset: "utf8mb4_bin",
    connectTimeout: connectMs,
    enableKeepAlive: true,
    stringifyObjects: true,
    timezone: "Z",
    ...(target.tls !== "off" && { ssl: { rejectUnauthorized: target.tls === "verify", verifyIdentity: target.tls === "verify" } }),
  };
}

async function migrateDatabase(options: ConnectionOptions, migrations: readonly Migration[]): Promise<void> {
  const connection = createConnection(options);
  connection.on("error", () => {
    // Also rejects the running statement.
  });
  try {
    const query: MigrationTarget["query"] = async (text, parameters = []) => {
      const result = await runStatement(connection, text, parameters, migrationStatementMs);
      return Array.isArray(result) ? result : [];
    };
    await withMigrationLock(connection, () => migrate({ ddl: mysqlDdl, now: databaseNow, query }, migrations));
  } finally {
    connection.destroy();
  }
}

/** A named lock of the server; it ends with the connection. */
async function withMigrationLock(connection: Connection, work: () => Promise<void>): Promise<void> {
  for (let step = 0; step < migrationLockSteps; step++) {
    const rows = await runStatement(connection, "select get_lock(concat('muster:', sha2(database(), 224)), 1) as held", [], limits.statementMs);
    if (Array.isArray(rows) && rows[0]?.["held"] === 1) return work();
  }
  throw unavailable("store", "another process has been migrating the database for too long");
}
