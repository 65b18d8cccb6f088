import { mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Kysely } from "kysely";
import { describe, expect, test } from "vitest";
import { nodeSqliteDialect } from "../src/store/engine/sqlite-driver.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { outboxEvent } from "./contract/store/fixtures.ts";

type Tables = { notes: { id: number; above: number | null } };

/** A file with a table in which `above` must be there at the commit, and 13 ends the transaction of whoever inserts it. */
async function open() {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "muster-commits-"));
  stack.defer(() => rm(directory, { recursive: true }));
  const database = new DatabaseSync(join(directory, "notes.db"));
  stack.defer(() => database.close());
  database.exec("pragma journal_mode = wal; pragma foreign_keys = on");
  database.exec("create table notes (id integer primary key, above integer references notes (id) deferrable initially deferred)");
  database.exec("create trigger unlucky before insert on notes when new.id = 13 begin select raise(rollback, 'unlucky'); end");
  const reader = new DatabaseSync(join(directory, "notes.db"));
  stack.defer(() => reader.close());
  const db = new Kysely<Tables>({ dialect: nodeSqliteDialect(database) });
  const owned = stack.move();
  return {
    note: (id: number, { above = null, then }: { above?: number | null; then?: () => void } = {}) =>
      db.transaction().execute(async (trx) => {
        await trx.insertInto("notes").values({ id, above }).execute();
        then?.();
        return trx.selectFrom("notes").select("id").orderBy("id").execute();
      }),
    /** What is committed, as another connection sees it. */
    committed: () =>
      reader
        .prepare("select id from notes order by id")
        .all()
        .map(({ id }) => id),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const outcomes = async (all: readonly Promise<unknown>[]) => (await Promise.allSettled(all)).map(({ status }) => status);

describe("transactions that come at once", () => {
  test("are committed together, each after the one before it", async () => {
    await using notes = await open();
    const seen: unknown[] = [];
    const all = [1, 2, 3].map((id) => notes.note(id).then((rows) => seen.push(rows.length, notes.committed())));
    expect(notes.committed()).toEqual([]);
    await Promise.all(all);
    expect(seen).toEqual([1, [1, 2, 3], 2, [1, 2, 3], 3, [1, 2, 3]]);
  });

  test("and the later ones, in the next turn", async () => {
    await using notes = await open();
    await notes.note(1);
    expect(notes.committed()).toEqual([1]);
    await notes.note(2);
    expect(notes.committed()).toEqual([1, 2]);
  });

  test("leave nothing of one that throws", async () => {
    await using notes = await open();
    const mine = new Error("mine");
    const failing = notes.note(2, {
      then: () => {
        throw mine;
      },
    });
    const all = [notes.note(1), failing, notes.note(3)];
    await expect(failing).rejects.toBe(mine);
    expect(await outcomes(all)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(notes.committed()).toEqual([1, 3]);
  });

  test("all fail when the commit does, and those after them do not", async () => {
    await using notes = await open();
    expect(await outcomes([notes.note(1), notes.note(2, { above: 9 }), notes.note(3)])).toEqual(["rejected", "rejected", "rejected"]);
    expect(notes.committed()).toEqual([]);
    await notes.note(4);
    expect(notes.committed()).toEqual([4]);
  });

  test("all fail that are not committed when SQLite ends their common transaction, and those after them do not", async () => {
    await using notes = await open();
    expect(await outcomes([notes.note(1), notes.note(13), notes.note(3)])).toEqual(["rejected", "rejected", "fulfilled"]);
    expect(notes.committed()).toEqual([3]);
  });
});

/** Files that this process has open and that nobody else can see, where the system shows them. */
async function unseenFiles(): Promise<readonly string[]> {
  const descriptors = await readdir("/proc/self/fd").catch(() => []);
  const paths = await Promise.all(descriptors.map((descriptor) => readlink(`/proc/self/fd/${descriptor}`).catch(() => "")));
  return paths.filter((path) => path.endsWith(" (deleted)"));
}

test("what a transaction has to undo is in no file, however much it changes", async () => {
  const directory = await mkdtemp(join(tmpdir(), "muster-commits-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(directory, { recursive: true }));
  const store = stack.use(await openSqliteStore({ path: join(directory, "muster.db") }));
  const before = await unseenFiles();
  const ids = Array.from({ length: 500 }, (_, n) => `${n}`);
  const long = { type: "ServiceUnregistered", serviceId: "s".repeat(2_000), name: "n" } as const;
  await store.tx((tx) => tx.outbox.insert(...ids.map((id) => outboxEvent(id, { payload: long }))));
  await store.tx(async (tx) => {
    await tx.outbox.markPublished(ids, 1);
    expect(await unseenFiles()).toEqual(before);
  });
});
