/** Decisions of outside systems by HTTP, through `curl` and a running Muster, in every mode. */
import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Webhook } from "standardwebhooks";
import { afterAll, expect, test } from "vitest";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Decision } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { InboundService, InboundStatus } from "../../gen/muster/approval/v1/inbound_service_pb.ts";
import { ask, get, person, usePolicy } from "../support/approvals.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { heldBy, ownersDecide, type GateScene } from "../support/gate.ts";
import { eachScene } from "../support/gate-suite.ts";
import { eventually } from "../support/instances.ts";
import { startMuster } from "../support/muster.ts";
import { inEveryMode, requestFor, unregister } from "../support/world.ts";

const { getModule } = PlatformRegistrationService.method;
const { listInboundEvents } = InboundService.method;
const run = promisify(execFile);

const [present, former] = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "the-former-shared-secret"];
const folder = mkdtempSync(join(tmpdir(), "muster-inbound-"));
const file = join(folder, "inbound.yaml");
writeFileSync(
  file,
  `sources:
  - name: entity-permissions
    secrets: [${present}, ${former}]
    approve: ["*.approved"]
    reject: ["*.rejected"]
    subject: {type: registration, id: /payload/market_id}
    voter: {key: "service|entity-permissions", groups: [owners]}
  - name: local
    unsigned: true
    approve: [approved]
    subject: {approval: /payload/request_id}
    voter: {key: "service|local", groups: [owners]}
`,
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const markets = "{key: markets, subject: market, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {groups: [owners]}, need: 1}]}]}";

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function curl(url: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const fields = Object.entries({ "content-type": "application/json", ...headers }).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const { stdout } = await run("curl", ["-s", "-w", "\n%{http_code}", "-X", "POST", ...fields, "--data-binary", body, url]);
  const [text = "", status = ""] = [stdout.slice(0, stdout.lastIndexOf("\n")), stdout.slice(stdout.lastIndexOf("\n") + 1)];
  return { status: Number(status), body: JSON.parse(text) as Answer["body"] };
}

function event(market: string, more: { readonly id?: string; readonly type?: string } = {}): string {
  return JSON.stringify({
    event_id: more.id ?? crypto.randomUUID(),
    event_type: more.type ?? "market.approved",
    source: "core",
    occurred_at: new Date(Date.now() + 1_000).toISOString(),
    payload: { market_id: market, request_id: market, reason: "looks right" },
    context: { actor_id: "pat", actor_type: "user" },
  });
}

function hmac(body: string, secret: string, offSeconds = 0): Readonly<Record<string, string>> {
  const timestamp = `${Math.floor(Date.now() / 1_000) + offSeconds}`;
  return { "X-Approval-Timestamp": timestamp, "X-Approval-Signature": `sha256=${createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex")}` };
}

function standard(body: string, secret: string): Readonly<Record<string, string>> {
  const at = new Date();
  const headers = { "webhook-id": "msg", "webhook-timestamp": `${Math.floor(at.getTime() / 1_000)}` };
  return { ...headers, "webhook-signature": new Webhook(secret).sign("msg", at, body) };
}

inEveryMode(
  "decisions by webhook",
  (world) => {
    const url = (source: string) => `http://${world().muster.address}/api/v1/webhooks/${source}`;
    const entity = () => url("entity-permissions");
    let scene: GateScene;
    eachScene(world, (opened) => (scene = opened), false);

    test("a held registration goes live because of one", async () => {
      const { client, unique } = world();
      await scene.turnOn(ownersDecide);
      const name = unique("by-webhook");
      await using module = await startFakeModule({ name, version: "1.0.0" });
      const held = await client.register(requestFor(name, module));
      const id = heldBy(held)["approval_id"] ?? "";
      const { subject } = await get(scene.admin, id);
      const body = event(subject?.id ?? "");
      expect(await curl(entity(), body, standard(body, present))).toMatchObject({ status: 200, body: { received: true, status: "processed" } });
      expect(await get(scene.admin, id)).toMatchObject({ decision: Decision.APPROVED, votes: [{ voter: { key: "service|entity-permissions" } }] });
      const live = await eventually(async () => client.unary(getModule, { lookupKey: { case: "moduleName", value: name } }).catch(() => undefined));
      expect(live).toMatchObject({ isHealthy: true });
      expect(await curl(entity(), body, hmac(body, former))).toMatchObject({ status: 200, body: { status: "already_processed" } });
      await unregister(client, name, module);
    });

    test.each([
      ["a wrong secret", (body: string) => hmac(body, "another-shared-secret")],
      ["no signature", () => ({})],
      ["a signature of 301 s ago", (body: string) => hmac(body, present, -301)],
      ["a signature from the future", (body: string) => hmac(body, present, 302)],
      ["another byte", (body: string) => hmac(`${body} `, present)],
      ["a signature by Standard Webhooks of another body", (body: string) => standard(`${body} `, present)],
    ])("%s is refused, and nothing is kept", async (_what, sign) => {
      const id = crypto.randomUUID();
      const body = event("nothing", { id });
      expect(await curl(entity(), body, sign(body))).toMatchObject({ status: 401, body: { error: "invalid_signature" } });
      const { events } = await scene.admin.unary(listInboundEvents, { pageSize: 500 });
      expect(events.map(({ eventId }) => eventId)).not.toContain(id);
    });

    test.each([
      ["{", "invalid_webhook_payload"],
      ["[]", "invalid_webhook_payload"],
      ["{}", "missing_event_fields"],
      ['{"event_id": "a", "event_type": "x.approved", "payload": {"market_id": "m"}}', "missing_event_fields"],
      ['{"event_id": "a", "event_type": "x.approved", "occurred_at": "yesterday", "payload": {"market_id": "m"}}', "missing_event_fields"],
      ['{"event_id": "a", "event_type": "x.approved", "occurred_at": "2026-01-31T18:00:00Z", "payload": {}}', "invalid_approval_payload"],
      [
        '{"event_id": "a", "event_type": "x.approved", "occurred_at": "2026-01-31T18:00:00Z", "payload": {"market_id": "m", "decision": "rejected"}}',
        "invalid_decision",
      ],
      [
        '{"event_id": "a", "event_type": "x.approved", "occurred_at": "2026-01-31T18:00:00Z", "payload": {"market_id": "m", "digest": 1}}',
        "invalid_approval_payload",
      ],
      [
        `{"event_id": "a", "event_type": "x.approved", "occurred_at": "2026-01-31T18:00:00Z", "payload": {"market_id": "m", "digest": "${"d".repeat(129)}"}}`,
        "invalid_approval_payload",
      ],
    ])("the body %s is %s", async (body, error) => {
      expect(await curl(entity(), body, hmac(body, present))).toMatchObject({ status: 400, body: { error } });
    });

    test("what fails is kept and answered 202; what has no effect is skipped; a source that is not there is 404", async () => {
      const lost = event("nobody-asked");
      expect(await curl(entity(), lost, hmac(lost, present))).toMatchObject({ status: 202, body: { status: "failed", reason: "SUBJECT_UNKNOWN" } });
      const other = event("m", { type: "market.opened" });
      expect(await curl(entity(), other, hmac(other, present))).toMatchObject({ status: 200, body: { status: "skipped", reason: "UNKNOWN_TYPE" } });
      expect((await curl(url("nobody"), "{}")).status).toBe(404);
      const { events, counts } = await scene.admin.unary(listInboundEvents, { status: InboundStatus.FAILED });
      expect(events).toMatchObject([{ reason: "SUBJECT_UNKNOWN", claimedActor: "pat", body: "" }]);
      expect(counts.map(({ status }) => status)).toContain(InboundStatus.SKIPPED);
    });

    test("a source that is not signed is heard on loopback", async () => {
      await usePolicy(scene.admin, markets);
      using amy = person(world().muster.address, "amy");
      const { id } = await ask(amy, { policyKey: "markets", subject: { type: "market", id: crypto.randomUUID(), digest: "d" } });
      expect(await curl(url("local"), event(id, { type: "approved" }))).toMatchObject({ status: 200, body: { status: "processed" } });
      expect((await get(amy, id)).decision).toBe(Decision.APPROVED);
    });

    test("the same event at two replicas at once is one vote", async () => {
      const { real, env } = world();
      if (!real) return;
      await using second = await startMuster({ ...env, MUSTER_INBOUND: file });
      await usePolicy(scene.admin, markets);
      using amy = person(world().muster.address, "amy");
      for (let n = 0; n < 10; n++) {
        const { id } = await ask(amy, { policyKey: "markets", subject: { type: "market", id: crypto.randomUUID(), digest: "d" } });
        const body = event(id, { type: "approved" });
        const urls = Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? url("local") : `http://${second.address}/api/v1/webhooks/local`));
        const answers = await Promise.all(urls.map((to) => curl(to, body)));
        expect(answers.map(({ body: its }) => its["status"]).toSorted()).toEqual([...Array<string>(7).fill("already_processed"), "processed"]);
        expect(await get(amy, id)).toMatchObject({ decision: Decision.APPROVED, votes: [{}] });
      }
    });

    test("health answers", async () => {
      const { stdout } = await run("curl", ["-s", "-f", url("health")]);
      expect(JSON.parse(stdout)).toEqual({ status: "ok" });
    });
  },
  { MUSTER_INBOUND: file },
);
