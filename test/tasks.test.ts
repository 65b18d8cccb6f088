/** What becomes of a task, whatever its kind. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { notingCommits } from "../src/delivery/event-commits.ts";
import { startTasks } from "../src/delivery/tasks.ts";
import { unavailable } from "../src/kernel/errors.ts";
import type { Store } from "../src/kernel/ports.ts";
import type { TaskType } from "../src/kernel/task-kind.ts";
import { deliveryMeasures } from "../src/delivery/metrics.ts";
import { createMeter } from "../src/adapters/prometheus/meter.ts";
import { showTask, withdrawTask } from "../src/registration/task-types.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { gate } from "./contract/store/backend.ts";
import { read } from "./support/source-tree.ts";
import { hang, kindOf, numbered, openTaskScene, someTime } from "./support/task-scene.ts";

describe("a task", () => {
  test("is tried again until it is done, after 1 s, 2 s and so on up to a minute", async () => {
    await using scene = await openTaskScene();
    const at: number[] = [];
    const kind = kindOf("k", async () => {
      at.push((scene.clock.now() - someTime) / 1_000);
      if (at.length < 9) throw unavailable("catalog", "away");
    });
    await scene.insert(kind, 1, "t");
    scene.start([kind]);
    await scene.clock.pass(600_000);
    expect(at).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183]);
    expect(await scene.left("t")).toEqual([]);
  });

  test("that has more to do is run again when it says, without a failure", async () => {
    await using scene = await openTaskScene();
    const at: number[] = [];
    const kind = kindOf("k", async () => {
      at.push((scene.clock.now() - someTime) / 1_000);
      return at.length < 4 ? { againInMs: at.length === 1 ? 0 : 90_000 } : undefined;
    });
    await scene.insert(kind, 1, "t");
    scene.start([kind]);
    await scene.clock.pass(0);
    // At once, and not at the next interval.
    expect(at).toEqual([0, 0]);
    await scene.clock.pass(400_000);
    expect(at).toEqual([0, 0, 90, 180]);
    expect(await scene.left("t")).toEqual([]);
    expect(scene.logged).toEqual([]);
  });

  test("runs right after the commit that inserted it, when it is due then", async () => {
    await using scene = await openTaskScene();
    const ran: number[] = [];
    const kind = kindOf("k", async (payload) => void ran.push(payload));
    const tasks = scene.start([kind]);
    await scene.clock.pass(0);
    const store = notingCommits(scene.store, { onEvents: () => undefined, onTasks: () => tasks.nudge() });
    await store.tx((tx) => tx.tasks.insert(kind, { id: "later", payload: 1, dueInMs: 500 }));
    await scene.clock.pass(0);
    await store.tx((tx) => tx.tasks.insert(kind, { id: "now", payload: 2 }));
    await scene.clock.pass(0);
    expect(ran).toEqual([2]);
  });

  test("is reported to a caller that waits for it: done, or failed for now", async () => {
    await using scene = await openTaskScene();
    let isAway = true;
    const kind = kindOf("k", async () => {
      if (isAway) throw unavailable("catalog", "away");
    });
    const tasks = scene.start([kind]);
    await scene.insert(kind, 1, "t");
    const first = tasks.run("t");
    await scene.clock.pass(0);
    expect(await first).toBe(false);
    isAway = false;
    const second = tasks.run("t");
    await scene.clock.pass(1_000);
    expect(await second).toBe(true);
  });

  test("is reported as done to a caller here when another replica carried it out", async () => {
    await using scene = await openTaskScene();
    const kind = kindOf("k", () => Promise.reject(new Error("not ours")));
    const tasks = scene.start([kind]);
    await scene.insert(kind, 1, "theirs");
    await scene.store.tx((tx) => tx.tasks.claim("k", 60_000, 1));
    const waiting = tasks.run("theirs");
    await scene.clock.pass(100);
    await scene.store.tx((tx) => tx.tasks.done("theirs"));
    await scene.clock.pass(200);
    expect(await waiting).toBe(true);
  });

  test("is ended at the limit of its kind and tried again; no other replica begins it before", async () => {
    await using scene = await openTaskScene();
    const at: number[] = [];
    const kind = kindOf("slow", (payload, signal) => (at.push(scene.clock.now() - someTime), hang(payload, signal)), { limitMs: 600_000 });
    await scene.insert(kind, 1, "t");
    const first = scene.start([kind]);
    await scene.clock.pass(500);
    scene.start([kind]);
    // From now on the rounds of the second come before those of the first: it would claim what is due again.
    await scene.clock.pass(200);
    const nothing = first.run("nothing");
    await scene.clock.pass(599_300);
    expect(await nothing).toBe(true);
    expect(at).toEqual([0]);
    await scene.clock.pass(2_000);
    expect(at).toEqual([0, 601_500]);
    expect(scene.logged).toEqual(["warn task.failed t"]);
  });

  test("that does not heed its signal gives its place back all the same", async () => {
    await using scene = await openTaskScene();
    const kind = kindOf("deaf", () => new Promise(() => undefined));
    const ids = numbered("t", 40);
    await scene.insert(kind, 1, ...ids);
    scene.start([kind]);
    await scene.clock.pass(34_000);
    expect(scene.logged.length).toBe(16);
    await scene.clock.pass(34_000);
    expect(scene.logged.length).toBe(32);
  });
});

describe("parked", () => {
  test("is a task that still fails when its kind gives up; it is in the log and in the metrics, and is not tried again", async () => {
    await using scene = await openTaskScene();
    let runs = 0;
    const kind = kindOf("k", () => ((runs += 1), Promise.reject(unavailable("catalog", "away"))), { giveUpAfterMs: 10_000 });
    await scene.insert(kind, 1, "t");
    scene.start([kind]);
    await scene.clock.pass(3_600_000);
    // After 0, 1, 3, 7 and 15 s.
    expect(runs).toBe(5);
    expect(scene.logged.at(-1)).toBe("error task.parked t");
    expect(await scene.left("t")).toEqual(["t"]);
    const { body } = await createMeter(() => [deliveryMeasures({ store: scene.store, clock: scene.clock, hasSink: false, kinds: ["k", "other"] })]).render();
    expect(body.split("\n").filter((line) => line.startsWith("tasks_"))).toEqual([
      'tasks_waiting{kind="k"} 0',
      'tasks_waiting{kind="other"} 0',
      'tasks_parked{kind="k"} 1',
      'tasks_parked{kind="other"} 0',
    ]);
  });

  test("is a task that was due for longer than that, but only after it was tried", async () => {
    await using scene = await openTaskScene();
    let runs = 0;
    const kind = kindOf("k", () => ((runs += 1), Promise.reject(unavailable("catalog", "away"))), { giveUpAfterMs: 10_000 });
    await scene.insert(kind, 1, "t");
    await scene.clock.pass(3_600_000);
    scene.start([kind]);
    await scene.clock.pass(60_000);
    expect(runs).toBe(1);
    expect(scene.logged).toEqual(["error task.parked t"]);
  });

  test.each([
    [withdrawTask, {}],
    [withdrawTask, { registrationIds: [] }],
    [withdrawTask, { registrationIds: ["a", 1] }],
    [withdrawTask, null],
    [showTask, { registrationId: "" }],
    [showTask, { registrationId: 1 }],
    [showTask, "text"],
  ])("is a task whose payload is not one of its kind: %o %j", async (type: TaskType, payload) => {
    await using scene = await openTaskScene();
    await scene.insert<unknown>({ ...type }, payload, "t");
    const tasks = scene.start([{ ...type, limitMs: 30_000, run: async () => undefined }]);
    const reported = tasks.run("t");
    await scene.clock.pass(60_000);
    expect(await reported).toBe(false);
    expect(scene.logged).toEqual(["error task.parked t"]);
    expect(await scene.left("t")).toEqual(["t"]);
  });

  test("is a task until it is made due again as docs/operations.md says", async () => {
    const directory = await mkdtemp(join(tmpdir(), "muster-parked-"));
    try {
      const path = join(directory, "muster.db");
      const kind = kindOf("k", async () => undefined);
      {
        await using store = await openSqliteStore({ path });
        await store.tx((tx) => tx.tasks.insert(kind, { id: "t", payload: 1 }));
        await store.tx((tx) => tx.tasks.park("t", "no use"));
      }
      {
        using database = new DatabaseSync(path);
        const statements = [...read("docs/operations.md").matchAll(/^(?:select|update) .*\btasks .*$/gm)].map(([statement]) => statement);
        expect(statements.map((statement) => database.prepare(statement).all())).toEqual([[{ id: "t", kind: "k", payload: "1", last_error: "no use" }], []]);
      }
      await using store = await openSqliteStore({ path });
      expect(await store.tx((tx) => tx.tasks.backlog())).toEqual([{ kind: "k", waiting: 1, parked: 0 }]);
      expect(await store.tx((tx) => tx.tasks.claim("k", 60_000, 10))).toEqual([{ id: "t", payload: "1", attempts: 0, ageMs: 0 }]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test("is not a task of a kind that this version does not know: it waits for a newer one", async () => {
    await using scene = await openTaskScene();
    const done: number[] = [];
    const known = kindOf("known", async () => undefined);
    const newer = kindOf("newer", async (payload) => void done.push(payload));
    scene.start([known]);
    await scene.insert(newer, 7, "t");
    await scene.clock.pass(600_000);
    expect(await scene.store.tx((tx) => tx.tasks.backlog())).toEqual([{ kind: "newer", waiting: 1, parked: 0 }]);
    expect(scene.logged).toEqual([]);
    scene.start([known, newer]);
    await scene.clock.pass(1_000);
    expect(done).toEqual([7]);
  });
});

describe("stopping", () => {
  test("waits until what is under way has settled, which is due at once for another replica", async () => {
    await using scene = await openTaskScene();
    const cleanedUp = gate();
    const kind = kindOf("k", async (payload, signal) => {
      await hang(payload, signal).catch(() => cleanedUp.opened);
      throw signal.reason;
    });
    await scene.insert(kind, 1, "t");
    const tasks = scene.start([kind]);
    await scene.clock.pass(0);
    let stopped = false;
    const stopping = tasks.stop().then(() => (stopped = true));
    await scene.clock.pass(1_000);
    expect(stopped).toBe(false);
    cleanedUp.open();
    await stopping;
    expect(scene.logged).toEqual([]);
    expect(await scene.store.tx((tx) => tx.tasks.claim("k", 60_000, 10))).toMatchObject([{ id: "t" }]);
  });

  test("waits for the others, too, when the end of one cannot be recorded", async () => {
    await using scene = await openTaskScene();
    const cleanedUp = gate();
    const kind = kindOf("k", async (payload, signal) => {
      if (payload === 1) throw new Error("at once");
      await hang(payload, signal).catch(() => cleanedUp.opened);
    });
    await scene.insert(kind, 1, "fails");
    await scene.insert(kind, 2, "hangs");
    let transactions = 0;
    const flaky: Store = { ...scene.store, tx: (fn) => ((transactions += 1) === 2 ? Promise.reject(unavailable("store", "away")) : scene.store.tx(fn)) };
    const tasks = scene.start([kind], flaky);
    await scene.clock.pass(0);
    expect(scene.logged).toEqual(["warn task.failed fails", "warn task.not-recorded fails"]);
    let stopped = false;
    const stopping = tasks.stop().then(() => (stopped = true));
    await scene.clock.pass(1_000);
    expect(stopped).toBe(false);
    cleanedUp.open();
    await stopping;
    expect(await scene.left("fails", "hangs")).toEqual(["fails"]);
  });

  test("takes five seconds at most", async () => {
    await using scene = await openTaskScene();
    const kind = kindOf("deaf", () => new Promise(() => undefined));
    await scene.insert(kind, 1, "t");
    const tasks = scene.start([kind], { ...scene.store, tx: (fn) => (scene.clock.now() > someTime ? new Promise(() => undefined) : scene.store.tx(fn)) });
    await scene.clock.pass(0);
    const stopping = tasks.stop();
    await scene.clock.pass(5_000);
    await stopping;
  });

  test("begins nothing", async () => {
    await using scene = await openTaskScene();
    let runs = 0;
    const kind = kindOf("k", async () => void (runs += 1));
    const tasks = startTasks({ store: scene.store, clock: scene.clock, log: () => undefined, kinds: [kind] });
    await scene.clock.pass(0);
    await tasks.stop();
    await scene.insert(kind, 1, "t");
    await scene.clock.pass(60_000);
    expect(runs).toBe(0);
  });
});
