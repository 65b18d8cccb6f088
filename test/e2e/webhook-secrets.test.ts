/** Secrets of webhooks from their making, or bringing, to their end, as callers have them. */
import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { WebhookService } from "../../gen/muster/approval/v1/webhook_service_pb.ts";
import { AuditService } from "../../gen/muster/audit/v1/audit_service_pb.ts";
import { ask, decide, person, usePolicy } from "../support/approvals.ts";
import { refusal } from "../support/client.ts";
import { eventually } from "../support/instances.ts";
import { startWebhookReceiver } from "../support/webhook-receiver.ts";
import { inEveryMode } from "../support/world.ts";

const { createWebhookEndpoint, createWebhookSecret, deleteWebhookEndpoint, deleteWebhookSecret, listWebhookSecrets, rotateWebhookSecret, sendTest } =
  WebhookService.method;
const policyOf = (key: string) => `{key: ${key}, subject: ${key}, ttl: 1h, stages: [{id: team, requirements: [{id: r, who: {users: [bob]}, need: 1}]}]}`;

inEveryMode("secrets of webhooks", (world) => {
  test("a receiver that is there keeps its secret, which nothing shows; then it is rotated to a new one", async () => {
    const { muster } = world();
    await using receiver = await startWebhookReceiver();
    using admin = person(muster.address, "root");
    const values = ["the-old-receiver-knows-this", `whsec_${Buffer.from("and this one knows another secret").toString("base64")}`] as const;
    const [plain, standard] = await Promise.all(values.map((value) => admin.unary(createWebhookSecret, { value, description: "old" })));
    expect([plain?.value, standard?.value]).toEqual(["", ""]);
    const tried = async (secretId = "") => {
      const { endpoint } = await admin.unary(createWebhookEndpoint, { url: receiver.url, subjects: ["nothing"], secretId });
      await admin.unary(sendTest, { endpointId: endpoint?.id ?? "" });
      const { body = "", headers = {} } = receiver.received.at(-1) ?? {};
      const hex = (value: string) =>
        createHmac("sha256", value)
          .update(`${String(headers["x-approval-timestamp"])}.${body}`)
          .digest("hex");
      return { id: endpoint?.id ?? "", body, headers: headers as Readonly<Record<string, string>>, hex };
    };
    const byPlain = await tried(plain?.secret?.id);
    expect(byPlain.headers["x-approval-signature"]).toBe(`sha256=${byPlain.hex(values[0])}`);
    expect(byPlain.headers["webhook-signature"]).toBeUndefined();
    const byStandard = await tried(standard?.secret?.id);
    expect(byStandard.headers["x-approval-signature"]).toBe(`sha256=${byStandard.hex(values[1])}`);
    new Webhook(values[1]).verify(byStandard.body, byStandard.headers);

    const { value } = await admin.unary(rotateWebhookSecret, { id: plain?.secret?.id ?? "" });
    const rotated = await tried(plain?.secret?.id);
    new Webhook(value).verify(rotated.body, rotated.headers);
    expect(rotated.headers["x-approval-signature"]).toBe(`sha256=${rotated.hex(values[0])}`);

    const bad = await refusal(admin, createWebhookSecret, { value: `${values[0]} and more` });
    expect(bad).toMatchObject({ code: status.INVALID_ARGUMENT, fields: ["value"] });
    expect((await refusal(admin, createWebhookSecret, { value: "short" })).fields).toEqual(["value"]);
    const { messages } = await admin.stream(AuditService.method.exportAudit, { kind: "webhook-secret", id: plain?.secret?.id ?? "" });
    expect(messages.map(({ row }) => [row?.action, row?.detail["imported"]])).toEqual([
      ["SECRET_CREATED", "true"],
      ["SECRET_ROTATED", undefined],
    ]);
    const listed = await admin.unary(listWebhookSecrets, { pageSize: 500 });
    const shown = JSON.stringify([messages, listed, bad], (_k, v: unknown) => (typeof v === "bigint" ? `${v}` : v)) + muster.logged();
    for (const secret of [...values, value]) expect(shown).not.toContain(secret);
  });

  test("one is deleted when nothing is signed by it any more: no endpoint, and no callback of a request that is not decided and told", async () => {
    const { muster, unique } = world();
    const key = unique("deleted");
    await using receiver = await startWebhookReceiver();
    using admin = person(muster.address, "root");
    using bob = person(muster.address, "bob");
    await usePolicy(admin, policyOf(key));
    const { secret } = await admin.unary(createWebhookSecret, {});
    const id = secret?.id ?? "";
    const { endpoint } = await admin.unary(createWebhookEndpoint, { url: receiver.url, subjects: ["nothing"], secretId: id });
    const inUse = { code: status.FAILED_PRECONDITION, reason: "WEBHOOK_SECRET_IN_USE", inWrongState: id };
    expect(await refusal(admin, deleteWebhookSecret, { id })).toMatchObject({ ...inUse, message: `the endpoint ${endpoint?.id} is signed by it` });
    await admin.unary(deleteWebhookEndpoint, { id: endpoint?.id ?? "" });

    const opened = await ask(admin, { policyKey: key, subject: { type: key, id: "x", digest: "d" }, callback: { url: receiver.url, secretId: id } });
    expect(await refusal(admin, deleteWebhookSecret, { id })).toMatchObject({ ...inUse, message: expect.stringMatching(/^the callback .* is signed by it$/) });
    await decide(bob, opened);
    await receiver.atLeast(6);
    // Until the last answer is recorded.
    await eventually(() =>
      admin.unary(deleteWebhookSecret, { id }).then(
        () => true,
        () => undefined,
      ),
    );
    expect((await refusal(admin, deleteWebhookSecret, { id })).reason).toBe("WEBHOOK_SECRET_NOT_FOUND");
    expect((await refusal(admin, deleteWebhookSecret, { id: "" })).fields).toEqual(["id"]);
    expect((await refusal(admin, createWebhookEndpoint, { url: receiver.url, secretId: id })).fields).toEqual(["secret_id"]);
    const { messages } = await admin.stream(AuditService.method.exportAudit, { kind: "webhook-secret", id });
    expect(messages.map(({ row }) => row?.action)).toEqual(["SECRET_CREATED", "SECRET_DELETED"]);
  });
});
