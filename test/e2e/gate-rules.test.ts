/** What the gate decides, sentence by sentence, in every mode. */
import { expect, test } from "vitest";
import { EventType, PlatformRegistrationService, RegistrationOutcome } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ApprovalService, CloseHow, Closing, Decision, Effect, Grant } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { PolicyService } from "../../gen/muster/approval/v1/policy_service_pb.ts";
import { decide, get, person } from "../support/approvals.ts";
import { refusal, type Registration } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { heldBy, isHeld, ownersDecide, registerAndWait } from "../support/gate.ts";
import { gateSuite } from "../support/gate-suite.ts";
import { eventually } from "../support/instances.ts";
import { inEveryMode, leftInConsul, moduleSteps, requestFor, unregister } from "../support/world.ts";

const { close } = ApprovalService.method;
const schemaOf = (...required: readonly string[]) => JSON.stringify({ type: "object", properties: { a: { type: "string" } }, required });

/** The owners decide on what breaks its users and on names that are new; the rest goes by itself. */
const byVerdict = `
key: registration
subject: registration
ttl: 7d
route:
  - {id: compatible, when: 'verdict in ["NONE", "COMPATIBLE"] && !first', then: approve}
  - {id: no-downgrade, when: downgrade, then: reject, reason: "older than what is live"}
stages:
  - id: owners
    requirements: [{id: team, who: {groups: [owners]}, need: 1}]
`;

inEveryMode("rules of the gate", (world) => {
  const gate = gateSuite(world);
  const { fresh, isLive, goesLive, liveModule } = gate;
  const approvalOf = (held: Pick<Registration, "events">) => get(gate.scene.admin, heldBy(held)["approval_id"] ?? "");

  test("who asked cannot decide, and an admin of the platform is no owner", async () => {
    const name = fresh();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    using bob = person(world().muster.address, "bob", { groups: "owners" });
    const held = await bob.register(requestFor(name, module));
    await expect(gate.scene.approve(held)).rejects.toThrow(/asked/);
    expect(await isLive(name)).toBe(false);
    await unregister(bob, name, module);
  });

  test("nor can who asks for what another one has asked for: of an attempt under way, and of what waits", async () => {
    const name = fresh();
    const { client, muster } = world();
    await using module = await startFakeModule({ name, version: "1.0.0", delayMs: 300 });
    using bob = person(muster.address, "bob", { groups: "owners" });
    using carol = person(muster.address, "carol", { groups: "owners" });
    const request = requestFor(name, module);
    const joined = Promise.withResolvers<Registration>();
    const held = await client.register(request, ({ eventType }) => {
      if (eventType === EventType.STARTED) joined.resolve(bob.register(request));
    });
    expect((await joined.promise).attemptId).toBe(held.attemptId);
    await expect(gate.scene.approve(held)).rejects.toThrow(/asked/);
    const { describe } = module.calls;
    const again = await carol.register(request);
    expect([again.types, module.calls.describe]).toEqual([["STARTED", "VALIDATED", "APPROVAL_REQUESTED", "COMPLETED"], describe]);
    expect(await decide(carol, await approvalOf(held))).toMatchObject({ counted: false, message: expect.stringContaining("asked") as unknown });
    using dan = person(muster.address, "dan", { groups: "owners" });
    const decided = { decision: Decision.APPROVED, grant: Grant.VALID, effect: Effect.APPLIED };
    expect(await decide(dan, await approvalOf(held))).toMatchObject({ counted: true, approval: decided });
    await goesLive(name);
    await unregister(client, name, module);
  });

  test("the only one who could decide is refused when he asks for it, too, and can decide as before", async () => {
    const name = fresh();
    const { client } = world();
    await gate.scene.turnOn(ownersDecide.replace("who: {groups: [owners]}", 'who: {users: ["open|bob"]}'));
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const held = await client.register(requestFor(name, module));
    expect((await gate.scene.bob.register(requestFor(name, module))).status).toMatchObject({
      reason: "APPROVAL_REJECTED",
      metadata: { approval_id: heldBy(held)["approval_id"] },
    });
    await gate.scene.approve(held);
    await goesLive(name);
    await unregister(client, name, module);
  });

  test("unregistering while it is held is final: the request ends, and nothing begins", async () => {
    const name = fresh();
    const { client, real } = world();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const { asked, ended } = registerAndWait(client, requestFor(name, module));
    const held = await asked;
    await unregister(client, name, module);
    expect(await approvalOf(held)).toMatchObject({ decision: Decision.CANCELLED, closing: Closing.SUBJECT_GONE });
    const { types, errorDetail } = await ended;
    expect(types.at(-1)).toBe("FAILED");
    expect(errorDetail).not.toBe("");
    if (real) expect(await leftInConsul(real, `${name}-127.0.0.1-${module.port}`)).toEqual([]);
    expect(isHeld(await client.register(requestFor(name, module)))).toBe(true);
    await unregister(client, name, module);
  });

  test("another content of the instance that asks is a revision, and whoever waits for the former one is not left waiting", async () => {
    const name = fresh();
    const { client } = world();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const { asked, ended } = registerAndWait(client, requestFor(name, module));
    const first = await asked;
    const second = await client.register(requestFor(name, module, { capabilities: ["parse"] }));
    expect(heldBy(second)).toMatchObject({ approval_id: heldBy(first)["approval_id"], revision: "2" });
    expect((await ended).errorDetail).toMatch(/^SUPERSEDED: .*another content/);
    await gate.scene.approve(second);
    await goesLive(name);
    await unregister(client, name, module);
  });

  test("another content after an approval asks anew, while what serves goes on serving; approved, it supersedes", async () => {
    const name = fresh();
    const { client } = world();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const first = await liveModule(name, module);
    const second = await client.register(requestFor(name, module, { capabilities: ["parse"] }));
    expect(heldBy(second)["approval_id"]).not.toBe(heldBy(first)["approval_id"]);
    expect(await isLive(name)).toBe(true);
    expect(await approvalOf(first)).toMatchObject({ grant: Grant.VALID });
    await gate.scene.approve(second);
    await eventually(async () => {
      const { capabilities } = await client.unary(PlatformRegistrationService.method.getService, { lookupKey: { case: "serviceName", value: name } });
      return capabilities.includes("parse") || undefined;
    });
    expect(await approvalOf(first)).toMatchObject({ grant: Grant.SUPERSEDED });
    expect(await approvalOf(second)).toMatchObject({ grant: Grant.VALID });
    await unregister(client, name, module);
  });

  test("an admitted content passes without asking: the same instance again, and another one later", async () => {
    const name = fresh();
    const { client } = world();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await using other = await startFakeModule({ name, version: "1.0.0" });
    await liveModule(name, module);
    expect((await client.register(requestFor(name, other))).types).toEqual(moduleSteps);
    await unregister(client, name, module);
    expect((await client.register(requestFor(name, module))).types).toEqual(moduleSteps);
    for (const each of [module, other]) await unregister(client, name, each);
  });

  test("instances of a version that ask at the same moment share one request, and all go live by it", async () => {
    const name = fresh();
    const { client } = world();
    const modules = await Promise.all([1, 2, 3, 4].map(() => startFakeModule({ name, version: "1.0.0" })));
    const waiting = modules.map((module) => registerAndWait(client, requestFor(name, module)));
    const asked = await Promise.all(waiting.map((one) => one.asked));
    expect(new Set(asked.map((held) => heldBy(held)["approval_id"])).size).toBe(1);
    expect(JSON.parse((await approvalOf(asked[0] ?? { events: [] })).contextJson)).toMatchObject({ name, version: "1.0.0" });
    await gate.scene.approve(asked[0] ?? { events: [] });
    const ends = await Promise.all(waiting.map(async ({ ended }) => (await ended).events.at(-1)?.outcome));
    expect(ends).toEqual(modules.map(() => RegistrationOutcome.ACTIVE));
    for (const module of modules) {
      await unregister(client, name, module);
      await module[Symbol.asyncDispose]();
    }
  });

  test("revoked, nothing new of it is admitted; evicted, what serves is taken out", async () => {
    const name = fresh();
    const { client, real } = world();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await using other = await startFakeModule({ name, version: "1.0.0" });
    const held = await liveModule(name, module);
    const approvalId = heldBy(held)["approval_id"] ?? "";
    await gate.scene.admin.unary(close, { approvalId, how: CloseHow.REVOKE, reason: "leaks" });
    const told = await client.register(requestFor(name, other));
    expect(told.errorDetail).toBe(`APPROVAL_REJECTED: root revoked the approval of ${name}@1.0.0: leaks`);
    expect(told.status.code).toBe(0);
    expect(await isLive(name)).toBe(true);
    await unregister(client, name, module);

    const evicted = fresh();
    await using third = await startFakeModule({ name: evicted, version: "1.0.0" });
    const asked = await liveModule(evicted, third);
    const evict = { approvalId: heldBy(asked)["approval_id"] ?? "", how: CloseHow.REVOKE, evict: true };
    await gate.scene.admin.unary(close, evict);
    await eventually(async () => !(await isLive(evicted)) || undefined);
    if (real) await eventually(async () => (await leftInConsul(real, `${evicted}-127.0.0.1-${third.port}`)).length === 0 || undefined);
    expect((await client.register(requestFor(evicted, third))).errorDetail).toBe(`APPROVAL_REJECTED: root revoked the approval of ${evicted}@1.0.0`);
  });

  test("turned on, what is live is admitted as it is; turned off, what waits is cancelled, or released", async () => {
    const { client } = world();
    await gate.scene.turnOff();
    const [before, cancelled, released] = [fresh("before"), fresh("cancelled"), fresh("released")];
    await using module = await startFakeModule({ name: before, version: "1.0.0" });
    await using second = await startFakeModule({ name: cancelled, version: "1.0.0" });
    await using third = await startFakeModule({ name: released, version: "1.0.0" });
    await client.register(requestFor(before, module));
    expect(await gate.scene.turnOn()).toBe(1);
    expect((await client.register(requestFor(before, module, { tags: ["not read by the policy"] }))).events.at(-1)?.outcome).toBe(RegistrationOutcome.ACTIVE);

    const held = await client.register(requestFor(cancelled, second));
    expect(isHeld(held)).toBe(true);
    expect(await gate.scene.turnOff()).toBe(1);
    expect(await approvalOf(held)).toMatchObject({ decision: Decision.CANCELLED });
    await gate.scene.turnOn();
    const other = await client.register(requestFor(released, third));
    expect(isHeld(other)).toBe(true);
    expect(await gate.scene.turnOff(true)).toBe(1);
    await goesLive(released);
    expect(await isLive(cancelled)).toBe(false);
    await unregister(client, before, module);
    await unregister(client, released, third);
  });

  test("a version of the policy that refuses what is live is not activated without saying so", async () => {
    const { client } = world();
    await gate.scene.turnOff();
    const name = fresh();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await client.register(requestFor(name, module));
    const { policy } = await gate.scene.admin.unary(PolicyService.method.putPolicy, { document: ownersDecide });
    const activate = { key: "registration", version: policy?.version ?? 0, admitLive: false };
    expect(await refusal(gate.scene.admin, PolicyService.method.activatePolicy, activate)).toMatchObject({ reason: "WRONG_STATE" });
    await unregister(client, name, module);
    expect((await gate.scene.admin.unary(PolicyService.method.activatePolicy, activate)).admittedExisting).toBe(0);
  });

  test("an approval stands when the policy is replaced by a version that reads more", async () => {
    const name = fresh();
    const { client } = world();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await using other = await startFakeModule({ name, version: "1.0.0" });
    await liveModule(name, module);
    await gate.scene.turnOn(ownersDecide.replace("route:", `route:\n  - {id: tagged, when: '"wild" in tags', then: reject}`));
    expect((await client.register(requestFor(name, other, { tags: ["blue"] }))).types).toEqual(moduleSteps);
    for (const each of [module, other]) await unregister(client, name, each);
  });

  test("verdict, first and downgrade are the platform's own: compatible goes by itself, breaking and new ask, older is refused", async () => {
    const name = fresh();
    const { client } = world();
    await gate.scene.turnOn(byVerdict);
    await using v2 = await startFakeModule({ name, version: "2.0.0", schema: schemaOf("a") });
    await using v21 = await startFakeModule({ name, version: "2.1.0", schema: schemaOf() });
    await using v22 = await startFakeModule({ name, version: "2.2.0", schema: schemaOf("a") });
    await using v20 = await startFakeModule({ name, version: "2.0.1", schema: schemaOf("a", "b") });
    const first = await client.register(requestFor(name, v2, { version: "2.0.0" }));
    expect(JSON.parse((await approvalOf(first)).contextJson)).toMatchObject({ first: true, downgrade: false, verdict: "NONE" });
    await gate.scene.approve(first);
    await goesLive(name);
    expect((await client.register(requestFor(name, v21, { version: "2.1.0" }))).events.at(-1)?.outcome).toBe(RegistrationOutcome.ACTIVE);
    const breaking = await client.register(requestFor(name, v22, { version: "2.2.0" }));
    expect(JSON.parse((await approvalOf(breaking)).contextJson)).toMatchObject({ first: false, verdict: "BREAKING", compared_with: "2.1.0" });
    expect((await client.register(requestFor(name, v20, { version: "2.0.1" }))).errorDetail).toMatch(/^APPROVAL_REJECTED: .*older than what is live/);
    for (const each of [v2, v21, v22]) await unregister(client, name, each);
  });
});
