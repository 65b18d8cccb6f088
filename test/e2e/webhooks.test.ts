/** Webhooks as receivers have them: what happens to requests, signed, in order, at least once. */
import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { ApprovalService } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { WebhookAttemptResult, WebhookDeliveryState, WebhookService } from "../../gen/muster/approval/v1/webhook_service_pb.ts";
import { AuditService } from "../../gen/muster/audit/v1/audit_service_pb.ts";
import { ask, decide, person, usePolicy } from "../support/approvals.ts";
import { connect, refusal } from "../support/client.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, startMuster } from "../support/muster.ts";
import { startWebhookReceiver, type Received } from "../support/webhook-receiver.ts";
import { inEveryMode } from "../support/world.ts";

const {
  createWebhookEndpoint,
  createWebhookSecret,
  deleteWebhookEndpoint,
  getWebhookDelivery,
  getWebhookEndpoint,
  listWebhookDeliveries,
  listWebhookEndpoints,
  listWebhookSecrets,
  redeliver,
  replaySince,
  rotateWebhookSecret,
  sendTest,
  updateWebhookEndpoint,
} = WebhookService.method;
const { createApproval } = ApprovalService.method;
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

  test("a webhook has the trace context of the call that it tells of, in every attempt; one that tells of none has none", async () => {
    const { muster, unique } = world();
    const key = unique("traced");
    const traceOf = (digit: string) => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`;
    await using receiver = await startWebhookReceiver();
    using admin = person(muster.address, "root");
    using amy = connect(muster.address, { metadata: { "muster-principal": "amy", traceparent: traceOf("a") } });
    using bob = connect(muster.address, { metadata: { "muster-principal": "bob", traceparent: traceOf("b") } });
    await usePolicy(admin, policyOf(key));
    const { endpoint } = await admin.unary(createWebhookEndpoint, { url: receiver.url, subjects: [key] });
    const opened = await ask(amy, { policyKey: key, subject: { type: key, id: "x", digest: "d" } });
    await decide(bob, opened);
    const subject = { type: key, id: "y", digest: "d" };
    const untraced = await ask(admin, { policyKey: key, subject });
    const received = await receiver.atLeast(9);
    const traces = (id: string) =>
      received.filter(({ event }) => event.request_id === id).map(({ event, headers }) => [event.event_type, headers["traceparent"]]);
    expect(traces(opened.id)).toEqual([
      ...["request_created", "stage_started", "approvers_resolved"].map((type) => [type, traceOf("a")]),
      ...["vote_recorded", "stage_completed", "request_approved"].map((type) => [type, traceOf("b")]),
    ]);
    expect(new Set(traces(untraced.id).map(([, trace]) => trace))).toEqual(new Set([undefined]));
    const { deliveries } = await admin.unary(listWebhookDeliveries, { endpointId: endpoint?.id ?? "", approvalId: opened.id });
    await admin.unary(redeliver, { id: deliveries[0]?.id ?? "" });
    expect(receiver.received.at(-1)).toMatchObject({ event: { event_type: "request_approved" }, headers: { traceparent: traceOf("b") } });
  });

  test("a callback is told of its request alone, signed by the secret that it names, or on loopback not at all", async () => {
    const { muster, unique } = world();
    const key = unique("callback");
    await using receiver = await startWebhookReceiver();
    using admin = person(muster.address, "root");
    using amy = person(muster.address, "amy");
    using bob = person(muster.address, "bob");
    await usePolicy(admin, policyOf(key));
    const { secret, value } = await admin.unary(createWebhookSecret, { description: "builds" });
    const subject = (id: string) => ({ type: key, id, digest: "d" });
    const callback = { url: `${receiver.url}/signed`, secretId: secret?.id ?? "" };
    const opened = await ask(amy, { policyKey: key, subject: subject("x"), callback });
    await ask(amy, { policyKey: key, subject: subject("y") });
    // The same again is no second one; another one by somebody who joins is.
    await ask(amy, { policyKey: key, subject: subject("x"), callback });
    await ask(bob, { policyKey: key, subject: subject("x"), callback: { url: `${receiver.url}/plain`, secretId: "" } });
    // More follows by itself, since whoever joins may not decide any more.
    const signed = await receiver.atLeast(4, ({ path }) => path === "/hook/signed");
    expect(signed.slice(0, 4).map(({ event }) => [event.request_id, event.event_type])).toEqual(
      ["request_created", "stage_started", "approvers_resolved", "requester_joined"].map((type) => [opened.id, type]),
    );
    for (const { body, headers } of signed) new Webhook(value).verify(body, headers as Record<string, string>);
    const plain = await receiver.atLeast(1, ({ path }) => path === "/hook/plain");
    expect(new Set([...signed, ...plain].map(({ event }) => event.request_id))).toEqual(new Set([opened.id]));
    expect(plain.slice(0, 1).map(({ event, headers }) => [event.event_type, headers["webhook-signature"], headers["x-approval-signature"]])).toEqual([
      ["requester_joined", undefined, undefined],
    ]);
    const { endpoints } = await admin.unary(listWebhookEndpoints, { approvalId: opened.id });
    expect(endpoints.map(({ url, createdBy }) => [url, createdBy])).toEqual([
      [`${receiver.url}/plain`, "open|bob"],
      [`${receiver.url}/signed`, "open|amy"],
    ]);
    expect((await admin.unary(listWebhookEndpoints, {})).endpoints.filter(({ url }) => url.startsWith(receiver.url))).toEqual([]);
  });

  test("a callback that cannot be is refused, and nothing is opened; a dry run tells nobody", async () => {
    const { muster, unique } = world();
    const key = unique("refused");
    await using receiver = await startWebhookReceiver();
    using admin = person(muster.address, "root");
    using amy = person(muster.address, "amy");
    await usePolicy(admin, policyOf(key));
    const request = { policyKey: key, subject: { type: key, id: "x", digest: "d" } };
    const fields = async (callback: object, more: object = {}) => (await refusal(amy, createApproval, { ...request, ...more, callback })).fields;
    expect(await fields({ url: "http://example.org/" })).toEqual(["callback.url"]);
    expect(await fields({ url: "https://example.org/" })).toEqual(["callback.url"]);
    expect(await fields({ url: "https://169.254.169.254/", secretId: "01a218d4-af48-707d-a057-5afb22360873" })).toEqual(["callback.url", "callback.secret_id"]);
    expect(await fields({ url: "" }, { validateOnly: true })).toEqual(["callback.url"]);
    const dry = await amy.unary(createApproval, { ...request, validateOnly: true, callback: { url: receiver.url } });
    expect(dry.created).toBe(true);
    const { created, approval } = await amy.unary(createApproval, request);
    expect(created).toBe(true);
    expect((await admin.unary(listWebhookEndpoints, { approvalId: approval?.id ?? "" })).endpoints).toEqual([]);
    expect(receiver.received).toEqual([]);
  });

  test("an endpoint is changed, tested, sent again and deleted; the audit has it all, and nothing has the secret", async () => {
    const { muster, unique } = world();
    const key = unique("kept");
    await using receiver = await startWebhookReceiver();
    using admin = person(muster.address, "root");
    await usePolicy(admin, policyOf(key));
    const made = await admin.unary(createWebhookEndpoint, { url: receiver.url, subjects: ["nothing"], description: "mine" });
    const { id = "", secretId = "" } = made.endpoint ?? {};
    receiver.answer((_received, response) => response.writeHead(503).end("not \u001b[31mnow"));
    const { delivery } = await admin.unary(sendTest, { endpointId: id });
    expect(delivery).toMatchObject({
      eventType: "webhook_test",
      state: WebhookDeliveryState.GIVEN_UP,
      attempts: [{ status: 503, answer: "not \u001b[31mnow", manual: true }],
    });
    receiver.answer(200);
    expect((await admin.unary(redeliver, { id: delivery?.id ?? "" })).delivery).toMatchObject({ state: WebhookDeliveryState.DELIVERED });
    expect(new Set(receiver.received.map(({ body, headers }) => `${headers["webhook-id"]} ${body}`)).size).toBe(1);

    const subject = { type: key, id: "x", digest: "d" };
    const since = { seconds: BigInt(Math.floor(Date.now() / 1_000) - 60), nanos: 0 };
    const opened = await ask(admin, { policyKey: key, subject });
    const changed = await admin.unary(updateWebhookEndpoint, { id, filter: { types: ["request_created"], subjects: [`${key}/x`] }, enabled: false });
    expect(changed.endpoint).toMatchObject({ enabled: false, disabledReason: "an admin disabled it", description: "mine", types: ["request_created"] });
    expect(await refusal(admin, replaySince, { endpointId: id, since })).toMatchObject({
      reason: "WEBHOOK_ENDPOINT_DISABLED",
      code: status.FAILED_PRECONDITION,
    });
    await admin.unary(updateWebhookEndpoint, { id, enabled: true });
    const isOurs = ({ event }: Received) => event.request_id === opened.id;
    await admin.unary(replaySince, { endpointId: id, since });
    const [ours] = await receiver.atLeast(1, isOurs);
    expect(ours?.event).toMatchObject({ event_id: `${opened.id}-1`, event_type: "request_created" });

    const rotated = await admin.unary(rotateWebhookSecret, { id: secretId });
    expect(rotated.value).toMatch(/^whsec_/);
    await admin.unary(deleteWebhookEndpoint, { id });
    expect(await refusal(admin, getWebhookEndpoint, { id })).toMatchObject({ reason: "WEBHOOK_ENDPOINT_NOT_FOUND", code: status.NOT_FOUND });
    const { messages } = await admin.stream(AuditService.method.exportAudit, { kind: "webhook-endpoint", id });
    const actions = new Set(messages.map(({ row }) => row?.action));
    expect(actions).toEqual(new Set(["WEBHOOK_CREATED", "WEBHOOK_TESTED", "WEBHOOK_REDELIVERED", "WEBHOOK_UPDATED", "WEBHOOK_REPLAYED", "WEBHOOK_DELETED"]));
    const secrets = await admin.stream(AuditService.method.exportAudit, { kind: "webhook-secret", id: secretId });
    expect(secrets.messages.map(({ row }) => row?.action)).toEqual(["SECRET_CREATED", "SECRET_ROTATED"]);
    const listed = await admin.unary(listWebhookSecrets, {});
    const shown = JSON.stringify([changed, messages, secrets, listed, delivery], (_k, v: unknown) => (typeof v === "bigint" ? `${v}` : v)) + muster.logged();
    for (const secret of [made.secret, rotated.value]) expect(shown).not.toContain(secret.slice("whsec_".length, 20));
    expect(shown).not.toContain("whsec_");
  });

  test("what is wrong with an endpoint is said at once, field by field", async () => {
    using admin = person(world().muster.address, "root");
    const bad = { url: "ftp://example.org", types: ["request_approved", "approved"], subjects: ["a b"], secretId: "01a218d4-af48-707d-a057-5afb22360873" };
    expect(await refusal(admin, createWebhookEndpoint, bad)).toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: "INVALID_FIELDS",
      fields: ["url", "types[1]", "subjects[0]", "secret_id"],
    });
    expect((await refusal(admin, rotateWebhookSecret, { id: "x", formerFor: { seconds: 31n * 86_400n, nanos: 0 } })).fields).toEqual(["former_for"]);
    for (const seconds of [10n ** 15n, -(10n ** 15n), 2n ** 63n - 1n])
      expect((await refusal(admin, replaySince, { endpointId: "x", since: { seconds, nanos: 0 } })).fields).toEqual(["since"]);
    expect((await refusal(admin, listWebhookDeliveries, { pageSize: 501, pageToken: "x", state: 9 as WebhookDeliveryState })).fields).toEqual([
      "page_size",
      "page_token",
      "state",
    ]);
    expect((await refusal(admin, replaySince, { endpointId: "" })).fields).toEqual(["endpoint_id", "since"]);
    expect((await refusal(admin, getWebhookDelivery, { id: "x" })).reason).toBe("WEBHOOK_DELIVERY_NOT_FOUND");
    expect((await refusal(admin, redeliver, { id: "x" })).reason).toBe("WEBHOOK_DELIVERY_NOT_FOUND");
    expect((await refusal(admin, rotateWebhookSecret, { id: "x" })).reason).toBe("WEBHOOK_SECRET_NOT_FOUND");
  });
});

test("outside MUSTER_WEBHOOK_ADDRESSES nothing is dialled: an address is refused when it is named, a name at the attempt", async () => {
  await using backing = await embeddedBacking();
  await using receiver = await startWebhookReceiver();
  await using muster = await startMuster({ ...backing.env, MUSTER_WEBHOOK_ADDRESSES: "203.0.113.0/24" });
  using admin = person(muster.address, "root");
  expect((await refusal(admin, createWebhookEndpoint, { url: receiver.url })).fields).toEqual(["url"]);
  const { endpoint } = await admin.unary(createWebhookEndpoint, { url: receiver.url.replace("127.0.0.1", "localhost") });
  const { delivery } = await admin.unary(sendTest, { endpointId: endpoint?.id ?? "" });
  expect(delivery?.attempts).toMatchObject([
    { result: WebhookAttemptResult.DENIED, error: "the host is denied: it resolves to an address that is outside the allowed ranges", address: "" },
  ]);
  expect(receiver.received).toEqual([]);
});
