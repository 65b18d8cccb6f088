/** What an endpoint is sent of a request, in which order, and when again. */
import { describe, expect, test } from "vitest";
import { updateEndpoint } from "../../src/webhooks/endpoints.ts";
import type { PostResult } from "../../src/webhooks/ports.ts";
import { pausesMs } from "../../src/webhooks/schedule.ts";
import { runSeries } from "../../src/webhooks/series.ts";
import { someTime } from "../support/task-scene.ts";
import { admin, openWebhookScene, status } from "../support/webhook-scene.ts";

const opening = ["request_created", "stage_started", "approvers_resolved"];

describe("an endpoint that answers", () => {
  test("is sent every event of a request once, in order, without time passing", async () => {
    await using scene = await openWebhookScene();
    const endpoint = await scene.endpoint();
    const id = await scene.ask();
    await scene.vote(id, "bob");
    await scene.vote(id, "cat");
    await scene.clock.pass(0);
    const voted = ["vote_recorded", "stage_completed"];
    expect(scene.types()).toEqual([...opening, ...voted, "stage_started", "approvers_resolved", ...voted, "request_approved"]);
    expect(scene.posts.map(({ event }) => event.event_id)).toEqual(scene.posts.map((_, i) => `${id}-${i + 1}`));
    expect(new Set(await scene.deliveries(endpoint))).toContain("request_approved DELIVERED 1");
    expect(await scene.isIdle()).toBe(true);
  });

  test("is sent the types and subjects of its filter alone", async () => {
    await using scene = await openWebhookScene();
    await scene.endpoint({ types: ["request_approved", "request_rejected"], subjects: ["document/a*"] });
    const ids = [await scene.ask("ab"), await scene.ask("b")];
    // What is not wanted costs nothing.
    expect(await scene.isIdle()).toBe(true);
    for (const id of ids) await scene.vote(id, "bob", "reject");
    await scene.clock.pass(0);
    expect(scene.posts.map(({ event }) => [event.event_type, event.artifact_id])).toEqual([["request_rejected", "ab"]]);
  });

  test("is sent nothing of before it was there", async () => {
    await using scene = await openWebhookScene();
    const id = await scene.ask();
    await scene.endpoint();
    await scene.vote(id, "bob", "reject");
    await scene.clock.pass(0);
    expect(scene.types()).toEqual(["vote_recorded", "stage_completed", "request_rejected"]);
  });
});

describe("an event that fails", () => {
  test("is tried again after 60, 300, 900, 3 600 and 21 600 seconds, with the same id and body and a new time, then given up; then the next one goes", async () => {
    await using scene = await openWebhookScene();
    const endpoint = await scene.endpoint();
    scene.answer(({ event }) => status(event.event_type === "request_created" ? 500 : 200));
    await scene.ask();
    await scene.clock.pass(0);
    for (const pause of pausesMs) {
      const since = scene.posts.at(-1)?.at ?? 0;
      const leapTo = (after: number) => scene.clock.leap(someTime + since + after - scene.clock.now());
      const count = scene.posts.length;
      await leapTo(pause - 1);
      expect(scene.posts).toHaveLength(count);
      // A tenth later, and the round after it.
      await leapTo(pause + pause / 10);
      await scene.clock.pass(2_000);
      expect(scene.posts.length).toBeGreaterThan(count);
    }
    const tries = scene.posts.filter(({ event }) => event.event_type === "request_created");
    expect(tries).toHaveLength(6);
    expect(new Set(tries.map(({ body }) => body)).size).toBe(1);
    expect(new Set(tries.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(new Set(tries.map(({ headers }) => headers["webhook-timestamp"])).size).toBe(6);
    expect(await scene.deliveries(endpoint)).toEqual([
      "request_created GIVEN_UP 6 failed 6 times",
      "stage_started DELIVERED 1",
      "approvers_resolved DELIVERED 1",
    ]);
    expect(scene.types().slice(6)).toEqual(opening.slice(1));
    expect((await scene.all(endpoint))[0]?.attempts[0]).toMatchObject({ result: "REFUSED", status: 500, error: "HTTP 500", answer: "status 500" });
  });

  test("holds back later events of its request, and none of another", async () => {
    await using scene = await openWebhookScene();
    await scene.endpoint();
    let bad = "";
    scene.answer(({ event }) => status(event.request_id === bad ? 503 : 200));
    bad = await scene.ask();
    const good = await scene.ask();
    await scene.clock.pass(30_000);
    expect(scene.posts.filter(({ event }) => event.request_id === bad)).toHaveLength(1);
    expect(scene.posts.filter(({ event }) => event.request_id === good).map(({ event }) => event.event_type)).toEqual(opening);
  });

  test("waits as long as Retry-After says", async () => {
    await using scene = await openWebhookScene();
    await scene.endpoint({ types: ["request_created"] });
    scene.answer(() => status(scene.posts.length === 1 ? 429 : 200, "400"));
    await scene.ask();
    await scene.clock.pass(399_000);
    expect(scene.posts).toHaveLength(1);
    await scene.clock.pass(3_000);
    expect(scene.posts).toHaveLength(2);
  });
});

describe("the end of a request", () => {
  test("overtakes what has failed twice; what it passes is listed as given up", async () => {
    await using scene = await openWebhookScene();
    const endpoint = await scene.endpoint();
    scene.answer(({ event }) => status(event.event_type === "request_rejected" ? 200 : 500));
    const id = await scene.ask();
    await scene.vote(id, "bob", "reject");
    await scene.clock.pass(50_000);
    expect(scene.types()).toEqual(["request_created"]);
    await scene.clock.pass(20_000);
    expect(scene.types()).toEqual(["request_created", "request_created", "request_rejected"]);
    const detail = "overtaken by request_rejected";
    expect((await scene.deliveries(endpoint)).toSorted()).toEqual(
      [
        `request_created GIVEN_UP 2 ${detail}`,
        `stage_started GIVEN_UP 0 ${detail}`,
        `approvers_resolved GIVEN_UP 0 ${detail}`,
        `vote_recorded GIVEN_UP 0 ${detail}`,
        `stage_completed GIVEN_UP 0 ${detail}`,
        "request_rejected DELIVERED 1",
      ].toSorted(),
    );
    await scene.clock.pass(2_000);
    expect(await scene.isIdle()).toBe(true);
    expect(scene.posts).toHaveLength(3);
  });

  test("has all its own tries", async () => {
    await using scene = await openWebhookScene();
    await scene.endpoint({ types: ["request_created", "request_rejected"] });
    scene.answer(500);
    await scene.vote(await scene.ask(), "bob", "reject");
    await scene.clock.pass(70_000);
    expect(scene.types()).toEqual(["request_created", "request_created", "request_rejected"]);
    await scene.clock.pass(70_000);
    expect(scene.types().slice(3)).toEqual(["request_rejected"]);
  });

  test("does not wait for the pause of what has failed twice before", async () => {
    await using scene = await openWebhookScene();
    await scene.endpoint();
    scene.answer(({ event }) => status(event.event_type === "request_rejected" ? 200 : 500));
    const id = await scene.ask();
    await scene.clock.pass(70_000);
    expect(scene.types()).toEqual(["request_created", "request_created"]);
    await scene.vote(id, "bob", "reject");
    await scene.clock.pass(0);
    expect(scene.types().at(-1)).toBe("request_rejected");
    await scene.clock.pass(2_000);
    expect(await scene.isIdle()).toBe(true);
    expect(scene.posts).toHaveLength(3);
  });
});

describe("an endpoint that answers 410", () => {
  test("is disabled: nothing more is sent, what waited is given up, the audit says so", async () => {
    await using scene = await openWebhookScene();
    const endpoint = await scene.endpoint();
    scene.answer(410);
    const first = await scene.ask();
    await scene.clock.pass(0);
    await scene.vote(first, "bob", "reject");
    await scene.ask();
    await scene.clock.pass(2_000);
    expect(await scene.isIdle()).toBe(true);
    expect(scene.types()).toEqual(["request_created"]);
    const detail = "GIVEN_UP 0 the endpoint is disabled";
    expect(await scene.deliveries(endpoint)).toEqual([
      "request_created GIVEN_UP 1 the endpoint is gone: it answered 410",
      `stage_started ${detail}`,
      `approvers_resolved ${detail}`,
    ]);
    const chain = await scene.store.tx((tx) => tx.audit.list({ kind: "webhook-endpoint", id: endpoint.id }));
    expect(chain.map(({ action, actor }) => [action, actor])).toEqual([
      ["WEBHOOK_CREATED", "open|root"],
      ["WEBHOOK_DISABLED", "muster"],
    ]);
    scene.answer(200);
    await updateEndpoint(scene.webhooks.deps, endpoint.id, { isEnabled: true }, admin);
    await scene.ask();
    await scene.clock.pass(0);
    expect(scene.types()).toEqual(["request_created", ...opening]);
  });
});

describe("a run that is not the last one", () => {
  test("does not move the cursor when its answer comes at last", async () => {
    await using scene = await openWebhookScene();
    const endpoint = await scene.endpoint({ types: ["request_created", "stage_started"] });
    const held = Promise.withResolvers<PostResult>();
    // The first one does not mind its signal, as when its process is suspended.
    scene.answer(() => (scene.posts.length === 1 ? held.promise : status(200)));
    await scene.ask();
    await scene.clock.pass(90_000);
    expect(scene.types()).toEqual(["request_created", "request_created", "stage_started"]);
    held.resolve(status(500));
    await scene.clock.pass(2_000);
    expect(await scene.isIdle()).toBe(true);
    expect(scene.posts).toHaveLength(3);
    expect(await scene.deliveries(endpoint)).toEqual(["request_created DELIVERED 1", "stage_started DELIVERED 1"]);
  });

  test("does not speak for an event that a later run has delivered", async () => {
    await using scene = await openWebhookScene();
    const endpoint = await scene.endpoint({ types: ["request_created", "stage_started"] });
    const held = Promise.withResolvers<PostResult>();
    scene.answer(({ event }) => (scene.posts.length === 1 ? held.promise : status(event.event_type === "request_created" ? 200 : 500)));
    await scene.ask();
    await scene.clock.pass(90_000);
    expect(scene.types()).toEqual(["request_created", "request_created", "stage_started"]);
    held.resolve(status(410));
    await scene.clock.pass(0);
    expect(await scene.deliveries(endpoint)).toEqual(["request_created DELIVERED 1", "stage_started PENDING 1"]);
  });

  test("waits until it is due, also when its task is run before", async () => {
    await using scene = await openWebhookScene();
    const endpoint = await scene.endpoint({ types: ["request_created"] });
    scene.answer(500);
    const approvalId = await scene.ask();
    await scene.clock.pass(20_000);
    const { taskId = "" } = (await scene.store.tx((tx) => tx.webhookCursors.lock(endpoint.id, approvalId))) ?? {};
    const again = await runSeries(scene.webhooks.deps, { endpointId: endpoint.id, approvalId, taskId }, new AbortController().signal);
    expect(again?.againInMs).toBeGreaterThanOrEqual(40_000);
    expect(scene.posts).toHaveLength(1);
  });

  test("finds nothing to do when the cursor has another task", async () => {
    await using scene = await openWebhookScene();
    const endpoint = await scene.endpoint();
    scene.answer(500);
    const approvalId = await scene.ask();
    await scene.clock.pass(0);
    const stale = { endpointId: endpoint.id, approvalId, taskId: "another" };
    expect(await runSeries(scene.webhooks.deps, stale, new AbortController().signal)).toBeUndefined();
    expect(scene.posts).toHaveLength(1);
  });
});
