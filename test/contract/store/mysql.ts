import type { MusterStore } from "../../../src/store/parts.ts";
import { randomBytes } from "node:crypto";
import { createConnection, type Connection } from "mysql2/promise";
import { afterAll } from "vitest";
import { systemClock } from "../../../src/adapters/system/clock.ts";
import { openMysqlStore } from "../../../src/store/mysql.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import type { StoreBackend } from "./backend.ts";

/**
 * Stores on databases of their own, `muster_<random>`, on the local server of `url`, whose user may make them. A database
 * that a test is done with is emptied for a later one: to make all tables takes the server most of a second.
 */
export function mysqlBackend(url: string): StoreBackend {
  const spare: Database[] = [];
  afterAll(async () => {
    for (const database of spare) await database[Symbol.asyncDispose]();
  });
  async function emptyDatabase(): Promise<Database> {
    const database = spare.pop() ?? (await freshDatabase(url));
    // Also makes the tables of a fresh one.
    const store = await openMysqlStore({ url: database.url, clock: systemClock });
    await store[Symbol.asyncDispose]();
    return database;
  }

  return {
    async open() {
      await using stack = new AsyncDisposableStack();
      const database = await emptyDatabase();
      const atFirst = await allRows(database);
      stack.defer(async () => {
        await putBack(database, atFirst);
        spare.push(database);
      });
      const proxy = stack.use(await startTcpProxy({ target: Number(new URL(url).port || 3306) }));
      const open = async (at: string): Promise<MusterStore> => stack.use(await openMysqlStore({ url: at, clock: systemClock }));
      const store = await open(withPort(database.url, proxy.port));
      const owned = stack.move();
      return {
        store,
        another: async () => owned.use(await openMysqlStore({ url: database.url, clock: systemClock })),
        killSessions: () => killSessions(database.admin, database.name),
        network: proxy,
        connections: 20,
        [Symbol.asyncDispose]: () => owned.disposeAsync(),
      };
    },

    async openNewer() {
      await using database = await freshDatabase(url);
      const store = await openMysqlStore({ url: database.url, clock: systemClock });
      await store[Symbol.asyncDispose]();
      await database.admin.query(`insert into ${database.name}.muster_migrations (name, checksum, applied_at) values ('9999-future', 'x', 0)`);
      return await openMysqlStore({ url: database.url, clock: systemClock });
    },

    async openTwice() {
      await using stack = new AsyncDisposableStack();
      const database = stack.use(await freshDatabase(url));
      const opening = [1, 2].map(async () => stack.use(await openMysqlStore({ url: database.url, clock: systemClock })));
      await Promise.allSettled(opening);
      const stores = await Promise.all(opening);
      const owned = stack.move();
      return { stores, [Symbol.asyncDispose]: () => owned.disposeAsync() };
    },

    openNowhere: () => openMysqlStore({ url: "mysql://muster:secret@127.0.0.1:1/muster", clock: systemClock }),
  };
}

interface Database extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  readonly admin: Connection;
}

async function freshDatabase(url: string): Promise<Database> {
  const admin = await createConnection(url);
  const name = `muster_${randomBytes(6).toString("hex")}`;
  await admin.query(`create database ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return {
    name,
    url: own.href,
    admin,
    async [Symbol.asyncDispose]() {
      await admin.query(`drop database ${name}`);
      await admin.end();
    },
  };
}

type Rows = ReadonlyMap<string, readonly Readonly<Record<string, unknown>>[]>;

/** Of each table. */
async function allRows({ admin, name }: Database): Promise<Rows> {
  const [tables] = await admin.query("select table_name as name from information_schema.tables where table_schema = ?", [name]);
  const rows = new Map<string, Readonly<Record<string, unknown>>[]>();
  for (const table of tables as { name: string }[]) {
    const [found] = await admin.query(`select * from ${name}.${table.name}`);
    rows.set(table.name, found as Record<string, unknown>[]);
  }
  return rows;
}

async function putBack({ admin, name }: Database, rows: Rows): Promise<void> {
  await admin.beginTransaction();
  for (const [table, former] of rows) {
    await admin.query(`delete from ${name}.${table}`);
    for (const row of former) await admin.query(`insert into ${name}.${table} set ?`, [row]);
  }
  await admin.commit();
}

async function killSessions(admin: Connection, database: string): Promise<void> {
  const [rows] = await admin.query("select id from information_schema.processlist where db = ?", [database]);
  for (const { id } of rows as { id: number }[]) await admin.query(`kill ${id}`);
}

function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.hostname = "127.0.0.1";
  changed.port = String(port);
  return changed.href;
}
