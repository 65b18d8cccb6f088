/** Every way in which a receiver fails, by the real HTTP client and real receivers: what is made of it, and that it comes again. */
import { expect, test } from "vitest";
import { createWebhookHttp } from "../../src/adapters/webhook-http/client.ts";
import { isLoopback } from "../../src/config/server.ts";
import { judgeAddress } from "../../src/registration/address.ts";
import type { Attempt } from "../../src/webhooks/types.ts";
import { eventually } from "../support/instances.ts";
import { openWebhookScene, type WebhookScene } from "../support/webhook-scene.ts";
import { startWebhookReceiver, type Answerer } from "../support/webhook-receiver.ts";

const limitMs = 1_500;
const opening = ["request_created", "stage_started", "approvers_resolved"];

/** Lets endpoints be sent to in earnest; a host leads to one address after the other, one for each attempt. */
function inEarnest(scene: WebhookScene, addresses: readonly string[] = ["127.0.0.1"]): void {
  let lookups = 0;
  const client = createWebhookHttp({
    isLoopback,
    limitMs,
    resolveHost: async () => {
      const address = addresses[Math.min(lookups++, addresses.length - 1)] ?? "";
      const verdict = judgeAddress(address, { allowLoopback: true, allowedRanges: [] });
      return verdict ? { violation: `is denied: ${verdict}`, reason: "HOST_DENIED" } : { address };
    },
  });
  scene.answer(({ url, headers, body }, signal) => client.post({ url, headers, body, share: "e", isLoopbackOnly: false }, signal));
}

/** Waits, while no time passes, until so many attempts are recorded, of all deliveries of the only endpoint. */
async function attempts({ webhooks, clock }: WebhookScene, count: number): Promise<readonly (Attempt & { readonly type: string })[]> {
  return eventually(async () => {
    await clock.pass(0);
    const all = await webhooks.deps.store.tx((tx) => tx.webhookDeliveries.list({ tenant: "default", limit: 100 }));
    const found = all.toReversed().flatMap(({ eventType: type, attempts: made }) => made.map((one) => ({ ...one, type })));
    return found.length >= count ? found : undefined;
  });
}

const failures: Readonly<Record<string, readonly [Answerer, Partial<Attempt>]>> = {
  hangs: [() => undefined, { result: "UNANSWERED", status: 0, error: "no complete answer within 1.5 s" }],
  trickles: [
    (_received, response) => {
      const timer = setInterval(() => response.write("."), 20);
      response.on("close", () => clearInterval(timer));
    },
    { result: "UNANSWERED", status: 0, error: "no complete answer within 1.5 s" },
  ],
  "answers without end": [
    (_received, response) => void response.end("a".repeat(65_537)),
    { result: "UNANSWERED", status: 0, error: "the answer has more than 65536 bytes" },
  ],
  "breaks off": [(_received, response) => void response.destroy(), { result: "UNANSWERED", status: 0, error: "the connection failed (ECONNRESET)" }],
  "answers 500": [(_received, response) => void response.writeHead(500).end("no"), { result: "REFUSED", status: 500, error: "HTTP 500", answer: "no" }],
  "answers 429 without saying how long": [(_received, response) => void response.writeHead(429).end(), { result: "REFUSED", status: 429, error: "HTTP 429" }],
  "answers 304, which is no redirect": [(_received, response) => void response.writeHead(304).end(), { result: "REFUSED", status: 304, error: "HTTP 304" }],
  "answers 404": [(_received, response) => void response.writeHead(404).end(), { result: "REFUSED", status: 404, error: "HTTP 404" }],
};

test.each(Object.entries(failures))("a receiver that %s is sent the event again after a minute, then the next ones", async (_how, [answer, made]) => {
  await using scene = await openWebhookScene();
  await using receiver = await startWebhookReceiver();
  inEarnest(scene);
  await scene.endpoint({ url: receiver.url });
  receiver.answer(answer);
  await scene.ask();
  expect(await attempts(scene, 1)).toMatchObject([{ ...made, type: "request_created", address: "127.0.0.1" }]);
  receiver.answer(200);
  await scene.clock.leap(58_000);
  expect(await attempts(scene, 1)).toHaveLength(1);
  await scene.clock.leap(9_000);
  // A leap ends before what it made due has begun to sleep.
  await scene.clock.pass(2_000);
  const all = await attempts(scene, 4);
  expect(all.map(({ type, result }) => [type, result])).toEqual([["request_created", made.result], ...opening.map((type) => [type, "DELIVERED"])]);
  expect(new Set(receiver.received.slice(0, 2).map(({ event, body }) => `${event.event_id} ${body}`)).size).toBe(1);
});

test("a redirect is not followed, wherever it leads", async () => {
  await using scene = await openWebhookScene();
  await using inner = await startWebhookReceiver();
  await using receiver = await startWebhookReceiver();
  inEarnest(scene);
  await scene.endpoint({ url: receiver.url });
  receiver.answer((_received, response) => response.writeHead(308, { location: inner.url }).end());
  await scene.ask();
  expect(await attempts(scene, 1)).toMatchObject([{ result: "REFUSED", status: 308, error: "HTTP 308: redirects are not followed" }]);
  expect(inner.received).toEqual([]);
});

test("410 disables the endpoint at once", async () => {
  await using scene = await openWebhookScene();
  await using receiver = await startWebhookReceiver();
  inEarnest(scene);
  const { id } = await scene.endpoint({ url: receiver.url });
  receiver.answer(410);
  await scene.ask();
  expect(await attempts(scene, 1)).toMatchObject([{ result: "REFUSED", status: 410 }]);
  await scene.clock.pass(120_000);
  expect(receiver.received).toHaveLength(1);
  expect((await scene.store.tx((tx) => tx.webhookEndpoints.find("default", id)))?.disabled?.why).toBe("it answered 410: it is gone");
});

test("a host that leads to a denied address is not dialled, and is judged anew at each attempt: it comes through when it leads elsewhere, and not any more when it does not", async () => {
  await using scene = await openWebhookScene();
  await using receiver = await startWebhookReceiver();
  inEarnest(scene, ["169.254.169.254", "127.0.0.1", "fe80::1"]);
  await scene.endpoint({ url: receiver.url.replace("127.0.0.1", "hook.example") });
  await scene.ask();
  expect(await attempts(scene, 1)).toMatchObject([{ result: "DENIED", address: "", error: expect.stringContaining("is denied") }]);
  expect(receiver.received).toEqual([]);
  await scene.clock.leap(67_000);
  await scene.clock.pass(2_000);
  const all = await attempts(scene, 3);
  expect(all.map(({ type, result, address }) => [type, result, address])).toEqual([
    ["request_created", "DENIED", ""],
    ["request_created", "DELIVERED", "127.0.0.1"],
    ["stage_started", "DENIED", ""],
  ]);
  expect(receiver.received).toHaveLength(1);
});
