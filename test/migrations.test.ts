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
import { attempt, outboxEvent, registration, request, schemaVersion, someTask } from "./contract/store/fixtures.ts";
import { createDatabase, execute, query } from "./support/muster.ts";
import { describeReal } from "./support/real-servers.ts";

/** As UpdateTags wrote it: the tags it set in the request, and those the request came with beside them. */
const olderRequest = JSON.stringify({ ...request, tags: ["set"], requestedTags: ["asked"] });
/** As a program wrote them that knew neither versions of schemas, nor desired tags, nor a log. */
const olderRows = [
  "update attempts set request_id = given_request_id, given_request_id = null, request_key = null where id = 'old'",
  `update registrations set schema_version = null, desired_tags = null, request = '${olderRequest}', check_key = null where id = 'old'`,
  "update outbox set type = null, subject_kind = null, subject_id = null",
];

async function fill(store: RegistrationStore): Promise<void> {
  await store.tx(async (tx) => {
    await tx.registrations.insert(registration("old", { version: "1.0.0", state: "ACTIVE" }));
    await tx.schemas.insert(schemaVersion("1.0.0", { state: "ENABLED" }));
    await tx.tasks.insert(someTask, { id: "old", payload: 1 });
    await tx.attempts.insert(attempt("old", { requestId: "r" }), [], 60_000);
    for (const id of ["published", "waiting"]) await tx.outbox.insert(outboxEvent(id));
    await tx.outbox.markPublished(["published"], 1);
  });
}

/** Events from before there was a log are in it like others, in the order of insertion, and can be found by type and subject. */
async function expectOldEvents(store: RegistrationStore): Promise<void> {
  const { id, subject, payload } = outboxEvent("waiting");
  expect(await store.tx((tx) => tx.outbox.unpublished(9))).toMatchObject([{ id, type: payload.type, subject }]);
  const numbered = await store.tx((tx) => tx.eventLog.number(9));
  expect(numbered).toMatchObject([
    { position: 1, id: "published", type: payload.type, subject },
    { position: 2, id: "waiting", type: payload.type, subject },
  ]);
  const page = await store.tx((tx) => tx.eventLog.read({ after: 0, limit: 9, types: [payload.type], subject }));
  expect(page.events).toEqual(numbered);
}

/** A request id from before it belonged to its principal is that principal's. */
async function expectOldRequestId(store: RegistrationStore): Promise<void> {
  await store.tx(async (tx) => {
    expect(await tx.attempts.findByRequestId("tester", "r")).toMatchObject({ id: "old", requestId: "r" });
    expect(await tx.attempts.findByRequestId("tokens|tester", "r")).toMatchObject({ id: "old" });
    expect(await tx.attempts.findByRequestId("somebody else", "r")).toBeUndefined();
    await tx.attempts.insert(attempt("new", { serviceId: "new", requestId: "r", actor: "somebody else" }), [], 60_000);
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

/** A registration from before there were keys of checks is found by what its check dials; one that has ended need not be. */
async function expectOldCheck(store: RegistrationStore): Promise<void> {
  expect((await store.tx((tx) => tx.registrations.activeAt("[10.0.0.1]:9000"))).map(({ id, healthService }) => [id, healthService])).toEqual([
    ["old", undefined],
  ]);
}

/** As a program wrote it that had no keys of checks. */
const withoutChecks = [
  "drop index registrations_by_check",
  "alter table registrations drop column check_key",
  "alter table registrations drop column health_service",
  "delete from muster_migrations where name = '0015-checks'",
];

/** A task from before tasks knew their age is carried out, and is new when it is claimed first. */
async function expectOldTask(store: RegistrationStore): Promise<void> {
  expect(await store.tx((tx) => tx.tasks.claim("some", 0, 10))).toEqual([{ id: "old", payload: "1", attempts: 0, ageMs: 0 }]);
  expect(await store.tx((tx) => tx.tasks.claim("some", 0, 10))).toEqual([{ id: "old", payload: "1", attempts: 1, ageMs: expect.any(Number) }]);
}

/** As a former version leaves a task. */
const olderTask = "update tasks set created_at = null, claimed_at = null, parked_at = null where id = 'old'";

const spelled = (name: string, host: string) => ({ serviceId: `${name}-${host}-1`, name, host, port: 1 });
const [earlier, later] = [spelled("Pay", "h"), spelled("pay", "h")];
/** Unregistered and registered; then two that are not registered, and one that clashes with none. */
const [ended, running] = [spelled("six", "::1"), spelled("six", "0:0::1")];
const [known, unknown] = [spelled("old", "h"), spelled("OLD", "h")];
const alone = spelled("Alone", "LOCALHOST");
const spellings = [later, earlier, ended, running, unknown, known, alone];

/** As a program wrote them to which each spelling was an instance and a name of its own; `dropIndex` is the database's own. */
async function writeSpellings(store: RegistrationStore): Promise<void> {
  await store.tx(async (tx) => {
    for (const [id, key, state] of [
      ["1", earlier, "ACTIVE"],
      ["2", later, "ACTIVE"],
      ["3", ended, "UNREGISTERED"],
      ["4", running, "ACTIVE"],
      ["5", known, "UNREGISTERED"],
    ] as const) {
      await tx.registrations.insert(registration(id, { ...key, state }));
    }
  });
}

function withoutKeys(dropIndex: (table: string, index: string) => string): readonly string[] {
  return [
    dropIndex("instances", "instances_by_key"),
    dropIndex("service_names", "service_names_by_key"),
    "alter table instances drop column id_key",
    "alter table service_names drop column name_key",
    "delete from instances",
    "delete from service_names",
    ...spellings.map(
      ({ serviceId, name, host, port }) =>
        `insert into instances (service_id, name, host, port, generation) values ('${serviceId}', '${name}', '${host}', ${port}, 7)`,
    ),
    ...new Set(spellings.map(({ name }) => `insert into service_names (name, owner) values ('${name}', 'owner of ${name}')`)),
    "delete from muster_migrations where name = '0011-keys'",
  ];
}

/** Of each instance and name one spelling has the key: one that is registered before others, then the earliest. The others stay. */
async function expectKeys(store: RegistrationStore): Promise<void> {
  await store.tx(async (tx) => {
    for (const [holder, other] of [
      [earlier, later],
      [running, ended],
      [known, unknown],
      [alone, spelled("alone", "localhost")],
    ] as const) {
      for (const { serviceId } of [holder, other]) expect(await tx.instances.find(serviceId)).toEqual({ ...holder, generation: 7 });
      for (const { name } of [holder, other]) expect((await tx.names.find(name))?.owner).toBe(`owner of ${holder.name}`);
    }
    expect((await tx.instances.activeWithoutKey(9)).map(({ serviceId }) => serviceId)).toEqual([later.serviceId]);
    expect((await tx.names.withoutKey(9)).map(({ name }) => name)).toEqual(["OLD", "pay"]);
    expect(await tx.instances.lockId(later.serviceId)).toEqual({ ...later, generation: 7 });
  });
}

describe("a SQLite file", () => {
  test("spellings that clash already: one of each gets the key", async () => {
    const directory = await mkdtemp(join(tmpdir(), "muster-spellings-"));
    try {
      const path = join(directory, "muster.db");
      {
        await using store = await openSqliteStore({ path });
        await writeSpellings(store);
      }
      {
        using database = new DatabaseSync(path);
        for (const statement of withoutKeys((_table, index) => `drop index ${index}`)) database.exec(statement);
      }
      await using store = await openSqliteStore({ path });
      await expectKeys(store);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test("an older registration keeps its schema version, its request and its tags, and an older task is carried out", async () => {
    const directory = await mkdtemp(join(tmpdir(), "muster-older-"));
    try {
      const path = join(directory, "muster.db");
      {
        await using store = await openSqliteStore({ path });
        await fill(store);
      }
      {
        using database = new DatabaseSync(path);
        for (const statement of [...olderRows, ...withoutChecks]) database.exec(statement);
        database.exec(olderTask);
      }
      await using store = await openSqliteStore({ path });
      await expectOldCheck(store);
      await expectOldRegistration(store);
      await expectOldTask(store);
      await expectOldRequestId(store);
      await expectOldEvents(store);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describeReal("a MySQL database", (servers) => {
  test("spellings that clash already: one of each gets the key, also when the migration is cut off and runs again", async () => {
    const database = await createDatabase(servers.mysql);
    const open = () => openMysqlStore({ url: database.url, clock: systemClock });
    try {
      {
        await using store = await open();
        await writeSpellings(store);
      }
      for (const statement of withoutKeys((table, index) => `drop index ${index} on ${table}`)) await execute(database.url, statement);
      for (const cut of ["update instances set id_key = null where name <> 'Pay'", undefined]) {
        await using store = await open();
        await expectKeys(store);
        if (cut === undefined) break;
        await execute(database.url, cut);
        await execute(database.url, "delete from muster_migrations where name = '0011-keys'");
      }
    } finally {
      await database.drop();
    }
  });

  test("a migration that was cut off before it was noted runs again, and nothing is lost", async () => {
    const database = await createDatabase(servers.mysql);
    const open = () => openMysqlStore({ url: database.url, clock: systemClock });
    try {
      {
        await using store = await open();
        await fill(store);
      }
      for (const statement of olderRows) await execute(database.url, statement);
      await execute(database.url, olderTask);
      const noted = await query(database.url, "select name from muster_migrations order by name");
      for (const { name } of noted.slice(1)) await execute(database.url, `delete from muster_migrations where name >= '${String(name)}'`);
      await using store = await open();
      expect(await query(database.url, "select name from muster_migrations order by name")).toEqual(noted);
      await expectOldCheck(store);
      await expectOldRegistration(store);
      await expectOldTask(store);
      await expectOldRequestId(store);
      await expectOldEvents(store);
    } finally {
      await database.drop();
    }
  });
});
