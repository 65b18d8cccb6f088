/**
 * The embedded store: one SQLite file, used by one process.
 *
 * Guarantees: a commit survives loss of power (WAL, synchronous=FULL). The file is locked from opening to closing, so a
 * second process is refused at its start and leases of earlier processes are void. File and new directories are readable
 * by their owner only. SQLite runs on the calling thread: a transaction blocks the event loop.
 */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Kysely, sql } from "kysely";
import { refused } from "../../kernel/errors.ts";
import type { Clock, Store } from "../../kernel/ports.ts";
import { sqliteDdl } from "./ddl.ts";
import type { StoreDialect } from "./dialect.ts";
import { migrate, type Migration, type MigrationTarget } from "./migrate.ts";
import { nodeSqliteDialect } from "./sqlite-driver.ts";
import { isSqliteBusy, isSqliteDuplicate, translateSqlite } from "./sqlite-errors.ts";
import type { StorePart } from "./part.ts";
import { createStore } from "./store.ts";

const databaseNow = "cast(unixepoch('subsec') * 1000 as integer)";

/** How long opening waits for an earlier process to release the file; this blocks the event loop. */
const busyMs = 1_000;

export interface SqliteOptions {
  /** The database file, created with its directories when missing, or `:memory:`. */
  readonly path: string;
  /** The clock that leases and due times run by; SQLite's own when left out. */
  readonly clock?: Pick<Clock, "now">;
}

/**
 * Opens the file and migrates it to the current schema. Rejects with kind `wrong_state` when another process uses it,
 * when it cannot be opened, is not a database, or is newer than this program.
 */
export async function openSqlite<Tx>({ path, clock }: SqliteOptions, part: StorePart<Tx>): Promise<Store<Tx>> {
  if (path !== ":memory:") makePrivateFile(path);
  const database = open(path);
  try {
    prepare(database);
    if (clock) database.function("given_now", () => clock.now());
    await migrateInOneTransaction(database, part.migrations);
  } catch (error) {
    database.close();
    throw whyNot(error);
  }
  const dialect: StoreDialect = {
    now: () => sql.raw<number>(clock ? "given_now()" : databaseNow),
    rowLocks: false,
    isDuplicate: isSqliteDuplicate,
    isTransient: () => false,
    translate: translateSqlite,
  };
  const db = new Kysely<unknown>({ dialect: nodeSqliteDialect(database) });
  return createStore({ db, dialect, exclusive: true, pause: async () => {}, close: async () => database.close() }, part);
}

function makePrivateFile(path: string): void {
  try {
    makeDirectory(dirname(path));
    // Only a new file is opened here: closing a file descriptor drops every lock this process has on the file.
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw refused("store", `the database file ${path} cannot be made (${systemCode(error)})`, error);
  }
  try {
    chmodSync(path, 0o600);
  } catch (error) {
    throw refused("store", `the database file cannot be made private (${systemCode(error)})`, error);
  }
}

/** Level by level: where nobody may make a directory, as in /proc, `recursive` tries for ever. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  const above = dirname(path);
  if (above !== path) makeDirectory(above);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
}

function open(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: busyMs, enableForeignKeyConstraints: true });
  } catch (error) {
    throw whyNot(error);
  }
}

function prepare(database: DatabaseSync): void {
  // In this order: a WAL opened under exclusive locking keeps its index in memory and the lock until it is closed.
  database.exec("pragma locking_mode = exclusive");
  database.exec("pragma journal_mode = wal");
  database.exec("pragma synchronous = full");
  // What a savepoint keeps of each page, to undo it: else it is written to a file, in more calls than all that is committed.
  database.exec("pragma temp_store = memory");
}

async function migrateInOneTransaction(database: DatabaseSync, migrations: readonly Migration[]): Promise<void> {
  database.exec("begin immediate");
  const query: MigrationTarget["query"] = async (text, parameters = []) => database.prepare(text).all(...parameters);
  await migrate({ ddl: sqliteDdl, now: databaseNow, query }, migrations);
  database.exec("commit");
}

function whyNot(error: unknown): unknown {
  if (isSqliteBusy(error)) {
    return refused("store", "the database file is in use: another Muster uses this state directory", error);
  }
  return translateSqlite(error) ?? error;
}

function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
