import type { MusterStore } from "../../../src/store/parts.ts";
import { randomBytes } from "node:crypto";
import { createConnection, type Connection } from "mysql2/promise";
import { systemClock } from "../../../src/adapters/system/clock.ts";
import { openMysqlStore } from "../../../src/store/mysql.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import type { StoreBackend } from "./backend.ts";

/** Stores on databases of their own, `muster_<random>`, on the local server of `url`, whose user may make them. */
export function mysqlBackend(url: string): StoreBackend {
  return {
    async open() {
      await using stack = new AsyncDisposableStack();
      const database = stack.use(await freshDatabase(url));
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

async function freshDatabase(url: string): Promise<AsyncDisposable & { readonly name: string; readonly url: string; readonly admin: Connection }> {
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
