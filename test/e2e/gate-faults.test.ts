/** What may be wrong with an instance, a policy or the people when a decision comes, in every mode. */
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { EventType, PlatformRegistrationService, RegistrationOutcome } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ApprovalService, Decision } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { AttemptState, RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { get } from "../support/approvals.ts";
import type { Registration } from "../support/client.ts";
import { startFakeModule, type FakeModule } from "../support/fake-module.ts";
import { attemptsEnded, heldBy, isHeld, registerAndWait, type GateScene } from "../support/gate.ts";
import { eachScene } from "../support/gate-suite.ts";
import { eventually } from "../support/instances.ts";
import { inEveryMode, leftInConsul, requestFor, unregister } from "../support/world.ts";

const { listModules } = PlatformRegistrationService.method;
const { listAttempts } = RegistrationService.method;
/** What is not there is not waited for. */
const hasty = { startupGrace: { seconds: 1n }, healthTimeout: { seconds: 5n } };
const schemaOf = (member: string) => JSON.stringify({ type: "object", properties: { [member]: { type: "string" } } });

inEveryMode("the gate, when something is wrong", (world) => {
  let scene: GateScene;
  let names = 0;
  eachScene(world, (opened) => (scene = opened));

  const fresh = () => world().unique(`wrong-${++names}`);
  const register = (name: string, module: FakeModule) => world().client.register(requestFor(name, module, hasty));
  const approvalOf = (held: Pick<Registration, "events">) => get(scene.admin, heldBy(held)["approval_id"] ?? "");
  const decisionOf = async (held: Pick<Registration, "events">) => (await approvalOf(held)).decision;
  /** Ports of the instances that are live under a name. */
  const live = async (name: string): Promise<readonly number[]> =>
    (await world().client.unary(listModules, {})).modules.filter(({ moduleName }) => moduleName === name).map(({ port }) => port);
  const untilLive = (name: string, ...ports: readonly number[]) =>
    eventually(async () => ((await live(name)).toSorted().join() === ports.toSorted().join() ? true : undefined));
  const attemptsOf = async (name: string) => (await world().client.unary(listAttempts, { name })).attempts;
  const untilEnded = (name: string, count: number) => attemptsEnded(world().client, name, count);
  async function expectNothing(name: string, { port }: Pick<FakeModule, "port">): Promise<void> {
    const { real } = world();
    expect(await live(name)).toEqual([]);
    if (real) expect(await leftInConsul(real, `${name}-127.0.0.1-${port}`)).toEqual([]);
  }

  test("it has died: approved, its attempt fails alone and says why; when it is back, it is live without asking", async () => {
    const name = fresh();
    const module = await startFakeModule({ name, version: "1.0.0" });
    const { asked, ended } = registerAndWait(world().client, requestFor(name, module, hasty));
    const held = await asked;
    await module[Symbol.asyncDispose]();
    await scene.approve(held);
    const { errorDetail, types } = await ended;
    expect(types.at(-1)).toBe("FAILED");
    expect(errorDetail).toMatch(/^HEALTH_/);
    await expectNothing(name, module);
    await using again = await startFakeModule({ name, version: "1.0.0", port: module.port });
    expect((await register(name, again)).events.at(-1)?.outcome).toBe(RegistrationOutcome.ACTIVE);
    await unregister(world().client, name, again);
  });

  test("it has died: rejected, nothing is begun, and when it is back it is refused", async () => {
    const name = fresh();
    const module = await startFakeModule({ name, version: "1.0.0" });
    const held = await register(name, module);
    await module[Symbol.asyncDispose]();
    await scene.reject(held, "no");
    await expectNothing(name, module);
    await using again = await startFakeModule({ name, version: "1.0.0", port: module.port });
    expect((await register(name, again)).errorDetail).toMatch(/^APPROVAL_REJECTED: bob rejected/);
    expect(await attemptsOf(name)).toHaveLength(2);
  });

  test.each(["approve", "reject"] as const)("it was started again and has registered again: %s", async (verdict) => {
    const name = fresh();
    const module = await startFakeModule({ name, version: "1.0.0" });
    const held = await register(name, module);
    await module[Symbol.asyncDispose]();
    await using again = await startFakeModule({ name, version: "1.0.0", port: module.port });
    const repeated = await register(name, again);
    expect(heldBy(repeated)["approval_id"]).toBe(heldBy(held)["approval_id"]);
    if (verdict === "approve") {
      await scene.approve(held);
      await untilLive(name, again.port);
      expect((await untilEnded(name, 2)).map(({ state }) => state)).toEqual([AttemptState.COMPLETED, AttemptState.COMPLETED]);
      await unregister(world().client, name, again);
    } else {
      await scene.reject(held, "no");
      expect((await register(name, again)).errorDetail).toMatch(/^APPROVAL_REJECTED/);
      await expectNothing(name, again);
    }
  });

  test.each(["approve", "reject"] as const)("it has moved to another port: %s", async (verdict) => {
    const name = fresh();
    const module = await startFakeModule({ name, version: "1.0.0" });
    const held = await register(name, module);
    await module[Symbol.asyncDispose]();
    await using moved = await startFakeModule({ name, version: "1.0.0" });
    expect(heldBy(await register(name, moved))["approval_id"]).toBe(heldBy(held)["approval_id"]);
    if (verdict === "approve") {
      await scene.approve(held);
      await untilLive(name, moved.port);
      // That of the port that is left fails alone.
      const ended = await untilEnded(name, 4);
      expect(ended.filter(({ state }) => state === AttemptState.ROLLED_BACK)).toHaveLength(1);
      expect(await live(name)).toEqual([moved.port]);
      await unregister(world().client, name, moved);
    } else {
      await scene.reject(held, "no");
      expect((await register(name, moved)).errorDetail).toMatch(/^APPROVAL_REJECTED/);
      await expectNothing(name, moved);
    }
  });

  test("its content has changed, and it did not register again: what was approved does not go live, and the new content asks", async () => {
    const name = fresh();
    const module = await startFakeModule({ name, version: "1.0.0", schema: schemaOf("a") });
    const held = await register(name, module);
    await module[Symbol.asyncDispose]();
    await using other = await startFakeModule({ name, version: "1.0.0", port: module.port, schema: schemaOf("b") });
    await scene.approve(held);
    await untilEnded(name, 2);
    await expectNothing(name, other);
    const again = await register(name, other);
    expect(isHeld(again), again.errorDetail).toBe(true);
    expect(heldBy(again)["approval_id"]).not.toBe(heldBy(held)["approval_id"]);
    await scene.approve(again);
    await untilLive(name, other.port);
    await unregister(world().client, name, other);
  });

  test("its content has changed, and a rejection of the former one comes: the newer one is not touched", async () => {
    const name = fresh();
    const module = await startFakeModule({ name, version: "1.0.0", schema: schemaOf("a") });
    const held = await register(name, module);
    const seen = await approvalOf(held);
    await module[Symbol.asyncDispose]();
    await using other = await startFakeModule({ name, version: "1.0.0", port: module.port, schema: schemaOf("b") });
    const newer = await world().client.register(requestFor(name, other, { ...hasty, metadata: { build: "2" } }));
    expect(isHeld(newer), newer.errorDetail).toBe(true);
    const { results } = await scene.bob.unary(ApprovalService.method.vote, {
      items: [{ approvalId: seen.id, digest: seen.subject?.digest ?? "", verdict: 2, comment: "no" }],
    });
    expect(results[0]?.counted).toBe(false);
    expect(await decisionOf(newer)).toBe(Decision.IN_REVIEW);
    await scene.approve(newer);
    await untilLive(name, other.port);
    await unregister(world().client, name, other);
  });

  test("it was unregistered: neither verdict counts, and nothing begins", async () => {
    const name = fresh();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const held = await register(name, module);
    await unregister(world().client, name, module);
    await expect(scene.approve(held)).rejects.toThrow();
    await expect(scene.reject(held, "no")).rejects.toThrow();
    expect(await decisionOf(held)).toBe(Decision.CANCELLED);
    expect(await attemptsOf(name)).toHaveLength(1);
    await expectNothing(name, module);
  });

  test("a second content under one version is refused, says what differs, and voids no vote by taking turns", async () => {
    const name = fresh();
    await using one = await startFakeModule({ name, version: "1.0.0", schema: schemaOf("a") });
    await using two = await startFakeModule({ name, version: "1.0.0", schema: schemaOf("b") });
    const held = await register(name, one);
    const { revision, subject } = await approvalOf(held);
    for (let turn = 0; turn < 3; turn++) {
      const { errorDetail, status: ended } = await register(name, two);
      expect(errorDetail).toMatch(new RegExp(`^VERSION_CONTENT_DIFFERS: .*differs in schema; .* unregister what asks: ${name}-127.0.0.1-${one.port}$`));
      expect(ended.code).toBe(status.OK);
      expect(isHeld(await register(name, one))).toBe(true);
    }
    expect(await approvalOf(held)).toMatchObject({ revision, subject: { digest: subject?.digest } });
    await scene.approve(held);
    await untilLive(name, one.port);
    expect(await live(name)).toEqual([one.port]);
    await unregister(world().client, name, one);
  });

  test("three instances of which one is gone: two are live, the third fails alone", async () => {
    const name = fresh();
    const [one, two, gone] = [
      await startFakeModule({ name, version: "1.0.0" }),
      await startFakeModule({ name, version: "1.0.0" }),
      await startFakeModule({ name, version: "1.0.0" }),
    ];
    const held = await Promise.all([one, two, gone].map((module) => register(name, module)));
    expect(held.map(isHeld)).toEqual([true, true, true]);
    await gone[Symbol.asyncDispose]();
    await scene.approve(held[0]!);
    await untilLive(name, one.port, two.port);
    const ended = await untilEnded(name, 6);
    expect(ended.filter(({ state }) => state === AttemptState.ROLLED_BACK)).toHaveLength(1);
    for (const module of [one, two]) {
      await unregister(world().client, name, module);
      await module[Symbol.asyncDispose]();
    }
  });

  test("whoever waits has gone: it goes live all the same", async () => {
    const name = fresh();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const held = await world().client.register(
      { ...requestFor(name, module), waitForApproval: true },
      ({ eventType }) => eventType !== EventType.APPROVAL_REQUESTED,
    );
    expect(held.status.code).toBe(status.CANCELLED);
    await scene.approve(held);
    await untilLive(name, module.port);
    await unregister(world().client, name, module);
  });

  test("an expression that fails while it is decided lets nothing pass", async () => {
    const name = fresh();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await scene.turnOn(`
key: registration
subject: registration
context: {type: object}
ttl: 7d
route:
  - {id: unknown, when: 'context.no_such_member == "x" || true == context.first.second', then: approve}
  - {id: absent, when: 'context.metadata["absent"] != "held"', then: approve}
stages:
  - id: owners
    when: 'context.metadata["absent"] == "skip"'
    requirements: [{id: team, who: {groups: [owners]}, need: 1}]
`);
    const held = await register(name, module);
    expect(isHeld(held), held.errorDetail).toBe(true);
    await scene.approve(held);
    await untilLive(name, module.port);
    await unregister(world().client, name, module);
  });

  test("a policy by which nobody could approve it: refused, with the reason, and not told to try again", async () => {
    const name = fresh();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await scene.turnOn(`
key: registration
subject: registration
context: {type: object}
ttl: 7d
stages:
  - id: owners
    requirements: [{id: team, who: {expr: '[context.metadata["approver"]]'}, need: 1}]
`);
    const { errorDetail, status: ended } = await register(name, module);
    expect(errorDetail).toMatch(/^APPROVAL_REJECTED: .*not enough people can still approve team/);
    expect(ended.code).toBe(status.OK);
    await expectNothing(name, module);
  });

  test("a context that the policy does not take: refused, nothing passes", async () => {
    const name = fresh();
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await scene.turnOn(`
key: registration
subject: registration
context: {type: object, required: [ticket], properties: {ticket: {type: string}}}
ttl: 7d
stages:
  - id: owners
    requirements: [{id: team, who: {groups: [owners]}, need: 1}]
`);
    const { errorDetail } = await register(name, module);
    expect(errorDetail).toMatch(/^CONTEXT_INVALID: .*ticket/);
    // Once.
    expect(errorDetail.match(/ticket/g)).toHaveLength(1);
    await expectNothing(name, module);
  });
});
