/** What an attempt writes and shows when answers, the lease or the store are lost, and when its undo leaves something behind. */
import { expect, test } from "vitest";
import { DomainError } from "../../src/kernel/errors.ts";
import { createJournal, OutcomeUnknown } from "../../src/registration/attempts/journal.ts";
import type { Ask } from "../../src/registration/gate/gate-records.ts";
import { HeldForApproval } from "../../src/registration/gate/gate-types.ts";
import * as fixtures from "../contract/store/fixtures.ts";
import { away, broken, ends, note, openJournal } from "../support/open-journal.ts";

const ask: Ask = {
  ...fixtures.attempt("a"),
  approvalId: "approval",
  digest: "d",
  attemptId: "a",
  askedAt: 1,
  isAdmitted: false,
  shown: { approval_id: "approval" },
};

test("who takes over an attempt that unwinds or is stuck leaves its state and its reason", async () => {
  for (const state of ["UNWINDING", "STUCK"] as const) {
    await using the = await openJournal({ state, error: { kind: "timeout", reason: "HEALTH_TIMEOUT", message: "the first reason" } });
    await the.journal.unwinding(broken);
    expect(await the.row()).toMatchObject({ state, error: { reason: "HEALTH_TIMEOUT" } });
  }
});

test("after a write that the store did not take nothing is written, also when the store is back", async () => {
  await using the = await openJournal();
  the.it.fails = "before";
  const saving = ends(the.journal.alone(async () => undefined));
  await the.clock.pass(10_000);
  expect(await saving).toEqual(["DEPENDENCY_UNAVAILABLE"]);
  the.it.fails = undefined;
  expect(await ends(the.journal.recorded("CONSUL_REGISTERED", note("one"), "step"))).toEqual(["DEPENDENCY_UNAVAILABLE"]);
  expect(await the.recorded()).toEqual([]);
});

test("a store that is away is waited for once, however many events wait", async () => {
  await using the = await openJournal();
  the.it.fails = "before";
  const both = ends(the.journal.recorded("CONSUL_REGISTERED", note("one"), "early step"), the.journal.recorded("HEALTH_CHECK_CONFIGURED", note("two"), "step"));
  await the.clock.pass(2_200);
  expect(await both).toEqual(["DEPENDENCY_UNAVAILABLE", "DEPENDENCY_UNAVAILABLE"]);
});

test("a sequence that somebody else took under the same lease is not ours", async () => {
  await using the = await openJournal();
  const { lease } = await the.row();
  const taken = [fixtures.event("a", 2), fixtures.event("a", 3)];
  await the.store.tx((tx) => tx.attempts.advance({ id: "a", lease, lastSequence: 1 }, {}, ...taken));
  expect(await ends(the.journal.recorded("CONSUL_REGISTERED", note("one"), "step"))).toEqual(["INTERRUPTED"]);
  expect(the.shown()).toEqual([]);
});

test("a write whose answer was lost is recognised, whatever it wrote", async () => {
  await using the = await openJournal();
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

test("held, and the answer was lost: it is recognised, and asked for once", async () => {
  await using the = await openJournal();
  let asked = 0;
  const held = new HeldForApproval(async () => ((asked += 1), ask));
  await the.journal.unwinding(held);
  the.it.fails = "after";
  const holding = the.journal.held(held, [broken]);
  await the.clock.pass(5_000);
  await holding;
  expect(asked).toBe(1);
  expect((await the.recorded()).map((line) => line.split(" ")[1])).toEqual(["APPROVAL_REQUESTED", "COMPLETED"]);
  expect(the.shown()).toEqual(await the.recorded());
  expect(await the.audit()).toHaveLength(1);
  expect(await the.row()).toMatchObject({ state: "COMPLETED", outcome: "PENDING_APPROVAL" });
});

test("held, and the store went away: neither held nor failed is shown", async () => {
  await using the = await openJournal();
  const held = new HeldForApproval(async () => ask);
  await the.journal.unwinding(held);
  the.it.fails = "before";
  const holding = the.journal.held(held, []).catch((error: unknown) => error);
  await the.clock.pass(10_000);
  // No DomainError: with that it would have failed.
  expect(await holding).toBeInstanceOf(OutcomeUnknown);
  expect(the.shown()).toEqual([]);
});

test.each(["another", "owner"])("who has lost the lease, to %s, writes and shows nothing, but goes on to take back what it did", async (winner) => {
  await using the = await openJournal();
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
  await using the = await openJournal();
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
  await using the = await openJournal();
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
  await using the = await openJournal();
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
