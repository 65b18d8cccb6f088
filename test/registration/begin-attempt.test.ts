/** The task that begins the attempt of an approved instance, by a clock that the test moves. */
import { expect, test } from "vitest";
import { startTasks } from "../../src/delivery/tasks.ts";
import type { Log } from "../../src/kernel/log.ts";
import { requestHashOf, serviceIdOf } from "../../src/registration/service-id.ts";
import { beginTask } from "../../src/registration/task-types.ts";
import { registrationTasks } from "../../src/registration/tasks.ts";
import { manualClock } from "../support/manual-clock.ts";
import { caller, host, inputFor, notServing, openWorkshop, port, serving } from "../support/workshop.ts";

const serviceId = serviceIdOf("parser", host, port);
const input = inputFor("parser", { healthTimeoutMs: 120_000, startupGraceMs: 120_000 });

/** An approved instance with its task; `logged` is what the tasks say. */
async function scene() {
  const clock = manualClock(1_000_000);
  const workshop = await openWorkshop({ clock });
  const { store, ids, ports } = workshop;
  const { runner, progress, register, logged: attempts } = workshop.replica();
  const generation = await store.tx(async (tx) => (await tx.instances.claim({ serviceId, name: "parser", host, port })).generation);
  const approve = () =>
    store.tx(async (tx) => {
      await tx.asks.put({
        serviceId,
        approvalId: "r",
        generation,
        name: "parser",
        version: "1.0.0",
        requestHash: requestHashOf(input),
        request: input,
        address: host,
        digest: "d",
        actor: caller.key,
        traceparent: undefined,
        attemptId: "a",
        askedAt: 0,
        isAdmitted: true,
        shown: {},
      });
      await tx.tasks.insert(beginTask, { id: "t", payload: { approvalId: "r", serviceId, generation } });
    });
  const logged: string[] = [];
  const log: Log = (_level, event, fields) => void logged.push([event, fields?.["reason"]].filter(Boolean).join(" "));
  const tasks = startTasks({ store, clock, log, kinds: registrationTasks({ ports, ids, log, runner, progress }) });
  const attemptsOf = () => store.tx((tx) => tx.attempts.list({ serviceId, limit: 10 }));
  return {
    clock,
    workshop,
    register,
    approve,
    logged,
    attempts,
    states: async () => (await attemptsOf()).map(({ state, outcome }) => outcome ?? state),
    hasTask: () => store.tx((tx) => tx.tasks.exists("t")),
    async [Symbol.asyncDispose]() {
      const stopped = tasks.stop();
      await clock.pass(10_000);
      await stopped;
      await workshop[Symbol.asyncDispose]();
    },
  };
}

test("an attempt that takes longer than a run of the task is one attempt, and the task has not failed", async () => {
  await using it = await scene();
  it.workshop.instance.health = () => notServing;
  await it.approve();
  await it.clock.pass(100_000);
  expect(await it.states()).toEqual(["RUNNING"]);
  expect([await it.hasTask(), it.logged]).toEqual([true, []]);
  it.workshop.instance.health = () => serving;
  await it.clock.pass(15_000);
  expect(await it.states()).toEqual(["ACTIVE"]);
  expect([await it.hasTask(), it.logged]).toEqual([false, []]);
});

test.each([
  ["fails: then it begins", 70_000, ["ACTIVE", "ROLLED_BACK"]],
  ["goes live, the gate is off by now: that is what the instance has asked for since, and nothing begins", 120_000, ["ACTIVE"]],
] as const)("while another request of the instance is under way it waits, and has not failed either; that one %s", async (_end, healthTimeoutMs, states) => {
  await using it = await scene();
  it.workshop.instance.health = () => notServing;
  await it.register({ ...input, healthTimeoutMs, startupGraceMs: healthTimeoutMs, metadata: { build: "2" } });
  await it.approve();
  await it.clock.pass(60_000);
  expect(await it.states()).toEqual(["RUNNING"]);
  expect([await it.hasTask(), it.logged]).toEqual([true, []]);
  if (healthTimeoutMs < 100_000) await it.clock.pass(15_000);
  it.workshop.instance.health = () => serving;
  await it.clock.pass(30_000);
  expect(await it.states()).toEqual(states);
  expect([await it.hasTask(), it.logged]).toEqual([false, []]);
});

test("one that fails for good is said once, and ends the task", async () => {
  await using it = await scene();
  it.workshop.instance.health = () => notServing;
  await it.approve();
  await it.clock.pass(125_000);
  expect(await it.states()).toEqual(["ROLLED_BACK"]);
  expect([await it.hasTask(), it.logged]).toEqual([false, ["registration.approved-in-vain HEALTH_NOT_SERVING"]]);
});
