/** Both receivers, by the commands of their README: what is genuine is taken once, what is not is refused. */
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebhookDeliveryState, WebhookService } from "../../gen/muster/approval/v1/webhook_service_pb.ts";
import { ask, person, usePolicy } from "../support/approvals.ts";
import { buildExample, type Example } from "../support/example.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, startMuster } from "../support/muster.ts";
import { ownPort } from "../support/own-port.ts";
import { describeWith } from "../support/real-servers.ts";

const { createWebhookEndpoint, listWebhookDeliveries, redeliver, sendTest } = WebhookService.method;
const policy = "{key: k, subject: document, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {users: [bob]}, need: 1}]}]}";

describeWith(["npm", "python3"], "examples/webhook-receiver", () => {
  let example: Example;
  beforeAll(async () => {
    example = await buildExample("webhook-receiver", 2);
  }, 300_000);
  afterAll(async () => example?.[Symbol.asyncDispose]());

  test.each([
    ["Python", 0],
    ["TypeScript", 1],
  ])("in %s", { timeout: 120_000 }, async (language, which) => {
    await using backing = await embeddedBacking();
    await using muster = await startMuster(backing.env);
    using admin = person(muster.address, "root");
    const port = await ownPort();
    const url = `http://127.0.0.1:${port}/`;
    const { endpoint, secret } = await admin.unary(createWebhookEndpoint, { url, types: ["request_created"] });
    const endpointId = endpoint?.id ?? "";
    await using receiver = example.start({ SECRET: secret, PORT: `${port}`, DB: `${language}.db` }, which);
    await eventually(async () => (await admin.unary(sendTest, { endpointId })).delivery?.state === WebhookDeliveryState.DELIVERED || undefined);
    expect(receiver.lines.at(-1)).toMatch(/^test-\S+ webhook_test new$/);

    await usePolicy(admin, policy);
    const { id } = await ask(admin, { policyKey: "k", subject: { type: "document", id: "x", digest: "d" } });
    await eventually(async () => receiver.lines.includes(`${id}-1 request_created new`) || undefined);
    const { deliveries } = await admin.unary(listWebhookDeliveries, { endpointId, approvalId: id });
    await admin.unary(redeliver, { id: deliveries[0]?.id ?? "" });
    expect(receiver.lines.at(-1)).toBe(`${id}-1 request_created again`);

    const body = '{"event_type":"forged"}';
    const post = async (at: Date, by: string, sent = body) => {
      const headers = {
        "webhook-id": "forged",
        "webhook-timestamp": `${Math.floor(at.getTime() / 1_000)}`,
        "webhook-signature": new Webhook(by).sign("forged", at, body),
      };
      return (await fetch(url, { method: "POST", headers, body: sent })).status;
    };
    const other = `whsec_${Buffer.alloc(32).toString("base64")}`;
    expect(await post(new Date(), other)).toBe(401);
    expect(await post(new Date(), secret, `${body} `)).toBe(401);
    expect((await fetch(url, { method: "POST", body })).status).toBe(401);
    // Not taken, and not answered as if it were: else what comes by a wrong clock would be lost.
    for (const off of [-301_000, 302_000]) expect(await post(new Date(Date.now() + off), secret)).toBe(401);
    expect(receiver.lines.filter((line) => line.includes("forged"))).toEqual([]);
    expect(await post(new Date(), secret)).toBe(204);
    expect(receiver.lines.at(-1)).toBe("forged forged new");
  });
});
