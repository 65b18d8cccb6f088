import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { manualClock } from "../../../test/support/manual-clock.ts";
import type { AttemptState, ProgressEvent } from "../types.ts";
import type { RegistrationStore } from "../records.ts";
import { createProgress } from "./progress.ts";

const never = new AbortController().signal;
const eventOf = (sequence: number, type: ProgressEvent["type"] = "HEALTH_WAITING"): ProgressEvent => ({ attemptId: "a", sequence, type, at: 0, message: "" });

/** Progress over a record that the test writes; `isHere`: the attempt runs in this process. */
function open(isHere: boolean, onRead: () => void = () => undefined) {
  const record = { state: "RUNNING" as AttemptState | undefined, events: [] as ProgressEvent[], reads: 0 };
  const clock = manualClock();
  const read = async <T>(now: () => T): Promise<T> => {
    const seen = now();
    onRead();
    return seen;
  };
  const attempts = {
    find: () => read(() => record.state && { state: record.state }),
    events: (_id: string, after: number) => read(() => ((record.reads += 1), record.events.filter(({ sequence }) => sequence > after))),
  };
  const store = { tx: (work: (tx: unknown) => Promise<unknown>) => work({ attempts }) } as unknown as RegistrationStore;
  const progress = createProgress(store, clock, () => isHere);
  const seen: number[] = [];
  const follow = async (after = 0, signal = never, known?: readonly ProgressEvent[]): Promise<string> => {
    try {
      for await (const { sequence } of progress.follow("a", after, signal, known)) seen.push(sequence);
      return "ended";
    } catch (error) {
      return String(error);
    }
  };
  return { record, clock, progress, seen, follow };
}

async function settle(): Promise<void> {
  for (let round = 0; round < 5; round++) await turn();
}

test("an end that another replica commits between two reads is shown", async () => {
  let reads = 0;
  const it = open(false, () => {
    reads += 1;
    // Right after the first read, whichever that is.
    if (reads === 1) Object.assign(it.record, { state: "ROLLED_BACK", events: [eventOf(6, "FAILED")] });
  });
  expect(await it.follow(5)).toBe("ended");
  expect(it.seen).toEqual([6]);
});

test("an event that was read from the record is not shown again when it is handed over", async () => {
  const it = open(true);
  it.record.events = [eventOf(1), eventOf(2)];
  const following = it.follow();
  await settle();
  it.progress.publish(eventOf(2));
  it.progress.publish(eventOf(3));
  it.progress.publish(eventOf(3));
  it.progress.publish(eventOf(4, "COMPLETED"));
  expect(await following).toBe("ended");
  expect(it.seen).toEqual([1, 2, 3, 4]);
  expect(it.record.reads).toBe(1);
});

test("a gap in what is handed over is filled from the record", async () => {
  const it = open(true);
  const following = it.follow(0, never, [eventOf(1), eventOf(2)]);
  await settle();
  expect(it.record.reads).toBe(0);
  it.record.events = [eventOf(3), eventOf(4)];
  it.progress.publish(eventOf(4));
  await settle();
  expect(it.seen).toEqual([1, 2, 3, 4]);
  it.progress.publish(eventOf(5, "FAILED"));
  expect(await following).toBe("ended");
  expect(it.seen).toEqual([1, 2, 3, 4, 5]);
});

test("what runs elsewhere is read every half second, what runs here is not", async () => {
  const [here, elsewhere] = [open(true), open(false)];
  const [first, second] = [here.follow(), elsewhere.follow()];
  await settle();
  for (const { record } of [here, elsewhere]) record.events = [eventOf(1, "COMPLETED")];
  await elsewhere.clock.pass(499);
  expect(elsewhere.seen).toEqual([]);
  await elsewhere.clock.pass(1);
  expect(await second).toBe("ended");
  await here.clock.pass(10_000);
  expect(here.seen).toEqual([]);
  here.progress.publish(eventOf(1, "COMPLETED"));
  expect(await first).toBe("ended");
});

test("nobody is left following an attempt whose events have ended, whose follower went, or that was abandoned", async () => {
  const it = open(true);
  const gone = new AbortController();
  const [leaving, staying] = [it.follow(0, gone.signal), it.follow()];
  await settle();
  expect(it.progress.isFollowed("a")).toBe(true);
  gone.abort(new Error("gone"));
  expect(await leaving).toBe("Error: gone");
  expect(it.progress.isFollowed("a")).toBe(true);
  it.progress.publish(eventOf(1));
  it.progress.abandon("a", new Error("nobody knows"));
  expect(await staying).toBe("Error: nobody knows");
  expect(it.seen).toEqual([1]);
  expect(it.progress.isFollowed("a")).toBe(false);
  await settle();
  expect(it.clock.sleepers()).toBe(0);
});

test("a slow follower is shown all there was before it is said that nobody knows the rest", async () => {
  const it = open(true);
  const events = it.progress.follow("a", 0, never, [eventOf(1)]);
  expect((await events.next()).value).toEqual(eventOf(1));
  it.progress.publish(eventOf(2));
  it.progress.abandon("a", new Error("nobody knows"));
  expect((await events.next()).value).toEqual(eventOf(2));
  await expect(events.next()).rejects.toThrow("nobody knows");
});

test("there is nothing to wait for after the end, nor of an attempt that is not there", async () => {
  const it = open(false);
  for (const state of ["COMPLETED", "ROLLED_BACK", "STUCK", undefined] as const) {
    it.record.state = state;
    expect(await it.follow(7)).toBe("ended");
  }
  it.record.state = "UNWINDING";
  const following = it.follow(7);
  await settle();
  expect(it.progress.isFollowed("a")).toBe(true);
  it.record.events = [eventOf(8, "FAILED")];
  await it.clock.pass(500);
  expect(await following).toBe("ended");
});
