/** Maps node:sqlite's errors. They are distinguished by SQLite's result code, never by their text. */
import { DomainError, refused, unavailable } from "../../kernel/errors.ts";

const BUSY = 5;
const LOCKED = 6;
const NOMEM = 7;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;
const CONSTRAINT_PRIMARYKEY = 1555;
const CONSTRAINT_UNIQUE = 2067;

/** SQLite's extended result code; undefined when the error is not SQLite's. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode : undefined;
}

export function isSqliteDuplicate(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === CONSTRAINT_UNIQUE || code === CONSTRAINT_PRIMARYKEY;
}

export function isSqliteBusy(error: unknown): boolean {
  const code = sqliteCode(error);
  return code !== undefined && (code & 0xff) === BUSY;
}

/** The DomainError for an error of SQLite; undefined for any other error. */
export function translateSqlite(error: unknown): DomainError | undefined {
  const code = sqliteCode(error);
  if (code === undefined) return undefined;
  if (isSqliteDuplicate(error)) {
    return new DomainError({
      kind: "conflict",
      reason: "DEPENDENCY_REFUSED",
      message: "store refused: a record with the same key exists",
      metadata: { dependency: "store" },
      cause: error,
    });
  }
  switch (code & 0xff) {
    case BUSY:
    case LOCKED:
      return unavailable("store", "the database file is locked", error);
    case FULL:
      return unavailable("store", "the disk is full", error);
    case IOERR:
      return unavailable("store", "the database file cannot be read or written", error);
    case NOMEM:
      return unavailable("store", "SQLite is out of memory", error);
    case READONLY:
      return unavailable("store", "the database file is read-only", error);
    case CANTOPEN:
      return refused("store", "the database file cannot be opened", error);
    case CORRUPT:
    case NOTADB:
      return refused("store", "the database file is damaged or not an SQLite database", error);
    default:
      return new DomainError({ kind: "internal", reason: "INTERNAL", message: `store failed with SQLite code ${code}`, cause: error });
  }
}
