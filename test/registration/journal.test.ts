/** What an attempt writes down when all is well with its store: in order, once, together where that is allowed. */
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { DomainError, refused } from "../../src/kernel/errors.ts";
import type { Note } from "../../src/registration/attempts/attempt-context.ts";
import * as fixtures from "../contract/store/fixtures.ts";
import { broken, ends, note, openJournal } from "../support/open-journal.ts";

test("an event that an early step follows is written with that step's, and shown when both are written", async () => {
  await using the = await openJournal();
  const { recorded: record } = the.journal;
  const both = ends(record("CONSUL_REGISTERED", note("one"), "early step"), record("HEALTH_CHECK_CONFIGURED", note("two"), "step"));
  expect(await both).toEqual(["ok", "ok"]);
  expect(the.it.transactions).toBe(1);
  expect(await the.recorded()).toEqual(["2 CONSUL_REGISTERED one", "3 HEALTH_CHECK_CONFIGURED two"]);
  expect(the.shown()).toEqual(await the.recorded());
  expect(await the.row()).toMatchObject({ cursor: 2, lastSequence: 3, state: "RUNNING" });
  expect(the.it.commits).toBe(0);
});

test("it does not wait longer than 25 ms for that step", async () => {
  await using the = await openJournal();
  const written = the.journal.recorded("CONSUL_REGISTERED", note("one"), "early step");
  await the.clock.pass(24);
  expect(the.it.transactions).toBe(0);
  await the.clock.pass(1);
  await written;
  expect(the.shown()).toEqual(["2 CONSUL_REGISTERED one"]);
});

test("the last event ends the attempt, in one transaction with what belongs to it", async () => {
  await using the = await openJournal();
  const outcome = { outcome: "ACTIVE", alongside: (tx) => tx.outbox.insert(fixtures.outboxEvent("a")) } satisfies Partial<Note>;
  await the.journal.recorded("COMPLETED", { ...note("done"), ...outcome }, "end");
  expect(await the.row()).toMatchObject({ state: "COMPLETED", outcome: "ACTIVE", cursor: 1 });
  expect((await the.store.tx((tx) => tx.outbox.backlog())).waiting).toBe(1);
  expect(the.it.commits).toBe(1);
});

test("steps that were written with the attempt itself are not written again", async () => {
  await using the = await openJournal({ cursor: 1 });
  await the.journal.recorded("VALIDATED", note("again"), "step");
  await the.journal.recorded("CONSUL_REGISTERED", note("one"), "step");
  expect(await the.recorded()).toEqual(["2 CONSUL_REGISTERED one"]);
  expect((await the.row()).cursor).toBe(2);
  await the.journal.recorded("HEALTH_CHECK_CONFIGURED", note("two"), "step");
  expect((await the.row()).cursor).toBe(3);
});

test("what is reported while another event is being written follows it", async () => {
  await using the = await openJournal();
  const step = the.journal.recorded(
    "CONSUL_REGISTERED",
    note("one", () => beside.promise),
    "step",
  );
  const beside = Promise.withResolvers<void>();
  await turn();
  const report = the.journal.report("HEALTH_WAITING", note("two"));
  await turn();
  beside.resolve();
  await Promise.all([step, report]);
  expect(await the.recorded()).toEqual(["2 CONSUL_REGISTERED one", "3 HEALTH_WAITING two"]);
  expect((await the.row()).cursor).toBe(1);
});

test("an event that is held is written before the attempt is said to unwind", async () => {
  await using the = await openJournal();
  const held = the.journal.recorded("CONSUL_REGISTERED", note("one"), "early step");
  await the.journal.unwinding(broken);
  await held;
  expect(the.shown()).toEqual(["2 CONSUL_REGISTERED one"]);
  expect(await the.row()).toMatchObject({ state: "UNWINDING", error: { reason: "CALLBACK_FAILED" } });
});

test("FAILED says the reason, the text and bad fields", async () => {
  await using the = await openJournal();
  await the.journal.ended(new DomainError({ kind: "invalid", reason: "OPENAPI_INVALID", message: "no", fields: [{ field: "a", description: "is bad" }] }), []);
  expect(the.it.shown.at(-1)?.errorDetail).toBe("OPENAPI_INVALID: no (a is bad)");
});

test("when one of several is refused, those before it stand, and none after it is written", async () => {
  await using the = await openJournal();
  const { recorded: record } = the.journal;
  const refuse = () => Promise.reject(refused("store", "scripted"));
  const written = ends(
    record("CONSUL_HEALTHY", note("one"), "early step"),
    record("SCHEMA_VALIDATED", note("two", refuse), "early step"),
    record("DATABASE_SAVED", note("three"), "step"),
  );
  expect(await written).toEqual(["ok", "DEPENDENCY_REFUSED", "DEPENDENCY_REFUSED"]);
  expect(
    await ends(
      record("COMPLETED", note("four"), "end"),
      the.journal.report("HEALTH_WAITING", note("five")),
      the.journal.alone(async () => undefined),
    ),
  ).toEqual(["DEPENDENCY_REFUSED", "DEPENDENCY_REFUSED", "DEPENDENCY_REFUSED"]);
  expect(await the.recorded()).toEqual(["2 CONSUL_HEALTHY one"]);
  expect(the.shown()).toEqual(await the.recorded());
  expect((await the.row()).cursor).toBe(1);
});

test("a single event that is refused is not written again", async () => {
  await using the = await openJournal();
  let tries = 0;
  const refuse = () => ((tries += 1), Promise.reject(refused("store", "scripted")));
  expect(await ends(the.journal.recorded("CONSUL_HEALTHY", note("one", refuse), "step"))).toEqual(["DEPENDENCY_REFUSED"]);
  expect(tries).toBe(1);
});
