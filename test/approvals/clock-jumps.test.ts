/** The database's clock is set back or forward while requests wait: each of their timers acts once, by the time of then. */
import { expect, test } from "vitest";
import { startTasks } from "../../src/delivery/tasks.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { approvalWorkshop } from "../support/approval-workshop.ts";
import { manualClock } from "../support/manual-clock.ts";

const hour = 3_600_000;
const day = 24 * hour;

async function scene() {
  const clock = manualClock(100 * day);
  const store = await openSqliteStore({ path: ":memory:", clock });
  const shop = approvalWorkshop(store, clock);
  await shop.usePolicy(
    "{key: k, subject: document, ttl: 10h, stages: [{id: s, requirements: [{id: r, who: {groups: [team]}, need: 1}], after: [{in: 1h, do: remind}, {in: 2h, do: escalate, to: {groups: [leads]}}]}]}",
  );
  const failures: string[] = [];
  const tasks = startTasks({
    store,
    clock,
    log: (level, event, fields) => level !== "info" && failures.push(`${event} ${JSON.stringify(fields)}`),
    kinds: shop.approvals.tasks,
  });
  const { id } = await shop.open("x");
  const typesNow = async () => (await store.tx((tx) => tx.approvals.events(id, 0))).map(({ type }) => type).filter((type) => type !== "approvers_resolved");
  return {
    clock,
    shop,
    id,
    failures,
    typesNow,
    async [Symbol.asyncDispose]() {
      const stopped = tasks.stop();
      await clock.pass(10_000);
      await stopped;
      await store[Symbol.asyncDispose]();
    },
  };
}

const opened = ["request_created", "stage_started"];

test("set back by a day, what was due is due a day later, and what has happened does not happen again", async () => {
  await using it = await scene();
  await it.clock.leap(hour);
  await it.clock.pass(2_000);
  expect(await it.typesNow()).toEqual([...opened, "reminded"]);
  await it.clock.leap(-day);
  await it.clock.leap(day + hour - 10_000);
  await it.clock.pass(2_000);
  expect(await it.typesNow()).toEqual([...opened, "reminded"]);
  await it.clock.pass(8_000);
  expect(await it.typesNow()).toEqual([...opened, "reminded", "escalated"]);
  expect(it.failures).toEqual([]);
});

test("set forward beyond everything, it ends once; set back after it, it stays ended", async () => {
  await using it = await scene();
  await it.clock.leap(30 * day);
  await it.clock.pass(2_000);
  expect(await it.typesNow()).toEqual([...opened, "reminded", "escalated", "request_expired"]);
  await it.clock.leap(-30 * day);
  await it.clock.leap(20 * hour);
  await it.clock.pass(2_000);
  expect(await it.shop.vote(it.id, "bob")).toMatchObject({ refusal: { refusal: "REQUEST_CLOSED" } });
  expect(await it.typesNow()).toEqual([...opened, "reminded", "escalated", "request_expired"]);
  expect(it.failures).toEqual([]);
});

test("a request of before counts votes after the clock was set back", async () => {
  await using it = await scene();
  await it.clock.leap(-day);
  expect(await it.shop.vote(it.id, "bob")).toMatchObject({ seen: { approval: { decision: "APPROVED" } } });
  await it.clock.leap(3 * day);
  await it.clock.pass(2_000);
  expect(await it.typesNow()).toEqual([...opened, "vote_recorded", "stage_completed", "request_approved"]);
  expect(it.failures).toEqual([]);
});
