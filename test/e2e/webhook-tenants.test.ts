/** Tenants and roles in webhooks, with tokens: what is another tenant's answers like what is not there; every method is for admins. */
import { createHash } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type DescMethod } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { afterAll, expect, test } from "vitest";
import { ApprovalService } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { WebhookService } from "../../gen/muster/approval/v1/webhook_service_pb.ts";
import { AuditService } from "../../gen/muster/audit/v1/audit_service_pb.ts";
import { ask, usePolicy } from "../support/approvals.ts";
import { connect, refusal, type MusterClient } from "../support/client.ts";
import { startWebhookReceiver } from "../support/webhook-receiver.ts";
import { inEveryMode } from "../support/world.ts";

const folder = mkdtempSync(join(tmpdir(), "muster-webhook-tenants-"));
const file = join(folder, "tokens.json");
afterAll(() => rm(folder, { recursive: true, force: true }));
const entry = (principal: string, tenant: string, roles: readonly string[]) => ({
  principal,
  tenant,
  roles,
  sha256: createHash("sha256").update(`token-of-${principal}`).digest("hex"),
});
const people = [entry("root", "default", ["admin"]), entry("amy", "default", ["registrar", "approver", "operator"]), entry("other-root", "other", ["admin"])];
writeFileSync(file, JSON.stringify({ tokens: people }));

type Any = DescMethod & { input: typeof WebhookService.method.getWebhookEndpoint.input; output: typeof WebhookService.method.getWebhookEndpoint.output };
const methods = WebhookService.methods as unknown as readonly Any[];
const random = "01a218d4-af48-707d-a057-5afb22360873";

inEveryMode(
  "tenants of webhooks",
  (world) => {
    const as = (principal: string): MusterClient => connect(world().muster.address, { token: `token-of-${principal}` });
    const policyOf = (key: string) => `{key: ${key}, subject: document, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {users: [bob]}, need: 1}]}]}`;

    test("every method is refused to everybody but admins", async () => {
      using amy = as("amy");
      for (const method of methods) {
        expect([method.name, await refusal(amy, method, create(method.input))]).toMatchObject([method.name, { code: status.PERMISSION_DENIED }]);
      }
    });

    test("an id of another tenant answers exactly like one that is not there, on every method; its events go to its own endpoints", async () => {
      const key = world().unique("tenants");
      await using receiver = await startWebhookReceiver();
      using root = as("root");
      using other = as("other-root");
      const { createWebhookEndpoint, sendTest } = WebhookService.method;
      const { endpoint } = await root.unary(createWebhookEndpoint, { url: `${receiver.url}/root` });
      const theirs = await other.unary(createWebhookEndpoint, { url: `${receiver.url}/other` });
      const endpointId = endpoint?.id ?? "";
      const { delivery } = await root.unary(sendTest, { endpointId });
      const ids: Readonly<Record<string, string>> = { endpoint: endpointId, secret: endpoint?.secretId ?? "", delivery: delivery?.id ?? "" };
      const w = WebhookService.method;
      const calls: Readonly<Record<string, (of: (what: string) => string) => Promise<unknown>>> = {
        getWebhookEndpoint: (of) => refusal(other, w.getWebhookEndpoint, { id: of("endpoint") }),
        updateWebhookEndpoint: (of) => refusal(other, w.updateWebhookEndpoint, { id: of("endpoint"), enabled: false }),
        deleteWebhookEndpoint: (of) => refusal(other, w.deleteWebhookEndpoint, { id: of("endpoint") }),
        createWebhookEndpoint: (of) => refusal(other, w.createWebhookEndpoint, { url: receiver.url, secretId: of("secret") }),
        rotateWebhookSecret: (of) => refusal(other, w.rotateWebhookSecret, { id: of("secret") }),
        deleteWebhookSecret: (of) => refusal(other, w.deleteWebhookSecret, { id: of("secret") }),
        getWebhookDelivery: (of) => refusal(other, w.getWebhookDelivery, { id: of("delivery") }),
        redeliver: (of) => refusal(other, w.redeliver, { id: of("delivery") }),
        replaySince: (of) => refusal(other, w.replaySince, { endpointId: of("endpoint"), since: { seconds: 1n, nanos: 0 } }),
        sendTest: (of) => refusal(other, w.sendTest, { endpointId: of("endpoint") }),
        listWebhookDeliveries: (of) => other.unary(w.listWebhookDeliveries, { endpointId: of("endpoint") }),
        endpointAudit: async (of) => (await other.stream(AuditService.method.exportAudit, { kind: "webhook-endpoint", id: of("endpoint") })).status,
        secretAudit: async (of) => (await other.stream(AuditService.method.exportAudit, { kind: "webhook-secret", id: of("secret") })).status,
      };
      const shape = (value: unknown) =>
        [...Object.values(ids), random].reduce(
          (text, id) => text.replaceAll(id, "ID"),
          JSON.stringify(value, (_k, v: unknown) => (typeof v === "bigint" ? `${v}` : v)),
        );
      for (const [name, call] of Object.entries(calls)) {
        expect([name, shape(await call((what) => ids[what] ?? ""))]).toEqual([name, shape(await call(() => random))]);
      }
      const without = ["listWebhookEndpoints", "listWebhookSecrets", "createWebhookSecret"];
      expect(methods.map(({ localName }) => localName).filter((name) => !(name in calls) && !without.includes(name))).toEqual([]);
      for (const list of [w.listWebhookEndpoints, w.listWebhookSecrets] as unknown as readonly Any[]) {
        expect(shape(await other.unary(list, create(list.input)))).not.toContain("ID");
      }
      expect((await root.unary(w.getWebhookEndpoint, { id: endpointId })).endpoint?.enabled).toBe(true);

      await usePolicy(root, policyOf(key));
      await usePolicy(other, policyOf(key));
      const secretId = theirs.endpoint?.secretId ?? "";
      const foreign = { policyKey: key, subject: { type: "document", id: key, digest: "d" }, callback: { url: receiver.url, secretId } };
      expect((await refusal(root, ApprovalService.method.createApproval, foreign)).fields).toEqual(["callback.secret_id"]);
      const mine = await ask(root, { policyKey: key, subject: { type: "document", id: key, digest: "d" } });
      const other1 = await ask(other, { policyKey: key, subject: { type: "document", id: key, digest: "d" } });
      const received = await receiver.atLeast(6, ({ event }) => event.event_type !== "webhook_test");
      for (const { path, event } of received) expect(event.request_id).toBe(path === "/hook/root" ? mine.id : other1.id);
      expect(new Set(received.map(({ path }) => path))).toEqual(new Set(["/hook/root", "/hook/other"]));
    });
  },
  { MUSTER_AUTH: `tokens:${file}` },
);
