/** What an attempt writes down: in order, once, only while its lease holds; and what it shows when the store is away. */
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { DomainError, refused, unavailable } from "../../src/kernel/errors.ts";
import type { Note } from "../../src/registration/attempts/attempt-context.ts";
import { createJournal } from "../../src/registration/attempts/journal.ts";
import type { RegistrationStore } from "../../src/registration/records.ts";
import type { ProgressEvent } from "../../src/registration/types.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import * as fixtures from "../contract/store/fixtures.ts";
import { manualClock } from "../support/manual-clock.ts";

const away = unavailable("store", "scripted");
const broken = new DomainError({ kind: "wrong_state", reason: "CALLBACK_FAILED", message: "scripted" });
const note = (message: string, alongside?: Note["alongside"]): Note => ({ message, ...(alongside ? { alongside } : {}) });

/** A journal of attempt `a`, which is at sequence 1, and a store that fails before or after a commit while `fails` says so. */
async function open(changes: Parameters<typeof fixtures.attempt>[1] = {}) {
  const clock = manualClock(1_000);
  const store = await openSqliteStore({ path: ":memory:", clock });
  const attempt = fixtures.attempt("a", changes);
  await store.tx(async (tx) => {
    await tx.instances.claim(attempt);
    await tx.attempts.insert(attempt, [fixtures.event("a", 1)], 60_000);
  });
  const it = {
    fails: undefined as "before" | "after" | undefined,
    transactions: 0,
    shown: [] as ProgressEvent[],
    logged: [] as string[],
    commits: 0,
  };
  const failing: RegistrationStore = {
    ...store,
    async tx(work) {
      if (it.fails === "before") throw away;
      const result = await store.tx(work);
      it.transactions += 1;
      if (it.fails === "after") {
        it.fails = undefined;
        throw away;
      }
      return result;
    },
  };
  const journal = createJournal(
    {
      ports: { store: failing, clock },
      progress: { publish: (event) => void it.shown.push(event) },
      log: (_level, event) => void it.logged.push(event),
      onCommit: () => void (it.commits += 1),
    },
    attempt,
  );
  return {
    it,
    clock,
    store,
    journal,
    recorded: async () => (await store.tx((tx) => tx.attempts.events("a", 1))).map(({ sequence, type, message }) => `${sequence} ${type} ${message}`),
    row: async () => (await store.tx((tx) => tx.attempts.find("a")))!,
    audit: async () =>
      (await store.tx((tx) => tx.audit.list({ kind: "instance", id: attempt.serviceId }))).map(({ action, detail }) => `${action} ${detail["state"]}`),
    shown: () => it.shown.map(({ sequence, type, message }) => `${sequence} ${type} ${message}`),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** How each of them ended: `ok`, or the reason. */
function ends(...written: readonly Promise<unknown>[]): Promise<readonly string[]> {
  return Promise.all(
    written.map((one) =>
      one.then(
        () => "ok",
        (error: unknown) => (error instanceof DomainError ? error.reason : String(error)),
      ),
    ),
  );
}

test("an event that an early step follows is written with that step's, and shown when both are written", async () => {
  await using the = await open();
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
  await using the = await open();
  const written = the.journal.recorded("CONSUL_REGISTERED", note("one"), "early step");
  await the.clock.pass(24);
  expect(the.it.transactions).toBe(0);
  await the.clock.pass(1);
  await written;
  expect(the.shown()).toEqual(["2 CONSUL_REGISTERED one"]);
});

test("the last event ends the attempt, in one transaction with what belongs to it", async () => {
  await using the = await open();
  const outcome = { outcome: "ACTIVE", alongside: (tx) => tx.outbox.insert(fixtures.outboxEvent("a")) } satisfies Partial<Note>;
  await the.journal.recorded("COMPLETED", { ...note("done"), ...outcome }, "end");
  expect(await the.row()).toMatchObject({ state: "COMPLETED", outcome: "ACTIVE", cursor: 1 });
  expect((await the.store.tx((tx) => tx.outbox.backlog())).waiting).toBe(1);
  expect(the.it.commits).toBe(1);
});

test("steps that were written with the attempt itself are not written again", async () => {
  await using the = await open({ cursor: 1 });
  await the.journal.recorded("VALIDATED", note("again"), "step");
  await the.journal.recorded("CONSUL_REGISTERED", note("one"), "step");
  expect(await the.recorded()).toEqual(["2 CONSUL_REGISTERED one"]);
  expect((await the.row()).cursor).toBe(2);
  await the.journal.recorded("HEALTH_CHECK_CONFIGURED", note("two"), "step");
  expect((await the.row()).cursor).toBe(3);
});

test("what is reported while another event is being written follows it", async () => {
  await using the = await open();
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
  await using the = await open();
  const held = the.journal.recorded("CONSUL_REGISTERED", note("one"), "early step");
  await the.journal.unwinding(broken);
  await held;
  expect(the.shown()).toEqual(["2 CONSUL_REGISTERED one"]);
  expect(await the.row()).toMatchObject({ state: "UNWINDING", error: { reason: "CALLBACK_FAILED" } });
});

test("FAILED says the reason, the text and bad fields", async () => {
  await using the = await open();
  await the.journal.ended(new DomainError({ kind: "invalid", reason: "OPENAPI_INVALID", message: "no", fields: [{ field: "a", description: "is bad" }] }), []);
  expect(the.it.shown.at(-1)?.errorDetail).toBe("OPENAPI_INVALID: no (a is bad)");
});

test("who takes over an attempt that unwinds or is stuck leaves its state and its reason", async () => {
  for (const state of ["UNWINDING", "STUCK"] as const) {
    await using the = await open({ state, error: { kind: "timeout", reason: "HEALTH_TIMEOUT", message: "the first reason" } });
    await the.journal.unwinding(broken);
    expect(await the.row()).toMatchObject({ state, error: { reason: "HEALTH_TIMEOUT" } });
  }
});

test("after a write that the store did not take nothing is written, also when the store is back", async () => {
  await using the = await open();
  the.it.fails = "before";
  const saving = ends(the.journal.alone(async () => undefined));
  await the.clock.pass(10_000);
  expect(await saving).toEqual(["DEPENDENCY_UNAVAILABLE"]);
  the.it.fails = undefined;
  expect(await ends(the.journal.recorded("CONSUL_REGISTERED", note("one"), "step"))).toEqual(["DEPENDENCY_UNAVAILABLE"]);
  expect(await the.recorded()).toEqual([]);
});

test("a sequence that somebody else took under the same lease is not ours", async () => {
  await using the = await open();
  const { lease } = await the.row();
  const taken = [fixtures.event("a", 2), fixtures.event("a", 3)];
  await the.store.tx((tx) => tx.attempts.advance({ id: "a", lease, lastSequence: 1 }, {}, ...taken));
  expect(await ends(the.journal.recorded("CONSUL_REGISTERED", note("one"), "step"))).toEqual(["INTERRUPTED"]);
  expect(the.shown()).toEqual([]);
});

test("when one of several is refused, those before it stand, and none after it is written", async () => {
  await using the = await open();
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
  await using the = await open();
  let tries = 0;
  const refuse = () => ((tries += 1), Promise.reject(refused("store", "scripted")));
  expect(await ends(the.journal.recorded("CONSUL_HEALTHY", note("one", refuse), "step"))).toEqual(["DEPENDENCY_REFUSED"]);
  expect(tries).toBe(1);
});

test("a write whose answer was lost is recognised, whatever it wrote", async () => {
  await using the = await open();
  const lostAnswer = async (write: () => Promise<unknown>) => {
    the.it.fails = "after";
    const written = write();
    await the.clock.pass(5_000);
    await written;
  };
  let alone = 0;
  const { recorded: record, ended, unwinding } = the.journal;
  await lostAnswer(() => Promise.all([record("CONSUL_REGISTERED", note("one"), "early step"), record("HEALTH_CHECK_CONFIGURED", note("two"), "step")]));
  await lostAnswer(() => the.journal.alone(async () => void (alone += 1)));
  expect(alone).toBe(2);
  await lostAnswer(() => unwinding(broken));
  await lostAnswer(() => ended(broken, []));
  expect(await the.recorded()).toEqual(["2 CONSUL_REGISTERED one", "3 HEALTH_CHECK_CONFIGURED two", "4 FAILED registration failed and was rolled back"]);
  expect(the.shown()).toEqual(await the.recorded());
  expect(await the.row()).toMatchObject({ state: "ROLLED_BACK", cursor: 2, error: { reason: "CALLBACK_FAILED" } });
  expect(await the.audit()).toEqual(["REGISTRATION_FAILED ROLLED_BACK"]);
});

test.each(["another", "owner"])("who has lost the lease, to %s, writes and shows nothing, but goes on to take back what it did", async (winner) => {
  await using the = await open();
  const { recorded: record, unwinding, ended, report, alone } = the.journal;
  await record("CONSUL_REGISTERED", note("one"), "step");
  await the.store.tx(async (tx) => {
    await tx.attempts.expireLeases();
    const [taken] = await tx.attempts.claimExpired(winner, 60_000, 1);
    await tx.attempts.advance({ id: "a", lease: taken!.lease, lastSequence: 2 }, {}, fixtures.event("a", 3, { message: "theirs" }));
  });
  let ran = false;
  expect(await ends(alone(async () => void (ran = true)))).toEqual(["INTERRUPTED"]);
  expect(await ends(report("HEALTH_WAITING", note("two")))).toEqual(["INTERRUPTED"]);
  expect(await ends(record("HEALTH_CHECK_CONFIGURED", note("three"), "step"))).toEqual(["INTERRUPTED"]);
  expect(await ends(unwinding(broken), ended(broken, []))).toEqual(["ok", "INTERRUPTED"]);
  expect(ran).toBe(false);
  expect(the.shown()).toEqual(["2 CONSUL_REGISTERED one"]);
  expect(await the.recorded()).toEqual([...the.shown(), "3 VALIDATED theirs"]);
  expect(await the.row()).toMatchObject({ state: "RUNNING", error: undefined });
  expect(await the.audit()).toEqual([]);
});

test("while the store is away a failure is shown before it is recorded, and the log says so", async () => {
  await using the = await open();
  the.it.fails = "before";
  const recording = ends(the.journal.recorded("CONSUL_REGISTERED", note("one"), "step"));
  await the.clock.pass(10_000);
  expect(await recording).toEqual(["DEPENDENCY_UNAVAILABLE"]);
  // The decision to unwind is not waited for: time stands still.
  await the.journal.unwinding(away);
  const ending = ends(the.journal.ended(away, []));
  await the.clock.pass(10_000);
  expect(await ending).toEqual(["ok"]);
  expect(the.shown()).toEqual(["2 FAILED registration failed and was rolled back"]);
  expect(the.it.logged).toEqual(["attempt.failure-not-recorded"]);
  expect((await the.row()).state).toBe("RUNNING");
});

test("when nobody knows whether the commit happened, nothing is shown, undone or recorded", async () => {
  await using the = await open();
  the.it.fails = "before";
  const { recorded: record, unwinding } = the.journal;
  const committing = record("COMPLETED", note("done"), "end").catch((error: unknown) => error);
  await the.clock.pass(10_000);
  const unknown = await committing;
  the.it.fails = undefined;
  const cause = new DomainError({ kind: "internal", reason: "INTERNAL", message: "", cause: unknown });
  expect(await ends(unwinding(cause))).toEqual(["DEPENDENCY_UNAVAILABLE"]);
  expect(the.shown()).toEqual([]);
  expect((await the.row()).state).toBe("RUNNING");
});

test("an end that leaves something behind is STUCK; what is tried again is recorded and audited once a change of state", async () => {
  await using the = await open();
  await the.journal.unwinding(broken);
  await the.journal.ended(broken, [away]);
  expect(await the.row()).toMatchObject({ state: "STUCK", error: { reason: "CALLBACK_FAILED" } });
  expect(the.it.logged).toEqual(["attempt.undo-failed"]);
  const failed = ["2 FAILED registration failed; what it left is still being taken back"];
  expect(the.shown()).toEqual(failed);
  for (const leftovers of [[away], [away], []]) {
    const [again] = await the.store.tx(async (tx) => {
      await tx.attempts.expireLeases();
      return tx.attempts.claimExpired("another", 60_000, 1);
    });
    const journal = createJournal(
      { ports: { store: the.store, clock: the.clock }, progress: { publish: () => expect.unreachable() }, log: () => undefined, onCommit: () => undefined },
      again!,
    );
    await journal.unwinding(broken);
    expect((await the.row()).state).toBe("STUCK");
    await journal.ended(broken, leftovers);
  }
  expect((await the.row()).state).toBe("ROLLED_BACK");
  expect(await the.recorded()).toEqual(failed);
  expect(await the.audit()).toEqual(["REGISTRATION_FAILED STUCK", "REGISTRATION_FAILED ROLLED_BACK"]);
});
