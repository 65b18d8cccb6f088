/** Whose names and artifacts are after an upgrade: nothing that was registered changes hands, and what never was is nobody's. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { systemClock } from "../src/adapters/system/clock.ts";
import type { RegistrationStore } from "../src/registration/records.ts";
import { openMysqlStore } from "../src/store/mysql.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { registration, schemaVersion } from "./contract/store/fixtures.ts";
import { createDatabase, execute } from "./support/muster.ts";
import { describeReal } from "./support/real-servers.ts";

/** Owned by `<name>'s owner`. */
const names = ["live", "ended", "Spelled", "failed", "pending"];

async function fill(store: RegistrationStore): Promise<void> {
  await store.tx(async (tx) => {
    for (const name of names) await tx.names.reserve(name, `${name}'s owner`);
    for (const [id, name, state] of [
      ["1", "live", "ACTIVE"],
      ["2", "ended", "UNREGISTERED"],
      ["3", "spelled", "UNREGISTERED"],
      ["4", "pending", "PENDING"],
    ] as const) {
      await tx.registrations.insert(registration(id, { name, serviceId: name, state, schema: undefined }));
    }
    for (const [id, name, state, artifactId] of [
      ["5", "ended", "UNREGISTERED", "ended-config"],
      ["6", "shop-http", "SUPERSEDED", "shop-http-config"],
      ["7", "shop", "ACTIVE", "shop-http-config"],
      ["8", "Shop", "UNREGISTERED", "shop-http-config"],
      ["9", "first", "UNREGISTERED", "api"],
      ["a", "second", "UNREGISTERED", "api"],
      ["b", "pets-connector", "ACTIVE", "pets-connector-config"],
      ["c", "pets", "UNREGISTERED", "pets-connector-config"],
    ] as const) {
      await tx.registrations.insert(
        registration(id, { name, serviceId: id, state, type: name === "pets" ? "CONNECTOR" : "MODULE", schema: { artifactId, version: id } }),
      );
      await tx.schemas.insert(schemaVersion(id, { artifactId, name, state: "ENABLED" }));
    }
  });
}

/** As a program left them that knew neither reservations nor owners of artifacts. */
const older = [
  "alter table service_names drop column reserved",
  "drop table schema_artifacts",
  "drop table schema_artifact_shares",
  "delete from muster_migrations where name in ('0013-reserved-names', '0014-artifacts')",
];

async function expectOwners(store: RegistrationStore): Promise<void> {
  const found = await store.tx((tx) => Promise.all(names.map((name) => tx.names.find(name))));
  expect(found).toEqual(names.map((name) => ({ name, owner: `${name}'s owner`, isReserved: name === "failed" || name === "pending" })));
  await store.tx(async ({ artifacts }) => {
    const holders = await Promise.all(["ended-config", "shop-http-config", "api", "pets-connector-config"].map((id) => artifacts.holder(id)));
    expect(holders).toEqual(["ended", "shop", "first", "pets"]);
    expect(await artifacts.ofNames(["ended", "shop", "first"], 9)).toHaveLength(3);
    const shares = [
      ["shop-http-config", "shop-http"],
      ["shop-http-config", "shop"],
      ["api", "second"],
      ["ended-config", "ended"],
    ] as const;
    expect(await Promise.all(shares.map(([id, name]) => artifacts.isShared(id, name)))).toEqual([true, false, true, false]);
  });
}

describe("a SQLite file", () => {
  test("names and artifacts are owned by whoever registered under them", async () => {
    const directory = await mkdtemp(join(tmpdir(), "muster-owners-"));
    try {
      const path = join(directory, "muster.db");
      {
        await using store = await openSqliteStore({ path });
        await fill(store);
      }
      {
        using database = new DatabaseSync(path);
        for (const statement of older) database.exec(statement);
      }
      await using store = await openSqliteStore({ path });
      await expectOwners(store);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describeReal("a MySQL database", (servers) => {
  test("names and artifacts are owned by whoever registered under them, also when the migration is cut off and runs again", async () => {
    const database = await createDatabase(servers.mysql);
    const open = () => openMysqlStore({ url: database.url, clock: systemClock });
    try {
      {
        await using store = await open();
        await fill(store);
      }
      for (const statement of older) await execute(database.url, statement);
      const cuts = ["update service_names set reserved = null where name = 'failed'", "delete from schema_artifacts where artifact_id = 'api'"];
      for (const cut of [cuts, undefined]) {
        await using store = await open();
        await expectOwners(store);
        if (cut === undefined) break;
        for (const statement of cut) await execute(database.url, statement);
        await execute(database.url, "delete from muster_migrations where name in ('0013-reserved-names', '0014-artifacts')");
      }
    } finally {
      await database.drop();
    }
  });
});
