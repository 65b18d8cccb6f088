/** Webhooks as receivers have them: what happens to requests, signed, in order, at least once. */
import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { WebhookService, WebhookDeliveryState } from "../../gen/muster/approval/v1/webhook_service_pb.ts";
import { ask, decide, person, usePolicy } from "../support/approvals.ts";
import { eventually } from "../support/instances.ts";
import { startWebhookReceiver } from "../support/webhook-receiver.ts";
import { inEveryMode } from "../support/world.ts";

const { createWebhookEndpoint, listWebhookDeliveries } = WebhookService.method;
const policyOf = (key: string) => `{key: ${key}, subject: ${key}, ttl: 1h, stages: [{id: team, requirements: [{id: r, who: {users: [bob]}, need: 1}]}]}`;

inEveryMode("webhooks", (world) => {
  test("a receiver learns of a request from its opening to its approval, in order, signed in both ways", async () => {
    const { muster, unique } = world();
    const key = unique("thin");
    await using receiver = await startWebhookReceiver();
    using admin = person(muster.address, "root");
    using amy = person(muster.address, "amy");
    using bob = person(muster.address, "bob");
    await usePolicy(admin, policyOf(key));
    const { endpoint, secret } = await admin.unary(createWebhookEndpoint, { url: receiver.url, subjects: [key] });
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);

    const opened = await ask(amy, { policyKey: key, subject: { type: key, id: "x", digest: "d" } });
    await decide(bob, opened, { comment: "fine" });

    const received = await receiver.atLeast(6);
    expect(received.map(({ event }) => event.event_type)).toEqual([
      "request_created",
      "stage_started",
      "approvers_resolved",
      "vote_recorded",
      "stage_completed",
      "request_approved",
    ]);
    for (const { body, headers, event } of received) {
      new Webhook(secret).verify(body, headers as Record<string, string>);
      const { "x-approval-timestamp": timestamp, "x-approval-signature": signature, "x-approval-event-id": id } = headers;
      expect(signature).toBe(
        `sha256=${createHmac("sha256", secret)
          .update(`${String(timestamp)}.${body}`)
          .digest("hex")}`,
      );
      expect([id, headers["webhook-id"]]).toEqual([event.event_id, event.event_id]);
    }
    expect(received.at(3)?.event).toMatchObject({ stage_order: 1, status: "in_review", actor: "open|bob", payload: { comment: "fine", stage: "team" } });
    expect(received.at(-1)?.event).toMatchObject({
      request_id: opened.id,
      artifact_type: key,
      artifact_id: "x",
      status: "approved",
      actor: "open|bob",
      payload: { approval: { id: opened.id, decision: "APPROVED" }, actor: "open|bob", reason: "every requirement is met", comment: "" },
    });
    const deliveries = await eventually(async () => {
      const page = await admin.unary(listWebhookDeliveries, { endpointId: endpoint?.id ?? "" });
      return page.deliveries.every(({ state }) => state === WebhookDeliveryState.DELIVERED) ? page.deliveries : undefined;
    });
    expect(deliveries.map(({ sequence }) => sequence)).toEqual([6n, 5n, 4n, 3n, 2n, 1n]);
    expect(deliveries[0]?.attempts).toMatchObject([{ status: 200, address: "127.0.0.1" }]);
  });
});
