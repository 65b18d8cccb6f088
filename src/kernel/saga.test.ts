import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { manualClock, type ManualClock } from "../../test/support/manual-clock.ts";
import { untilAborted } from "../../test/support/until-aborted.ts";
import { DomainError } from "./errors.ts";
import { Held, runSaga, unwind, type Saga, type Step } from "./saga.ts";

const broken = new DomainError({ kind: "unavailable", reason: "DEPENDENCY_UNAVAILABLE", message: "away" });

interface Scripted {
  readonly failsAt?: string;
  readonly undoFails?: string;
  readonly journalFailsAt?: string;
  /** What the steps reject with; by default `broken`. */
  readonly failure?: Error;
  readonly cannotHold?: Error;
}

/** Three steps a, b, c that write down what happens. */
function scripted({ failsAt, undoFails, journalFailsAt, failure = broken, cannotHold }: Scripted): {
  saga: Saga<undefined, string, string>;
  diary: string[];
  clock: ManualClock;
} {
  const diary: string[] = [];
  const clock = manualClock();
  const step = (event: string): Step<undefined, string, string> => ({
    event,
    timeoutMs: 1_000,
    async run() {
      diary.push(`run ${event}`);
      if (event === failsAt) throw failure;
      return `note ${event}`;
    },
    async undo() {
      diary.push(`undo ${event}`);
      if (event === undoFails) throw broken;
    },
  });
  const saga: Saga<undefined, string, string> = {
    steps: ["a", "b", "c"].map(step),
    context: undefined,
    clock,
    journal: {
      async recorded(event, note, then) {
        if (event === journalFailsAt) throw broken;
        diary.push(`recorded ${event} ${note}${then === "end" ? " last" : ""}`);
      },
      async unwinding(why) {
        diary.push(`unwinding ${why instanceof DomainError ? why.reason : why.message}`);
      },
      async held(why, leftovers) {
        if (cannotHold) throw cannotHold;
        diary.push(`held ${why.message} ${leftovers.length}`);
      },
      async ended(error, leftovers) {
        diary.push(`ended ${error.reason} ${leftovers.length}`);
      },
    },
  };
  return { saga, diary, clock };
}

/** `saga` with another step in the place of one. */
function withStep(saga: Saga<undefined, string, string>, event: string, change: Partial<Step<undefined, string, string>>): typeof saga {
  return { ...saga, steps: saga.steps.map((step) => (step.event === event ? { ...step, ...change } : step)) };
}

const never = new AbortController().signal;

test("each step is recorded before the next begins, and the last says so", async () => {
  const { saga, diary } = scripted({});
  expect(await runSaga(saga, never)).toBeUndefined();
  expect(diary).toEqual(["run a", "recorded a note a", "run b", "recorded b note b", "run c", "recorded c note c last"]);
});

/** `saga` with an early step b, and a journal that does not answer about a before `release` is called. */
function withEarlyStep({ saga, diary }: ReturnType<typeof scripted>): { saga: typeof saga; release: () => void; fail: (error: DomainError) => void } {
  const gate = Promise.withResolvers<void>();
  const steps = saga.steps.map((step) => (step.event === "b" ? { ...step, early: true as const } : step));
  const recorded: typeof saga.journal.recorded = async (event, note, then) => {
    diary.push(`given ${event}, then ${then}`);
    await gate.promise;
    await saga.journal.recorded(event, note, then);
  };
  return { saga: { ...saga, steps, journal: { ...saga.journal, recorded } }, release: gate.resolve, fail: gate.reject };
}

test("only an early step begins before the events before it are durable", async () => {
  const script = scripted({});
  const { saga, release } = withEarlyStep(script);
  const running = runSaga(saga, never);
  await turn();
  const before = ["run a", "given a, then early step", "run b", "given b, then step"];
  expect(script.diary).toEqual(before);
  release();
  expect(await running).toBeUndefined();
  expect(script.diary.slice(before.length)).toEqual(["recorded a note a", "recorded b note b", "run c", "given c, then end", "recorded c note c last"]);
});

test("an event that could not be written ends the saga before a step that is not early", async () => {
  const script = scripted({});
  const { saga, fail } = withEarlyStep(script);
  const running = runSaga(saga, never);
  await turn();
  fail(broken);
  expect(await running).toBe(broken);
  expect(script.diary).not.toContain("run c");
  expect(script.diary.slice(-5)).toEqual(["unwinding DEPENDENCY_UNAVAILABLE", "undo c", "undo b", "undo a", "ended DEPENDENCY_UNAVAILABLE 0"]);
});

test("a failure is journaled, then undone in reverse, the failed step included", async () => {
  const { saga, diary } = scripted({ failsAt: "b" });
  expect(await runSaga(saga, never)).toBe(broken);
  expect(diary).toEqual(["run a", "recorded a note a", "run b", "unwinding DEPENDENCY_UNAVAILABLE", "undo b", "undo a", "ended DEPENDENCY_UNAVAILABLE 0"]);
});

test("early steps after the failed one are undone, too: their work may be ahead of them", async () => {
  const script = scripted({ failsAt: "a" });
  const { saga, release } = withEarlyStep(script);
  release();
  expect(await runSaga(saga, never)).toBe(broken);
  expect(script.diary).toEqual(["run a", "unwinding DEPENDENCY_UNAVAILABLE", "undo b", "undo a", "ended DEPENDENCY_UNAVAILABLE 0"]);
});

test("when all steps after the failed one are early, all are undone", async () => {
  const { saga, diary } = scripted({ failsAt: "a" });
  await runSaga({ ...saga, steps: saga.steps.map((step) => ({ ...step, early: true as const })) }, never);
  expect(diary.filter((line) => line.startsWith("undo"))).toEqual(["undo c", "undo b", "undo a"]);
});

test("what runs ahead has ended before anything is undone", async () => {
  const { saga, diary } = scripted({ failsAt: "a" });
  const endAhead = async () => {
    await turn();
    diary.push("nothing is under way");
  };
  await runSaga({ ...saga, endAhead }, never);
  expect(diary.slice(0, 4)).toEqual(["run a", "nothing is under way", "unwinding DEPENDENCY_UNAVAILABLE", "undo a"]);
});

test("a step that happened but could not be recorded is undone", async () => {
  const { saga, diary } = scripted({ journalFailsAt: "c" });
  expect(await runSaga(saga, never)).toBe(broken);
  expect(diary.slice(-5)).toEqual(["unwinding DEPENDENCY_UNAVAILABLE", "undo c", "undo b", "undo a", "ended DEPENDENCY_UNAVAILABLE 0"]);
});

test("an undo that keeps failing is tried three times, does not stop the others, and is reported", async () => {
  const { saga, diary, clock } = scripted({ failsAt: "c", undoFails: "b" });
  const running = runSaga(saga, never);
  const tries = () => diary.filter((line) => line === "undo b").length;
  await clock.pass(200);
  expect(tries()).toBe(1);
  await clock.pass(100);
  expect(tries()).toBe(2);
  await clock.pass(900);
  expect(tries()).toBe(2);
  await clock.pass(100);
  await running;
  expect(tries()).toBe(3);
  expect(diary.slice(-2)).toEqual(["undo a", "ended DEPENDENCY_UNAVAILABLE 1"]);
});

test("an abort stops before the next step and unwinds", async () => {
  const { saga, diary } = scripted({});
  const controller = new AbortController();
  const cancelled = new DomainError({ kind: "cancelled", reason: "CANCELLED", message: "enough" });
  const journal = { ...saga.journal, recorded: async (event: string) => void (event === "a" && controller.abort(cancelled)) };
  expect(await runSaga({ ...saga, journal }, controller.signal)).toBe(cancelled);
  expect(diary).toEqual(["run a", "unwinding CANCELLED", "undo b", "undo a", "ended CANCELLED 0"]);
});

test("unwind takes back every step, as a replica does that takes over", async () => {
  const { saga, diary } = scripted({});
  await unwind(saga, broken);
  expect(diary).toEqual(["unwinding DEPENDENCY_UNAVAILABLE", "undo c", "undo b", "undo a", "ended DEPENDENCY_UNAVAILABLE 0"]);
});

test("an event that cannot be written ends a step that has begun already, with the reason of the write", async () => {
  const script = scripted({});
  const { saga, fail } = withEarlyStep(script);
  const running = runSaga(withStep(saga, "b", { run: (_context, signal) => untilAborted(signal) }), never);
  await turn();
  fail(broken);
  expect(await running).toBe(broken);
});

test("a step that takes longer than its limit fails with DEADLINE_EXCEEDED and is undone", async () => {
  const { saga, diary, clock } = scripted({});
  const running = runSaga(withStep(saga, "b", { run: (_context, signal) => untilAborted(signal) }), never);
  await clock.pass(999);
  expect(diary).toEqual(["run a", "recorded a note a"]);
  await clock.pass(1);
  expect(await running).toMatchObject({ kind: "timeout", reason: "DEADLINE_EXCEEDED", message: "b took longer than 1000 ms" });
  expect(diary.slice(2)).toEqual(["unwinding DEADLINE_EXCEEDED", "undo b", "undo a", "ended DEADLINE_EXCEEDED 0"]);
});

test("each undo has ten seconds, all tries together: one that hangs holds back the others no longer, and is reported", async () => {
  const { saga, diary, clock } = scripted({ failsAt: "c" });
  const hanging = (_context: undefined, signal: AbortSignal) => (diary.push("undo b"), untilAborted(signal));
  const running = runSaga(withStep(saga, "b", { undo: hanging }), never);
  await clock.pass(9_999);
  expect(diary.at(-1)).toBe("undo b");
  await clock.pass(1);
  await running;
  expect(diary.slice(-3)).toEqual(["undo b", "undo a", "ended DEPENDENCY_UNAVAILABLE 1"]);
});

test("a cancellation ends the step that runs, and a saga leaves no timer behind", async () => {
  const { saga, clock } = scripted({});
  const controller = new AbortController();
  const running = runSaga(withStep(saga, "b", { run: (_context, signal) => untilAborted(signal) }), controller.signal);
  await turn();
  const cancelled = new DomainError({ kind: "cancelled", reason: "CANCELLED", message: "enough" });
  controller.abort(cancelled);
  expect(await running).toBe(cancelled);
  await turn();
  expect(clock.sleepers()).toBe(0);
});

test("what is thrown that is no DomainError is reported as INTERNAL, with its cause", async () => {
  const { saga } = scripted({});
  const bug = new TypeError("a bug");
  expect(await runSaga(withStep(saga, "b", { run: () => Promise.reject(bug) }), never)).toMatchObject({ reason: "INTERNAL", cause: bug });
});

test("a saga that is held is undone, and ends as held", async () => {
  const { saga, diary } = scripted({ failsAt: "b", failure: new Held("people decide") });
  expect(await runSaga(saga, never)).toBe("held");
  expect(diary.slice(-4)).toEqual(["unwinding people decide", "undo b", "undo a", "held people decide 0"]);
});

test("one that cannot be held has failed, after it was undone", async () => {
  const refused = new DomainError({ kind: "wrong_state", reason: "INTERNAL", message: "refused" });
  const { saga, diary } = scripted({ failsAt: "b", failure: new Held("people decide"), cannotHold: refused });
  expect(await runSaga(saga, never)).toBe(refused);
  expect(diary.slice(-4)).toEqual(["unwinding people decide", "undo b", "undo a", "ended INTERNAL 0"]);
});
