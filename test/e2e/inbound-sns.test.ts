/** Decisions by Amazon SNS, whose part the test plays, through HTTP and a running Muster, in every mode. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Decision } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { ask, get, person, usePolicy } from "../support/approvals.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { heldBy, ownersDecide, type GateScene } from "../support/gate.ts";
import { eachScene } from "../support/gate-suite.ts";
import { eventually } from "../support/instances.ts";
import { startMuster } from "../support/muster.ts";
import { confirmation, makeSnsKey, notification, signed, startSns, topic, type SnsFields } from "../support/sns.ts";
import { inEveryMode, requestFor, unregister } from "../support/world.ts";

const { getModule } = PlatformRegistrationService.method;
const [key, stranger] = [await makeSnsKey(), await makeSnsKey()];
const sns = await startSns([key]);
const folder = mkdtempSync(join(tmpdir(), "muster-sns-"));
const file = join(folder, "inbound.yaml");
const voter = 'voter: {key: "service|markets", groups: [owners]}';
writeFileSync(
  file,
  `sources:
  - {name: topic, topics: ["${topic}"], emulator: "${sns.emulator}", approve: ["*.approved"], subject: {type: registration, id: /payload/market_id}, ${voter}}
  - {name: requests, topics: ["${topic}"], emulator: "${sns.emulator}", approve: ["*.approved"], subject: {approval: /payload/market_id}, ${voter}}
  - {name: direct, unsigned: true, approve: ["*.approved"], subject: {approval: /payload/market_id}, ${voter}}
`,
);
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await sns[Symbol.asyncDispose]();
});

const policy = "{key: markets, subject: market, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {groups: [owners]}, need: 2}]}]}";

function event(market: string, id: string = crypto.randomUUID()): string {
  const [event_type, occurred_at] = ["market.approved", new Date(Date.now() + 1_000).toISOString()];
  return JSON.stringify({ event_id: id, event_type, source: "core", occurred_at, payload: { market_id: market } });
}

async function post(url: string, body: SnsFields | string) {
  const type = typeof body === "string" ? {} : { "x-amz-sns-message-type": body["Type"] ?? "" };
  const headers = { "content-type": "text/plain; charset=UTF-8", ...type };
  const response = await fetch(url, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });
  return { status: response.status, said: (await response.json()) as Readonly<Record<string, unknown>> };
}

inEveryMode(
  "decisions by SNS",
  (world) => {
    const at = (source: string, address = world().muster.address) => `http://${address}/api/v1/webhooks/${source}`;
    const message = (text: string) => notification(key, { at: Date.now(), message: text });
    let scene: GateScene;
    eachScene(world, (opened) => (scene = opened), false);

    test("a subscription is confirmed, and a held registration goes live by the message that follows", async () => {
      const { client, unique } = world();
      const subscription = confirmation(key, { at: Date.now() });
      expect(await post(at("topic"), subscription)).toMatchObject({ status: 200, said: { status: "confirmed" } });
      expect(sns.asked.at(-1)).toMatch(/^GET \/\?Action=ConfirmSubscription&/);
      await scene.turnOn(ownersDecide);
      const name = unique("by-sns");
      await using module = await startFakeModule({ name, version: "1.0.0" });
      const id = heldBy(await client.register(requestFor(name, module)))["approval_id"] ?? "";
      const decided = message(event((await get(scene.admin, id)).subject?.id ?? ""));
      expect(await post(at("topic"), decided)).toMatchObject({ status: 200, said: { received: true, status: "processed" } });
      expect(await get(scene.admin, id)).toMatchObject({ decision: Decision.APPROVED, votes: [{ voter: { key: "service|markets" } }] });
      const live = await eventually(async () => client.unary(getModule, { lookupKey: { case: "moduleName", value: name } }).catch(() => undefined));
      expect(live).toMatchObject({ isHealthy: true });
      expect(await post(at("topic"), decided)).toMatchObject({ status: 200, said: { status: "already_processed" } });
      await unregister(client, name, module);
    });

    test("one principal has one vote, by SNS, by itself and through two replicas at once", async () => {
      const { real, env } = world();
      await usePolicy(scene.admin, policy);
      using amy = person(world().muster.address, "amy");
      await using stack = new AsyncDisposableStack();
      const addresses = [world().muster.address, real ? stack.use(await startMuster({ ...env, MUSTER_INBOUND: file })).address : world().muster.address];
      for (let n = 0; n < 5; n++) {
        const { id } = await ask(amy, { policyKey: "markets", subject: { type: "market", id: crypto.randomUUID(), digest: "d" } });
        const body = event(id);
        const bySns = message(body);
        const all = [...addresses, ...addresses].flatMap((address) => [post(at("requests", address), bySns), post(at("direct", address), body)]);
        // Two sources, so two events: the second one is the same vote once more.
        const ends = (await Promise.all(all)).map(({ said }) => said["status"]).toSorted();
        expect(ends).toEqual([...Array<string>(6).fill("already_processed"), "processed", "processed"]);
        expect(await get(amy, id)).toMatchObject({ decision: Decision.IN_REVIEW, votes: [{ voter: { key: "service|markets" } }] });
      }
    });

    test("what is forged is 403, and SNS hears nothing of it", async () => {
      const good = message(event("nothing"));
      const before = sns.connections();
      const forged = [
        { ...good, SigningCertURL: good["SigningCertURL"]?.replace("https://", "http://") ?? "" },
        { ...good, SigningCertURL: good["SigningCertURL"]?.replace(/https:..[^/]+/, `https://127.0.0.1:${sns.port}`) ?? "" },
        { ...good, TopicArn: `${topic}2` },
        { ...good, Timestamp: new Date(Date.now() - 3_601_000).toISOString() },
        confirmation(key, { at: Date.now(), more: { SubscribeURL: `${sns.emulator}/?Action=ConfirmSubscription` } }),
      ].map((fields) => signed(stranger, fields));
      for (const fields of forged) expect(await post(at("topic"), fields)).toMatchObject({ status: 403, said: { error: "untrusted_sns_message" } });
      expect(sns.connections()).toBe(before);
      expect((await post(at("topic"), signed(stranger, good))).status).toBe(403);
      expect((await post(at("direct"), good)).status).toBe(400);
    });

    test("while SNS is away a message is 503, so that SNS sends it again", async () => {
      const next = await makeSnsKey();
      sns.answer = (response) => void response.destroy();
      const lost = notification(next, { at: Date.now(), message: event("nothing") });
      expect((await post(at("topic"), lost)).status).toBe(503);
      sns.answer = (response) => void response.end(next.cert);
      expect(await post(at("topic"), lost)).toMatchObject({ status: 202, said: { reason: "SUBJECT_UNKNOWN" } });
      sns.answer = undefined;
    });
  },
  { MUSTER_INBOUND: file },
);
