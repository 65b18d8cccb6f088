/** Endpoints beside each other, secrets, replays and what is sent by hand. */
import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { orAborted } from "../../src/kernel/or-aborted.ts";
import { redeliver, sendTest } from "../../src/webhooks/deliveries.ts";
import { deleteEndpoint, getEndpoint, replaySince, updateEndpoint } from "../../src/webhooks/endpoints.ts";
import type { PostResult } from "../../src/webhooks/ports.ts";
import { replay } from "../../src/webhooks/replay.ts";
import { rotateSecret } from "../../src/webhooks/secrets.ts";
import { admin, openWebhookScene, status, type Answer, type Post } from "../support/webhook-scene.ts";

const unanswered: PostResult = { is: "unanswered", error: "no complete answer within 10 s", address: "127.0.0.1" };

describe("an endpoint that does not answer", () => {
  test("holds nobody else back, however many requests wait for it", async () => {
    await using scene = await openWebhookScene();
    const dead = await scene.endpoint({ url: "https://dead.example/" });
    await scene.endpoint({ url: "https://live.example/", types: ["request_created"] });
    const hang: Answer = async (_post, signal) => (await orAborted(scene.clock.sleep(10_000, signal), signal), unanswered);
    scene.answer((post, signal) => (post.url.startsWith("https://dead") ? hang(post, signal) : status(200)));
    for (let n = 0; n < 100; n++) await scene.ask();
    await scene.clock.pass(3_000);
    expect(scene.posts.filter(({ url }) => url.startsWith("https://live"))).toHaveLength(100);
    await scene.clock.pass(15_000);
    const ids: string[] = [];
    for (let n = 0; n < 10; n++) ids.push(await scene.ask());
    await scene.clock.pass(1_000);
    expect(scene.posts.filter(({ url, event }) => url.startsWith("https://live") && ids.includes(event.request_id))).toHaveLength(10);
    // One at a time finds out whether it is back; the others count as failed.
    const attempts = (await scene.all(dead)).flatMap((delivery) => delivery.attempts);
    expect(attempts.filter(({ result }) => result === "HELD_BACK").length).toBeGreaterThan(40);
    expect(scene.posts.filter(({ url, at }) => url.startsWith("https://dead") && at > 10_000).length).toBeLessThan(10);
  });

  test("is sent what waited when it is back", async () => {
    await using scene = await openWebhookScene();
    await scene.endpoint({ types: ["request_created"] });
    scene.answer(() => unanswered);
    for (let n = 0; n < 20; n++) await scene.ask();
    await scene.clock.pass(1_000);
    scene.answer(200);
    await scene.clock.pass(90_000);
    expect(await scene.isIdle()).toBe(true);
    expect(new Set(scene.posts.map(({ event }) => event.request_id)).size).toBe(20);
  });
});

test("a busy endpoint is sent at most four at a time", async () => {
  await using scene = await openWebhookScene();
  await scene.endpoint({ types: ["request_created"] });
  let busy = 0;
  const seen: number[] = [];
  scene.answer(async () => {
    seen.push((busy += 1));
    await scene.clock.sleep(100);
    busy -= 1;
    return status(200);
  });
  for (let n = 0; n < 40; n++) await scene.ask();
  await scene.clock.pass(10_000);
  expect(await scene.isIdle()).toBe(true);
  expect(seen).toHaveLength(40);
  expect(Math.max(...seen)).toBe(4);
});

test("a quick endpoint is sent what came at once within seconds, however much it is", async () => {
  await using scene = await openWebhookScene();
  await scene.endpoint({ types: ["request_created"] });
  scene.answer(async () => (await scene.clock.sleep(20), status(200)));
  for (let n = 0; n < 200; n++) await scene.ask();
  await scene.clock.pass(5_000);
  expect(scene.posts).toHaveLength(200);
});

describe("a secret that is rotated", () => {
  // Not verified, since the scene has a time of its own.
  const signedBy = (headers: Readonly<Record<string, string>>, body: string, secret: string) =>
    new Webhook(secret).sign(headers["webhook-id"] ?? "", new Date(Number(headers["webhook-timestamp"]) * 1_000), body);

  test("signs with both values until the former's time is over; a third voids the first", async () => {
    await using scene = await openWebhookScene();
    const { secret: first, secretId = "" } = await scene.endpoint({ types: ["request_created"] });
    const last = async () => {
      await scene.ask();
      await scene.clock.pass(0);
      const { headers = {}, body = "" }: Partial<Post> = scene.posts.at(-1) ?? {};
      return { signatures: headers["webhook-signature"]?.split(" ") ?? [], by: (secret: string) => signedBy(headers, body, secret) };
    };
    const before = await last();
    expect(before.signatures).toEqual([before.by(first)]);
    const { value: second } = await rotateSecret(scene.webhooks.deps, secretId, 60_000, admin);
    const meanwhile = await last();
    expect(meanwhile.signatures).toEqual([meanwhile.by(second), meanwhile.by(first)]);
    const { value: third } = await rotateSecret(scene.webhooks.deps, secretId, 60_000, admin);
    const then = await last();
    expect(then.signatures).toEqual([then.by(third), then.by(second)]);
    await scene.clock.pass(60_000);
    const after = await last();
    expect(after.signatures).toEqual([after.by(third)]);
  });

  test("with no time left for the former value, signs with the new one at once", async () => {
    await using scene = await openWebhookScene();
    const { secretId = "" } = await scene.endpoint({ types: ["request_created"] });
    await rotateSecret(scene.webhooks.deps, secretId, 0, admin);
    await scene.ask();
    await scene.clock.pass(0);
    expect(scene.posts[0]?.headers["webhook-signature"]?.split(" ")).toHaveLength(1);
  });
});

describe("a replay", () => {
  test("sends each request's events since a time again, in order, with the same ids, filters applied", async () => {
    await using scene = await openWebhookScene();
    await scene.ask("before");
    await scene.clock.pass(10_000);
    const since = scene.clock.now();
    const ids = [await scene.ask("one"), await scene.ask("two")];
    for (const id of ids) await scene.vote(id, "bob", "reject");
    const endpoint = await scene.endpoint({ types: ["request_created", "request_rejected"] });
    // What has no place in the log yet is replayed, too.
    expect(await replaySince(scene.webhooks.deps, endpoint.id, since, admin)).toBe(false);
    await scene.clock.pass(0);
    for (const id of ids) {
      const its = scene.posts.filter(({ event }) => event.request_id === id).map(({ event }) => [event.event_type, event.event_id]);
      expect(its).toEqual([
        ["request_created", `${id}-1`],
        ["request_rejected", `${id}-6`],
      ]);
    }
    expect(scene.posts).toHaveLength(4);
    await replaySince(scene.webhooks.deps, endpoint.id, since, admin);
    await scene.clock.pass(0);
    expect(scene.posts).toHaveLength(8);
    expect((await scene.deliveries(endpoint)).map((line) => line.split(" ").slice(1).join(" "))).toEqual(Array(4).fill("DELIVERED 2"));
  });

  test("begins again with what waits for a retry", async () => {
    await using scene = await openWebhookScene();
    const endpoint = await scene.endpoint({ types: ["request_created", "stage_started"] });
    scene.answer(({ event }) => status(event.event_type === "stage_started" ? 500 : 200));
    await scene.ask();
    await scene.clock.pass(70_000);
    expect(scene.types()).toEqual(["request_created", "stage_started", "stage_started"]);
    scene.answer(200);
    await replaySince(scene.webhooks.deps, endpoint.id, 0, admin);
    await scene.clock.pass(0);
    expect(scene.types().slice(3)).toEqual(["request_created", "stage_started"]);
    expect(await scene.isIdle()).toBe(true);
  });

  test("of more than a page of the log sends each event once, also when one page is repeated", async () => {
    await using scene = await openWebhookScene();
    const ids: string[] = [];
    for (let n = 0; n < 340; n++) ids.push(await scene.ask());
    const endpoint = await scene.endpoint({ types: ["request_created"] });
    await replaySince(scene.webhooks.deps, endpoint.id, 0, admin);
    await scene.clock.pass(30_000);
    expect(scene.posts.map(({ event }) => event.request_id).toSorted()).toEqual(ids.toSorted());
    await replay(scene.webhooks.deps, { tenant: "default", endpointId: endpoint.id, since: 0, after: 900 });
    await scene.clock.pass(30_000);
    expect(scene.posts).toHaveLength(380);
  });

  test("says when the log has not all of it any more, and is refused for a disabled endpoint", async () => {
    await using scene = await openWebhookScene();
    const endpoint = await scene.endpoint();
    await scene.ask();
    await scene.clock.pass(10_000);
    const later = scene.clock.now();
    await scene.store.tx((tx) => tx.eventLog.number(500));
    await scene.store.tx((tx) => tx.eventLog.prune({ after: 0, before: later, hasSink: false }));
    await scene.ask();
    await scene.store.tx((tx) => tx.eventLog.number(500));
    expect(await replaySince(scene.webhooks.deps, endpoint.id, 0, admin)).toBe(true);
    expect(await replaySince(scene.webhooks.deps, endpoint.id, later, admin)).toBe(false);
    await updateEndpoint(scene.webhooks.deps, endpoint.id, { isEnabled: false }, admin);
    await expect(replaySince(scene.webhooks.deps, endpoint.id, 0, admin)).rejects.toMatchObject({ reason: "WEBHOOK_ENDPOINT_DISABLED" });
  });
});

describe("what is sent by hand", () => {
  test("is a delivery once more, with the same id and body, whatever became of it", async () => {
    await using scene = await openWebhookScene();
    const endpoint = await scene.endpoint({ types: ["request_created"] });
    await scene.ask();
    await scene.clock.pass(0);
    const [{ id } = { id: "" }] = await scene.all(endpoint);
    scene.answer(500);
    const failed = redeliver(scene.webhooks.deps, id, admin);
    await scene.clock.pass(0);
    expect(await failed).toMatchObject({
      state: "DELIVERED",
      attempts: [
        { status: 200, isManual: false },
        { status: 500, isManual: true },
      ],
    });
    const [first, second] = scene.posts;
    expect([second?.body, second?.headers["webhook-id"]]).toEqual([first?.body, first?.headers["webhook-id"]]);
  });

  test("delivers what was given up", async () => {
    await using scene = await openWebhookScene();
    const endpoint = await scene.endpoint({ types: ["request_created"] });
    scene.answer(410);
    await scene.ask();
    await scene.clock.pass(0);
    const [{ id, state } = { id: "", state: "" }] = await scene.all(endpoint);
    expect(state).toBe("GIVEN_UP");
    scene.answer(200);
    const again = redeliver(scene.webhooks.deps, id, admin);
    await scene.clock.pass(0);
    expect(await again).toMatchObject({ state: "DELIVERED", detail: "" });
  });

  test("is a test event, once, which says what the endpoint answered", async () => {
    await using scene = await openWebhookScene();
    const endpoint = await scene.endpoint();
    scene.answer(503);
    const tested = sendTest(scene.webhooks.deps, endpoint.id, admin);
    await scene.clock.pass(0);
    expect(await tested).toMatchObject({ eventType: "webhook_test", state: "GIVEN_UP", attempts: [{ status: 503, answer: "status 503" }] });
    expect(scene.posts[0]?.event).toMatchObject({ event_type: "webhook_test", actor: "open|root" });
    scene.answer(410);
    const gone = sendTest(scene.webhooks.deps, endpoint.id, admin);
    await scene.clock.pass(0);
    expect(await gone).toMatchObject({ state: "GIVEN_UP", attempts: [{ status: 410 }] });
    expect(await getEndpoint(scene.webhooks.deps, endpoint.id, admin)).toMatchObject({ disabled: undefined });
    expect(await scene.isIdle()).toBe(true);
  });
});

test("of an answer the beginning is kept, as well-formed text", async () => {
  await using scene = await openWebhookScene();
  const endpoint = await scene.endpoint();
  scene.answer(() => ({ is: "answered", status: 500, retryAfter: "", answer: `${"a".repeat(1_023)}😀 and more`, address: "127.0.0.1" }));
  const tested = sendTest(scene.webhooks.deps, endpoint.id, admin);
  await scene.clock.pass(0);
  expect((await tested).attempts[0]?.answer).toBe(`${"a".repeat(1_023)}\ufffd`);
});

test("what waits for an endpoint that is deleted is not sent", async () => {
  await using scene = await openWebhookScene();
  const endpoint = await scene.endpoint();
  scene.answer(500);
  await scene.ask();
  await scene.clock.pass(0);
  await deleteEndpoint(scene.webhooks.deps, endpoint.id, admin);
  expect(await scene.deliveries(endpoint)).toEqual(["request_created GIVEN_UP 1 the endpoint was deleted"]);
  await scene.clock.pass(70_000);
  expect(scene.posts).toHaveLength(1);
  expect(await scene.isIdle()).toBe(true);
});

test("neither secrets nor URLs nor answers are logged", async () => {
  await using scene = await openWebhookScene();
  await scene.endpoint({ url: "https://example.org/hook/with-a-token" });
  scene.answer(() => ({ is: "answered", status: 500, retryAfter: "", answer: "an answer with a token", address: "127.0.0.1" }));
  await scene.ask();
  await scene.clock.pass(0);
  expect(scene.lines.join("\n")).toContain("webhook.failed");
  expect(scene.lines.join("\n")).not.toMatch(/token|whsec_/);
});
