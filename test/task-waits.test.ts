/** Who waits for a task and for how long, what tasks wait for, and what they leave behind. */
import { expect, test } from "vitest";
import { startTasks } from "../src/delivery/tasks.ts";
import { unavailable } from "../src/kernel/errors.ts";
import type { Store } from "../src/kernel/ports.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { manualClock } from "./support/manual-clock.ts";
import { hang, kindOf, openTaskScene, someTime } from "./support/task-scene.ts";

const silent = () => undefined;

test("a caller waits five seconds for a task that takes longer, which goes on", async () => {
  await using scene = await openTaskScene();
  const finish = Promise.withResolvers<void>();
  const tasks = scene.start([kindOf("slow", () => finish.promise)]);
  await scene.insert(kindOf("slow", hang), 1, "t");
  let reported: boolean | undefined;
  const waiting = tasks.run("t").then((done) => (reported = done));
  await scene.clock.pass(4_999);
  expect(reported).toBeUndefined();
  await scene.clock.pass(1);
  expect(await waiting).toBe(false);
  finish.resolve();
  await scene.clock.pass(0);
  expect(await scene.left("t")).toEqual([]);
});

test("a caller has its answer when the task is done, however many callers and tasks there are, and leaves no timer behind", async () => {
  await using scene = await openTaskScene();
  const tasks = scene.start([kindOf("k", async (payload) => (payload === 2 ? Promise.reject(unavailable("catalog", "away")) : undefined))]);
  await scene.clock.pass(0);
  const atRest = scene.clock.sleepers();
  await scene.insert(kindOf("k", hang), 1, "good", "better");
  await scene.insert(kindOf("k", hang), 2, "bad");
  const answers = Promise.all(["good", "bad", "better"].map((id) => tasks.run(id)));
  await scene.clock.pass(0);
  expect(await answers).toEqual([true, false, true]);
  await scene.clock.pass(0);
  expect(scene.clock.sleepers()).toBe(atRest);
});

test("what is done but could not be recorded is reported as not done, and done again when its lease has ended", async () => {
  await using scene = await openTaskScene();
  let runs = 0;
  let isAway = false;
  const kind = kindOf("k", async () => void ((runs += 1), (isAway = runs === 1)));
  const flaky: Store = { ...scene.store, tx: (work) => (isAway ? Promise.reject(unavailable("store", "away")) : scene.store.tx(work)) };
  const tasks = scene.start([kind], flaky);
  await scene.insert(kind, 1, "t");
  const reported = tasks.run("t");
  await scene.clock.pass(0);
  expect(await reported).toBe(false);
  expect(scene.logged).toEqual(["warn task.not-recorded t"]);
  isAway = false;
  await scene.clock.pass(43_000);
  expect(runs).toBe(1);
  await scene.clock.pass(4_000);
  expect(runs).toBe(2);
  expect(await scene.left("t")).toEqual([]);
});

test("a store that is away while a caller waits for another replica is asked again", async () => {
  await using scene = await openTaskScene();
  const kind = kindOf("k", () => Promise.reject(new Error("not ours")));
  await scene.insert(kind, 1, "theirs");
  await scene.store.tx((tx) => tx.tasks.claim("k", 60_000, 1));
  let isAway = false;
  const flaky: Store = { ...scene.store, tx: (work) => (isAway ? Promise.reject(unavailable("store", "away")) : scene.store.tx(work)) };
  const tasks = scene.start([kind], flaky);
  let reported: boolean | undefined;
  const waiting = tasks.run("theirs").then((done) => (reported = done));
  isAway = true;
  await scene.clock.pass(1_000);
  expect(reported).toBeUndefined();
  await scene.store.tx((tx) => tx.tasks.done("theirs"));
  isAway = false;
  await scene.clock.pass(200);
  await waiting;
  expect(reported).toBe(true);
});

test("a task is not begun twice at a time by one process, also when its lease has ended meanwhile", async () => {
  const clock = manualClock(someTime);
  const database = manualClock(someTime);
  await using store = await openSqliteStore({ path: ":memory:", clock: database });
  let running = 0;
  let most = 0;
  const finish = Promise.withResolvers<void>();
  const kind = kindOf("k", async () => {
    most = Math.max(most, (running += 1));
    await finish.promise;
    running -= 1;
  });
  await store.tx((tx) => tx.tasks.insert(kind, { id: "t", payload: 1 }));
  const tasks = startTasks({ store, clock, log: silent, kinds: [kind] });
  await clock.pass(0);
  await database.pass(3_600_000);
  await clock.pass(5_000);
  expect([running, most]).toEqual([1, 1]);
  finish.resolve();
  await clock.pass(0);
  expect(await store.tx((tx) => tx.tasks.exists("t"))).toBe(false);
  await tasks.stop();
  expect(clock.sleepers()).toBe(0);
});

test("no task is begun before what they begin after", async () => {
  await using scene = await openTaskScene();
  const begin = Promise.withResolvers<void>();
  let runs = 0;
  const kind = kindOf("k", async () => void (runs += 1));
  await scene.insert(kind, 1, "t");
  const tasks = startTasks({ store: scene.store, clock: scene.clock, log: silent, kinds: [kind], after: begin.promise });
  await scene.clock.pass(10_000);
  expect(runs).toBe(0);
  begin.resolve();
  await scene.clock.pass(0);
  expect(runs).toBe(1);
  await tasks.stop();
});

test("what is left is looked for every second", async () => {
  await using scene = await openTaskScene();
  const at: number[] = [];
  const kind = kindOf("k", async () => void at.push(scene.clock.now() - someTime));
  scene.start([kind]);
  await scene.clock.pass(300);
  await scene.insert(kind, 1, "t");
  await scene.clock.pass(1_700);
  expect(at).toEqual([1_000]);
});

test("two kinds of one name are refused", async () => {
  await using scene = await openTaskScene();
  const kind = kindOf("k", async () => undefined);
  expect(() => scene.start([kind, kindOf("other", hang), { ...kind }])).toThrow("the same name");
});
