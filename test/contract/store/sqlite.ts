import type { MusterStore } from "../../../src/store/parts.ts";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { openSqliteStore } from "../../../src/store/sqlite.ts";
import type { StoreBackend } from "./backend.ts";

/** A store on a file of its own. */
export const sqliteBackend: StoreBackend = {
  async open() {
    const directory = await freshDirectory();
    const path = join(directory, "state", "muster.db");
    const store = await openSqliteStore({ path });
    return {
      store,
      openInAnotherProcess: () => openElsewhere(path),
      [Symbol.asyncDispose]: () => closed(store, directory),
    };
  },

  async openNewer() {
    const directory = await freshDirectory();
    try {
      const path = join(directory, "muster.db");
      const store = await openSqliteStore({ path });
      await store[Symbol.asyncDispose]();
      const database = new DatabaseSync(path);
      database.exec("insert into muster_migrations (name, checksum, applied_at) values ('9999-future', 'x', 0)");
      database.close();
      return await openSqliteStore({ path });
    } finally {
      await rm(directory, { recursive: true });
    }
  },
};

/** A store that is gone when it is closed. */
export const memoryBackend: StoreBackend = {
  ...sqliteBackend,
  async open() {
    const store = await openSqliteStore({ path: ":memory:" });
    return { store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
  },
};

function freshDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), "muster-store-"));
}

async function closed(store: MusterStore, directory: string): Promise<void> {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
}

async function openElsewhere(path: string): Promise<{ readonly kind: string; readonly message: string }> {
  const program = `
    const { openSqliteStore } = await import(${JSON.stringify(new URL("../../../src/store/sqlite.ts", import.meta.url).href)});
    const outcome = await openSqliteStore({ path: ${JSON.stringify(path)} }).then(() => ({ kind: "opened", message: "" }), ({ kind, message }) => ({ kind, message }));
    console.log(JSON.stringify(outcome));
    process.exit();
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], { timeout: 90_000 });
  return JSON.parse(stdout) as { readonly kind: string; readonly message: string };
}
