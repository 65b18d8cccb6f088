/**
 * The process that runs what an approval has begun dies, or an instance leaves while another one joins, with a second replica on the same
 * MySQL: that one goes on, so that nothing is live twice, and nothing is forgotten.
 */
import { afterAll, describe, expect, test, vi } from "vitest";
import { PlatformRegistrationService, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Decision } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { get } from "../support/approvals.ts";
import { connect } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { gateScene, heldBy, isHeld, ownersDecide } from "../support/gate.ts";
import { startHealthServer, type HealthServer } from "../support/health-server.ts";
import { eventually } from "../support/instances.ts";
import { tailKafka } from "../support/kafka-tail.ts";
import { startMuster, type MusterProcess } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { requestFor, unregister } from "../support/world.ts";
import { expectHeld, expectLiveOnce } from "./gate-story.ts";
import { realSite, type RealSite } from "./real-site.ts";
import { direct, expectKilled, openScene, startScripted, untilReached } from "./scene.ts";
import { sitePool } from "./site.ts";

vi.setConfig({ maxConcurrency: 2, testTimeout: 300_000 });

/** Where it dies: as it begins the attempt, at steps of it, when it is live, and before the task is taken for done. */
const points = [
  "attempts.insert:effect",
  "CONSUL_REGISTERED:effect",
  "DATABASE_SAVED:effect",
  "APICURIO_REGISTERED:effect",
  "COMPLETED:effect",
  "COMPLETED:recorded",
  "tasks.done:begin",
] as const;
const byItself = "CONSUL_HEALTHY:effect";

describeReal("what an approval has begun, with another replica", (servers) => {
  const tail = tailKafka(servers);
  /** With long leases: on a busy machine nobody's work is to be taken over while he lives. */
  const sites = sitePool(() => openSite("60s"));
  async function openSite(lease: string): Promise<RealSite> {
    const site = await realSite(servers, tail);
    return { ...site, env: { ...site.env, MUSTER_ATTEMPT_LEASE: lease } };
  }
  afterAll(async () => {
    await sites[Symbol.asyncDispose]();
    await tail[Symbol.asyncDispose]();
  });

  /** Two replicas, the gate on; whichever gets to `at` first when it is approved dies there. Resolves to the other one. */
  async function approveUntilKilled(site: RealSite, at: string, stack: AsyncDisposableStack) {
    const both = [stack.use(await startScripted(site)), stack.use(await startScripted(site))] as const;
    using people = gateScene(both[0].address);
    await people.turnOn();
    const scene = stack.use(await openScene("MODULE"));
    using client = connect(both[1].address);
    const held = await expectHeld(site, scene, client);
    await direct(site, { at });
    await people.approve(held).catch(() => undefined);
    const dead = await Promise.race(both.map(async (muster) => muster.ended.then(() => muster)));
    await direct(site, {});
    await expectKilled(dead, at);
    return { scene, survivor: dead === both[0] ? both[1] : both[0] };
  }

  async function expectTakenOver(site: RealSite, at: string, later: () => Promise<void>): Promise<void> {
    await using stack = new AsyncDisposableStack();
    const { scene, survivor } = await approveUntilKilled(site, at, stack);
    await later();
    using client = connect(survivor.address);
    await expectLiveOnce(site, scene, client);
    using people = gateScene(survivor.address);
    await people.turnOff();
  }

  describe.concurrent("the replica that runs it is killed", () => {
    test.each(points)("at %s: the other one goes on", (at) =>
      sites.use((site) =>
        expectTakenOver(site, at, async () => {
          await site.endLeases();
          await site.passTime();
        }),
      ),
    );

    test(`at ${byItself}: the other one goes on by itself, within a minute`, async () => {
      await using site = await openSite("10s");
      await expectTakenOver(site, byItself, async () => undefined);
    });
  });

  test("tags that are set while another version of the instance is about to go live are judged with it", async () => {
    await sites.use(async (site) => {
      const name = `auto-${crypto.randomUUID()}`;
      await using service = await startHealthServer();
      await using sibling = await startHealthServer();
      await using scripted: MusterProcess = await startScripted(site);
      await using plain = await startMuster(site.env);
      using people = gateScene(plain.address);
      using one = connect(plain.address);
      using two = connect(scripted.address);
      const request = (at: HealthServer, tag: string, version = "1.0.0") => requestFor(name, at, { type: ServiceType.SERVICE, version, tags: [tag] });
      for (const [at, tag] of [
        [service, "blue"],
        [sibling, "wild"],
      ] as const)
        await one.register(request(at, tag));
      // Both are admitted as they are; of the next version only what is not wild.
      await people.turnOn(ownersDecide.replace("route:", `route:\n  - {id: tame, when: '"wild" in tags && version == "2.0.0"', then: reject}`));
      const at = "catalog.promote:begin";
      await direct(site, { at, about: name, signal: "SIGSTOP" });
      const next = two.register(request(service, "blue", "2.0.0"));
      await untilReached(scripted, at);
      const tagged = await one.unary(PlatformRegistrationService.method.updateTags, { serviceId: `${name}-127.0.0.1-${service.port}`, tags: ["wild"] });
      expect(tagged).toMatchObject({ success: true });
      await direct(site, {});
      scripted.signal("SIGCONT");
      expect((await next).errorDetail).toMatch(/^APPROVAL_REJECTED: .*rule tame/);
      for (const each of [service, sibling]) await unregister(one, name, each);
      await people.turnOff();
    });
  });

  test("an instance joins in the moment in which the last other one leaves: the request goes on, for who asks", async () => {
    await sites.use(async (site) => {
      const name = `joins-${crypto.randomUUID()}`;
      await using leaving = await startFakeModule({ name, version: "1.0.0" });
      await using joining = await startFakeModule({ name, version: "1.0.0" });
      await using scripted: MusterProcess = await startScripted(site);
      await using plain = await startMuster(site.env);
      using people = gateScene(plain.address);
      await people.turnOn();
      using one = connect(plain.address);
      using two = connect(scripted.address);
      const first = await one.register(requestFor(name, leaving));
      expect(isHeld(first), first.errorDetail).toBe(true);

      // It has asked, and has not committed.
      const at = "asks.put:effect";
      await direct(site, { at, signal: "SIGSTOP" });
      const second = two.register(requestFor(name, joining));
      await untilReached(scripted, at);
      const left = unregister(one, name, leaving);
      await using view = await site.look();
      await eventually(async () => {
        const waits = "select id from information_schema.processlist where db = database() and id <> connection_id() and info like ?";
        return (await view.query(waits, ["%from approval_requests%for update%"])).length > 0 || undefined;
      });
      await direct(site, {});
      scripted.signal("SIGCONT");
      expect(await left).toMatchObject({ success: true });
      const held = await second;
      expect(isHeld(held), held.errorDetail).toBe(true);
      const approvalId = heldBy(held)["approval_id"] ?? "";
      expect(approvalId).toBe(heldBy(first)["approval_id"]);
      expect((await get(people.admin, approvalId)).decision).toBe(Decision.IN_REVIEW);
      await unregister(two, name, joining);
      expect((await get(people.admin, approvalId)).decision).toBe(Decision.CANCELLED);
      await people.turnOff();
    });
  });
});
