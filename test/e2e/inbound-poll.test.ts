/** Decisions of outside systems by polling, through a running Muster, in every mode; and a file of sources that changes meanwhile. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Decision } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { InboundService, InboundStatus } from "../../gen/muster/approval/v1/inbound_service_pb.ts";
import { ask, get, person, usePolicy } from "../support/approvals.ts";
import { startEventServer } from "../support/event-server.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { heldBy, ownersDecide, type GateScene } from "../support/gate.ts";
import { eachScene } from "../support/gate-suite.ts";
import { eventually } from "../support/instances.ts";
import { runCli } from "../support/muster-cli.ts";
import { startMuster } from "../support/muster.ts";
import { inEveryMode, requestFor, unregister } from "../support/world.ts";

const { getModule } = PlatformRegistrationService.method;
const { listInboundEvents, listInboundSources } = InboundService.method;
const key = "the-key-of-this-platform";
const server = await startEventServer();
const folder = mkdtempSync(join(tmpdir(), "muster-polls-"));
const file = join(folder, "inbound.yaml");
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server[Symbol.asyncDispose]();
});

const sourceText = (name: string, more: string) =>
  `  - {name: ${name}, ${more}, approve: ["*.approved"], reject: ["*.rejected"], subject: {type: registration, id: /payload/market_id}, voter: {key: "service|${name}", groups: [owners]}}\n`;
const polled = (name: string, path = "") =>
  sourceText(name, `unsigned: true, poll: {url: "${server.url}${path}?limit=3", key: ${key}, every: 1s, cursor: {param: after, from: /next}}`);
/** A second source, of subjects that no gate asks about. */
const papers = polled("papers", "/papers").replace("type: registration", "type: paper");
/** One that is read alone. */
const sealed = polled("sealed", "/sealed").replace("unsigned: true, ", "").replace("type: registration", "type: sealed");
const first = `sources:\n${polled("markets")}${papers}${sealed}`;
/** As an editor does it. */
function write(text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}
write(first);

function event(subject: string, id: string = crypto.randomUUID()) {
  const occurred_at = new Date(Date.now() + 1_000).toISOString();
  return { event_id: id, event_type: "market.approved", occurred_at, payload: { market_id: subject, decision: "approved" }, context: { actor_id: "pat" } };
}

const policy = "{key: papers, subject: paper, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {groups: [owners]}, need: 1}]}]}";

inEveryMode(
  "decisions by polling",
  (world) => {
    let scene: GateScene;
    eachScene(world, (opened) => (scene = opened), false);
    const settled = (id: string) =>
      eventually(async () => {
        const { events } = await scene.admin.unary(listInboundEvents, { pageSize: 500 });
        return events.find(({ eventId, status }) => eventId === id && status !== InboundStatus.FAILED);
      });

    test("a held registration goes live because of an event that its source has", async () => {
      const { client, unique } = world();
      await scene.turnOn(ownersDecide);
      const name = unique("by-polling");
      await using module = await startFakeModule({ name, version: "1.0.0" });
      const id = heldBy(await client.register(requestFor(name, module)))["approval_id"] ?? "";
      const { subject } = await get(scene.admin, id);
      const one = event(subject?.id ?? "");
      server.events.push(one);
      expect(await eventually(async () => client.unary(getModule, { lookupKey: { case: "moduleName", value: name } }).catch(() => undefined))).toMatchObject({
        isHealthy: true,
      });
      expect(await get(scene.admin, id)).toMatchObject({ decision: Decision.APPROVED, votes: [{ voter: { key: "service|markets" } }] });
      expect(server.asked.at(-1)?.headers["x-api-key"]).toBe(key);
      const sent = await fetch(`http://${world().muster.address}/api/v1/webhooks/markets`, { method: "POST", body: JSON.stringify(one) });
      expect(await sent.json()).toMatchObject({ status: "already_processed" });
      await unregister(client, name, module);
    });

    test("it says so: in the list of sources, on the page of metrics and in the log, without the key", async () => {
      const { muster } = world();
      const { poll } = await eventually(async () => (await scene.admin.unary(listInboundSources, {})).sources.find((source) => source.poll?.succeededAt));
      expect(poll).toMatchObject({ url: server.url, every: { seconds: 1n }, failures: 0, starved: false, error: "" });
      const { out } = await runCli(["inbound", "sources"], { MUSTER_ADDRESS: muster.address, MUSTER_PRINCIPAL: "root" });
      expect(out).toMatch(/^markets +webhook, poll, 1 s +read /m);
      const page = await (await fetch(`http://${muster.address}/metrics`)).text();
      expect(page).toMatch(/^inbound_polls_total\{source="markets",result="ok"\} [1-9]/m);
      expect(page).toMatch(/^inbound_poll_age_seconds\{source="markets"\} \d/m);
      expect(muster.logged()).toContain('"inbound.polling"');
      expect(`${out}${page}${muster.logged()}`).not.toContain(key);
    });

    test("nobody delivers in the name of a source that is read alone", async () => {
      const url = `http://${world().muster.address}/api/v1/webhooks/sealed`;
      const sent = await fetch(url, { method: "POST", body: JSON.stringify(event("m")) });
      expect([sent.status, await sent.json()]).toMatchObject([401, { error: "invalid_signature" }]);
    });

    test("the file may change meanwhile: another source is read then, and a broken file changes nothing", async () => {
      const { muster } = world();
      const asked = (path: string) => server.asked.filter((one) => one.path.endsWith(path)).length;
      const logs = (name: string, times: number) => eventually(async () => muster.logged().split(`"${name}"`).length > times || undefined);
      const reads = () => muster.logged().split('"inbound.read"').length;
      const [before, asks] = [reads(), asked("/more")];
      write(`${first}${polled("more", "/more")}`);
      await eventually(async () => asked("/more") > asks || undefined);
      write("sources: [{name: markets, secrets: [short]}]");
      await logs("inbound.read-failed", 1);
      const count = asked("/more");
      await eventually(async () => asked("/more") > count || undefined);
      expect(await (await fetch(`http://${muster.address}/metrics`)).text()).toMatch(/^inbound_file_read_failures_total [1-9]/m);
      write(first);
      await logs("inbound.read", before + 1);
      const { sources } = await scene.admin.unary(listInboundSources, {});
      expect(sources.map(({ name }) => name)).toEqual(["markets", "papers", "sealed"]);
      expect((await fetch(`http://${muster.address}/api/v1/webhooks/more`, { method: "POST", body: "{}" })).status).toBe(404);
    });

    test("polled by two replicas, and delivered to both at once, each event is one vote", async () => {
      const { real, env, muster } = world();
      if (!real) return;
      await using second = await startMuster({ ...env, MUSTER_INBOUND: file });
      await usePolicy(scene.admin, policy);
      using amy = person(muster.address, "amy");
      const ids: string[] = [];
      for (let n = 0; n < 20; n++) ids.push((await ask(amy, { policyKey: "papers", subject: { type: "paper", id: crypto.randomUUID(), digest: "d" } })).id);
      const subjects = await Promise.all(ids.map(async (id) => (await get(amy, id)).subject?.id ?? ""));
      const events = subjects.map((subject) => event(subject));
      server.events.push(...events);
      const deliver = (one: object, address: string) => fetch(`http://${address}/api/v1/webhooks/papers`, { method: "POST", body: JSON.stringify(one) });
      const answers = await Promise.all(events.flatMap((one) => [deliver(one, muster.address), deliver(one, second.address)]));
      expect(answers.map(({ status }) => status).filter((status) => status !== 200)).toEqual([]);
      for (const { event_id: id } of events) await settled(id);
      for (const id of ids) expect(await get(amy, id)).toMatchObject({ decision: Decision.APPROVED, votes: [{ voter: { key: "service|papers" } }] });
    });
  },
  { MUSTER_INBOUND: file },
);
