/** One run of one task: how it ends, and when. */
import { expect, test } from "vitest";
import { runTask } from "../src/delivery/run-task.ts";
import { unavailable } from "../src/kernel/errors.ts";
import type { Task } from "../src/kernel/records.ts";
import { manualClock } from "./support/manual-clock.ts";
import { hang, kindOf } from "./support/task-scene.ts";

const task: Task = { id: "t", payload: "7", attempts: 0, ageMs: 1_000 };
const away = unavailable("catalog", "away");

/** Limits of a process that goes on. */
function open() {
  const clock = manualClock(5_000);
  const stopping = new AbortController();
  return { clock, stopping, limits: { clock, stopping: stopping.signal } };
}

test("a run is given the payload, and leaves no timer behind however it ends", async () => {
  const { clock, limits } = open();
  const payloads: number[] = [];
  expect(
    await runTask(
      kindOf("k", async (payload) => void payloads.push(payload)),
      task,
      limits,
    ),
  ).toEqual({ is: "done" });
  expect(payloads).toEqual([7]);
  expect(
    await runTask(
      kindOf("k", () => Promise.reject(away)),
      task,
      limits,
    ),
  ).toEqual({ is: "failed", error: away });
  await clock.pass(0);
  expect(clock.sleepers()).toBe(0);
});

test("in a process that stops nothing begins, and what it interrupts has not failed", async () => {
  const { stopping, limits } = open();
  let begun = 0;
  const kind = kindOf("k", (payload, signal) => ((begun += 1), hang(payload, signal)), { giveUpAfterMs: 0 });
  const running = runTask(kind, task, limits);
  stopping.abort(new Error("stopping"));
  expect(await running).toEqual({ is: "stopped" });
  expect(await runTask(kind, task, limits)).toEqual({ is: "stopped" });
  expect(begun).toBe(1);
  // Also when its payload could not be read: a replica that goes on says so.
  expect(await runTask(kind, { ...task, payload: "{" }, limits)).toEqual({ is: "stopped" });
});

test("a payload that cannot be read is the fault of nobody's dependency, and the cause is kept", async () => {
  const { limits } = open();
  const end = await runTask(kindOf("k", hang), { ...task, payload: '"text"' }, limits);
  expect(end).toMatchObject({ is: "parked", why: "unreadable", error: { kind: "internal", reason: "INTERNAL", cause: { message: "not a number" } } });
});

test("a kind gives up when the task is as old as it says, the time of the run included; without that it never does", async () => {
  const { clock, limits } = open();
  const failing = (limit?: number) =>
    kindOf(
      "k",
      async () => {
        await clock.sleep(500);
        throw away;
      },
      limit === undefined ? {} : { giveUpAfterMs: limit },
    );
  const endOf = async (limit?: number) => {
    const running = runTask(failing(limit), task, limits);
    await clock.pass(500);
    return await running;
  };
  expect(await endOf(1_501)).toEqual({ is: "failed", error: away });
  expect(await endOf(1_500)).toEqual({ is: "parked", why: "given up", error: away });
  expect(await endOf()).toEqual({ is: "failed", error: away });
});

test("at the limit of its kind the signal of a run aborts, with the reason it then fails for; three seconds later it counts as failed in any case", async () => {
  const { clock, limits } = open();
  const timeout = { is: "failed", error: { kind: "timeout", reason: "DEADLINE_EXCEEDED" } };
  const heeding = runTask(kindOf("k", hang, { limitMs: 1_000 }), task, limits);
  await clock.pass(1_000);
  expect(await heeding).toMatchObject(timeout);
  let isOver = false;
  const deaf = runTask(
    kindOf("k", () => new Promise(() => undefined), { limitMs: 1_000 }),
    task,
    limits,
  ).finally(() => (isOver = true));
  await clock.pass(3_999);
  expect(isOver).toBe(false);
  await clock.pass(1);
  expect(await deaf).toMatchObject(timeout);
  expect(clock.sleepers()).toBe(0);
});
