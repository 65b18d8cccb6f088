import { openSqlite, type SqliteOptions } from "./engine/sqlite.ts";
import { storePart, type MusterStore } from "./parts.ts";

/** Opens the embedded store; rejects as `openSqlite` does. */
export function openSqliteStore(options: SqliteOptions): Promise<MusterStore> {
  return openSqlite(options, storePart);
}
