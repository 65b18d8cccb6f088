/** The store: can it be opened, is it recent enough, is it writable, and does this version know its schema. Nothing is changed. */
import { accessSync, constants, existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Config } from "../../config/config.ts";
import { storePart } from "../../store/parts.ts";
import { checkOf, tellClock, type Check, type Teller } from "./finding.ts";
import { whyNot } from "./http.ts";
import { isAtLeast } from "./versions.ts";

const leastMysql = "8.0.17";
const neededPrivileges = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX", "DROP", "REFERENCES"];

/** `isServing`: whether a Muster runs with this configuration and so has the file locked. */
export function checkStore(store: Config["store"], now: () => number, isServing: () => Promise<boolean>): Check {
  return store.kind === "sqlite" ? checkSqlite(store.path, isServing) : checkMysql(store.url, now);
}

function checkSqlite(path: string, isServing: () => Promise<boolean>): Check {
  return checkOf(
    "store",
    async (tell) => {
      if (path === ":memory:") return tell.warn("sqlite in memory: all data is lost at exit", "MUSTER_STORE=sqlite:PATH keeps it.");
      const nearest = existsSync(path) ? path : existing(dirname(resolve(path)));
      accessSync(nearest, constants.R_OK | constants.W_OK);
      if (!existsSync(path)) return tell.ok(`${path} does not exist yet and will be created`);
      const { DatabaseSync } = await import("node:sqlite");
      try {
        const database = new DatabaseSync(path, { readOnly: true, timeout: 200 });
        try {
          const tables = database.prepare("select count(*) as n from sqlite_master where name = 'muster_migrations'").get();
          const names = tables?.["n"] === 1 ? database.prepare("select name from muster_migrations").all() : [];
          tellMigrations(
            tell,
            `sqlite ${path}`,
            names.map((row) => String(row["name"])),
          );
        } finally {
          database.close();
        }
      } catch (error) {
        if (!isLocked(error)) throw error;
        if (await isServing()) tell.ok(`${path} is in use by the running Muster`);
        else tell.bad(`${path} is locked by another process`, "Only one process at a time can use it: stop the other, or choose another MUSTER_STORE.");
      }
      return undefined;
    },
    (error) => {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      if (code === "EACCES" || code === "EROFS")
        return [`${path} cannot be written (${code})`, "Grant this user write access to it and to its directory, or choose another MUSTER_STORE."];
      return [`${path} cannot be opened (${code})`, "It may not be a SQLite database; choose another MUSTER_STORE, or restore it from a backup."];
    },
  );
}

/** The nearest existing directory above. */
function existing(path: string): string {
  return existsSync(path) || path === dirname(path) ? path : existing(dirname(path));
}

/** SQLITE_BUSY and SQLITE_LOCKED, with their extended codes. */
function isLocked(error: unknown): boolean {
  const code = error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : 0;
  return code === 5 || code === 6;
}

function checkMysql(url: string, now: () => number): Check {
  const at = new URL(url).host;
  return checkOf(
    "store",
    async (tell) => {
      const [{ createConnection }, { connectionOptions }, { parseMysqlUrl }, { translateMysql }] = await Promise.all([
        import("mysql2/promise"),
        import("../../store/engine/mysql.ts"),
        import("../../store/engine/mysql-url.ts"),
        import("../../store/engine/mysql-errors.ts"),
      ]);
      try {
        const connection = await createConnection({ ...connectionOptions(parseMysqlUrl(url)), rowsAsArray: true });
        const rows = async (sql: string): Promise<readonly (readonly unknown[])[]> => {
          const [found] = await connection.query({ sql, timeout: 3_000 });
          return (Array.isArray(found) ? found : []) as unknown[] as (readonly unknown[])[];
        };
        try {
          await lookAtMysql(tell, at, rows, now);
        } finally {
          connection.destroy();
        }
      } catch (error) {
        throw translateMysql(error) ?? error;
      }
    },
    (error) => [
      `mysql ${at}: ${whyNot(error)}`,
      "MUSTER_STORE must be mysql://user:password@host:port/database of a running server, with an existing database.",
    ],
  );
}

async function lookAtMysql(tell: Teller, at: string, rows: (sql: string) => Promise<readonly (readonly unknown[])[]>, now: () => number): Promise<void> {
  const before = now();
  const [[version = "", clock = 0, readOnly = 0] = []] = await rows("select version(), cast(unix_timestamp(now(3)) * 1000 as signed), @@global.read_only");
  const after = now();
  const name = `mysql ${at}, version ${String(version)}`;
  if (/mariadb/i.test(String(version))) tell.bad(`${name}, is a MariaDB`, `Use MySQL ${leastMysql} or newer.`);
  else if (!isAtLeast(String(version), leastMysql)) tell.bad(`${name}, is too old`, `Use MySQL ${leastMysql} or newer.`);
  if (Number(readOnly) !== 0) tell.bad(`${name}, is read-only`, "Set MUSTER_STORE to the server that accepts writes.");
  tellClock(tell, "the database", Number(clock), before, after, 50);
  tellGrants(
    tell,
    (await rows("show grants for current_user()")).map(([grant]) => String(grant)),
  );
  const [there] = await rows("select count(*) from information_schema.tables where table_schema = database() and table_name = 'muster_migrations'");
  const names = Number(there?.[0]) === 1 ? await rows("select name from muster_migrations") : [];
  tellMigrations(
    tell,
    name,
    names.map(([migration]) => String(migration)),
  );
}

function tellGrants(tell: Teller, grants: readonly string[]): void {
  if (grants.some((grant) => grant.startsWith("GRANT ALL PRIVILEGES ON"))) return;
  // Roles bring privileges that are not listed here.
  if (grants.some((grant) => / TO /.test(grant) && !/ ON /.test(grant))) return;
  const missing = neededPrivileges.filter((privilege) => !grants.some((grant) => new RegExp(`\\b${privilege}\\b(?=.* ON )`).test(grant)));
  if (missing.length > 0) tell.bad(`the database user lacks ${missing.join(", ")}`, "GRANT ALL PRIVILEGES ON the database TO the user of MUSTER_STORE.");
}

function tellMigrations(tell: Teller, name: string, applied: readonly string[]): void {
  const known = storePart.migrations.map((migration) => migration.name);
  const strange = applied.filter((it) => !known.includes(it));
  if (strange.length > 0)
    return tell.bad(`${name}: migrated by a newer Muster (${strange.join(", ")})`, "Run that version or a newer one, or restore an older backup.");
  const missing = known.length - applied.length;
  if (applied.length === 0) return tell.ok(`${name}, empty: the tables are created at the start`);
  return tell.ok(`${name}, schema ${applied.length} of ${known.length}${missing > 0 ? ": the rest is created at the start" : ""}`);
}
