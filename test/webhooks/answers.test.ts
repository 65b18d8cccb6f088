/** What an answer of an endpoint brings about beside the next attempt: how long it is left alone, whether it is disabled, and what is counted. */
import { describe, expect, test } from "vitest";
import { replaySince, updateEndpoint } from "../../src/webhooks/endpoints.ts";
import { pausesMs } from "../../src/webhooks/schedule.ts";
import { admin, openWebhookScene, status, type WebhookScene } from "../support/webhook-scene.ts";

describe("Retry-After", () => {
  /** When what was sent, in seconds; the first event asks for 400 seconds each time. */
  const sentAt = ({ posts }: WebhookScene) => posts.map(({ at, event }) => [Math.floor(at / 1_000), event.event_type]);
  const busy = (scene: WebhookScene) => scene.answer(({ event }) => (event.event_type === "request_created" ? status(429, "400") : status(200)));

  test.each([
    ["came before", 10_000],
    ["comes after", 500_000],
  ])("is honoured by an end that overtakes, which %s the second failure", async (_when, at) => {
    await using scene = await openWebhookScene();
    await scene.endpoint({ types: ["request_created", "request_rejected"] });
    busy(scene);
    const id = await scene.ask();
    await scene.clock.pass(at);
    await scene.vote(id, "bob", "reject");
    await scene.clock.pass(799_000 - at);
    expect(sentAt(scene).map(([, type]) => type)).toEqual(["request_created", "request_created"]);
    await scene.clock.pass(5_000);
    expect(sentAt(scene).at(-1)).toEqual([expect.closeTo(801, -1), "request_rejected"]);
    await scene.clock.pass(2_000);
    expect(await scene.isIdle()).toBe(true);
  });

  test("is honoured by what comes after an event that was given up", async () => {
    await using scene = await openWebhookScene();
    await scene.endpoint({ types: ["request_created", "stage_started"] });
    busy(scene);
    await scene.ask();
    await scene.clock.pass(0);
    for (const pause of pausesMs) {
      await scene.clock.leap(pause * 1.1 + 400_000);
      await scene.clock.pass(2_000);
    }
    expect(new Set(scene.types())).toEqual(new Set(["request_created"]));
    expect(scene.posts).toHaveLength(6);
    await scene.clock.pass(390_000);
    expect(scene.posts).toHaveLength(6);
    await scene.clock.pass(20_000);
    expect(scene.types().slice(6)).toEqual(["stage_started"]);
  });
});

test("several that answer 410 at once disable the endpoint once, and one that was moved meanwhile not at all", async () => {
  await using scene = await openWebhookScene();
  const endpoint = await scene.endpoint({ types: ["request_created"] });
  const disabled = () => scene.counted.filter((name) => name === "webhook_disabled_total").length;
  const held = Promise.withResolvers<void>();
  scene.answer(async () => (await held.promise, status(410)));
  for (let n = 0; n < 3; n++) await scene.ask();
  await scene.clock.pass(0);
  held.resolve();
  await scene.clock.pass(1_000);
  expect([scene.posts.length, disabled(), scene.lines.filter((line) => line.includes('"webhook.disabled"')).length]).toEqual([3, 1, 1]);
  await updateEndpoint(scene.webhooks.deps, endpoint.id, { isEnabled: true }, admin);
  scene.answer(async ({ url }) => {
    if (url === "https://new.example/") return status(200);
    await updateEndpoint(scene.webhooks.deps, endpoint.id, { url: "https://new.example/" }, admin);
    return status(410);
  });
  await scene.ask();
  await scene.clock.pass(70_000);
  expect((await scene.deliveries(endpoint)).at(-1)).toBe("request_created DELIVERED 2");
  expect(disabled()).toBe(1);
});

test("each attempt and each event that is given up is counted once; the time to a delivery of those that were not delivered before", async () => {
  await using scene = await openWebhookScene();
  const endpoint = await scene.endpoint({ types: ["request_created", "stage_started", "request_rejected"] });
  scene.answer(({ event }) => status(event.event_type === "request_rejected" ? 200 : 500));
  await scene.vote(await scene.ask(), "bob", "reject");
  await scene.clock.pass(70_000);
  const counts = () => Object.fromEntries([...Map.groupBy(scene.counted, (name) => name)].map(([name, all]) => [name, all.length]));
  const first = { "webhook_attempts_total refused": 2, "webhook_attempts_total delivered": 1, webhook_given_up_total: 2, webhook_delivery_seconds: 1 };
  expect(counts()).toMatchObject(first);
  scene.answer(200);
  await replaySince(scene.webhooks.deps, endpoint.id, 0, admin);
  await scene.clock.pass(1_000);
  expect(counts()).toMatchObject({ ...first, "webhook_attempts_total delivered": 4, webhook_delivery_seconds: 3 });
});
