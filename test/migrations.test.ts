/** What a newer program finds in an older database, and what a migration that was cut off leaves behind. */
import type { RegistrationStore } from "../src/registration/records.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { systemClock } from "../src/adapters/system/clock.ts";
import { openMysqlStore } from "../src/store/mysql.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { registration, request, schemaVersion } from "./contract/store/fixtures.ts";
import { createDatabase, execute, query } from "./support/muster.ts";
import { describeReal } from "./support/real-servers.ts";

/** As UpdateTags wrote it: the tags it set in the request, and those the request came with beside them. */
const olderRequest = JSON.stringify({ ...request, tags: ["set"], requestedTags: ["asked"] });
const olderRow = `update registrations set schema_version = null, desired_tags = null, request = '${olderRequest}' where id = 'old'`;

async function fill(store: RegistrationStore): Promise<void> {
  await store.tx(async (tx) => {
    await tx.registrations.insert(registration("old", { version: "1.0.0", state: "ACTIVE" }));
    await tx.schemas.insert(schemaVersion("1.0.0", { state: "ENABLED" }));
  });
}

/** A registration from before schemas had versions of their own stands on the one that has its version; its tags are where they belong. */
async function expectOldRegistration(store: RegistrationStore): Promise<void> {
  await store.tx(async (tx) => {
    expect((await tx.registrations.find("old"))?.schema).toEqual({ artifactId: "parser-config", version: "1.0.0" });
    expect(await tx.registrations.find("old")).toMatchObject({ request: { ...request, tags: ["asked"] }, desiredTags: ["set"] });
    expect(await tx.registrations.countUsing("parser-config", "1.0.0")).toBe(1);
    expect(await tx.schemas.find("parser-config", "1.0.0")).toMatchObject({ kind: "JSON", comparison: undefined });
    await tx.registrations.setTags("old", ["again"], 1);
    expect(await tx.registrations.find("old")).toMatchObject({ request: { ...request, tags: ["asked"] }, desiredTags: ["again"] });
  });
}

describe("a SQLite file", () => {
  test("an older registration keeps its schema version, its request and its tags", async () => {
    const directory = await mkdtemp(join(tmpdir(), "muster-older-"));
    try {
      const path = join(directory, "muster.db");
      {
        await using store = await openSqliteStore({ path });
        await fill(store);
      }
      {
        using database = new DatabaseSync(path);
        database.exec(olderRow);
      }
      await using store = await openSqliteStore({ path });
      await expectOldRegistration(store);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describeReal("a MySQL database", (servers) => {
  test("a migration that was cut off before it was noted runs again, and nothing is lost", async () => {
    const database = await createDatabase(servers.mysql);
    const open = () => openMysqlStore({ url: database.url, clock: systemClock });
    try {
      {
        await using store = await open();
        await fill(store);
      }
      await execute(database.url, olderRow);
      const noted = await query(database.url, "select name from muster_migrations order by name");
      for (const { name } of noted.slice(1)) await execute(database.url, `delete from muster_migrations where name >= '${String(name)}'`);
      await using store = await open();
      expect(await query(database.url, "select name from muster_migrations order by name")).toEqual(noted);
      await expectOldRegistration(store);
    } finally {
      await database.drop();
    }
  });
});
