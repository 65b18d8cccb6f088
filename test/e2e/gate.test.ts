/** Registrations that people decide on, through stock gRPC clients, in every mode. */
import { expect, test } from "vitest";
import { EventType, PlatformRegistrationService, RegistrationOutcome } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { attemptsEnded, heldBy, isHeld, registerAndWait, type GateScene } from "../support/gate.ts";
import { eachScene } from "../support/gate-suite.ts";
import { eventually } from "../support/instances.ts";
import { inEveryMode, leftInConsul, moduleSteps, passingInConsul, requestFor, unregister, versionsInApicurio } from "../support/world.ts";

const { getModule } = PlatformRegistrationService.method;
const heldSteps = [...moduleSteps.slice(0, moduleSteps.indexOf("SCHEMA_VALIDATED") + 1), "APPROVAL_REQUESTED", "COMPLETED"];

inEveryMode("the gate", (world) => {
  let scene: GateScene;
  eachScene(world, (opened) => (scene = opened));

  test("a module is held, nothing of it is visible, and it goes live by itself when it is approved", async () => {
    const { client, real, unique } = world();
    const name = unique("held");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const held = await client.register(requestFor(name, module));
    expect(held.types).toEqual(heldSteps);
    expect(held.status.code).toBe(0);
    expect(held.events.map(({ sequence }) => Number(sequence))).toEqual(held.events.map((_, index) => index + 1));
    expect(held.events.at(-1)).toMatchObject({ outcome: RegistrationOutcome.PENDING_APPROVAL });
    expect(heldBy(held)).toMatchObject({ policy: "registration", policy_version: expect.any(String), stage: "owners", who_can_decide: "team (group owners)" });
    expect(Date.parse(heldBy(held)["expires_at"] ?? "")).toBeGreaterThan(Date.now());
    const serviceId = `${name}-127.0.0.1-${module.port}`;
    await expect(client.unary(getModule, { lookupKey: { case: "moduleName", value: name } })).rejects.toThrow("NOT_FOUND");
    if (real) {
      expect(await leftInConsul(real, serviceId)).toEqual([]);
      expect(await versionsInApicurio(real, `${name}-config`)).toEqual([]);
    }

    await scene.approve(held);
    const live = await eventually(async () => client.unary(getModule, { lookupKey: { case: "moduleName", value: name } }).catch(() => undefined));
    expect(live).toMatchObject({ serviceId, isHealthy: true });
    if (real) {
      expect(await passingInConsul(real, name)).toHaveLength(1);
      expect(await versionsInApicurio(real, `${name}-config`)).toMatchObject([{ version: "1.0.0", state: "ENABLED" }]);
    }
    await attemptsEnded(client, name, 2);
    const again = await client.register(requestFor(name, module));
    expect(again.events.at(-1)?.outcome).toBe(RegistrationOutcome.UNCHANGED);
    await unregister(client, name, module);
  });

  test("a stream that waits sees the vote, the approval, and the attempt that begins because of it", async () => {
    const { client, unique } = world();
    const name = unique("waits");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const { asked, ended } = registerAndWait(client, requestFor(name, module));
    await scene.approve(await asked);
    const { types, events, status } = await ended;
    expect(status.code).toBe(0);
    expect(types.filter((type) => type !== "APPROVAL_REQUESTED")).toEqual([...heldSteps.slice(0, -2), "APPROVED", ...moduleSteps]);
    expect(events.filter(({ eventType }) => eventType === EventType.COMPLETED).map(({ outcome }) => outcome)).toEqual([RegistrationOutcome.ACTIVE]);
    const approved = events.find(({ eventType }) => eventType === EventType.APPROVED);
    const { approval_id } = heldBy(await asked);
    expect(approved).toMatchObject({ sequence: 0n, attemptId: "", eventData: { value: { values: { approval_id, by: "bob" } } } });
    // Two attempts, each numbered without a gap; what comes between them has no numbers.
    const numbered = Map.groupBy(
      events.filter(({ sequence }) => sequence > 0n),
      (event) => event.attemptId,
    );
    expect(numbered.size).toBe(2);
    for (const own of numbered.values()) expect(own.map(({ sequence }) => Number(sequence))).toEqual(own.map((_, index) => index + 1));
    expect(events.filter(({ sequence }) => sequence === 0n).map((event) => event.attemptId)).not.toContainEqual(expect.stringMatching(/./));
    await unregister(client, name, module);
  });

  test("a rejection ends whoever waits, and the same content is not asked about again", async () => {
    const { client, unique } = world();
    const name = unique("rejected");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const { asked, ended } = registerAndWait(client, requestFor(name, module));
    await scene.reject(await asked, "who is this?");
    const { types, errorDetail, status } = await ended;
    expect(types.slice(-2)).toEqual(["REJECTED", "FAILED"]);
    expect(errorDetail).toContain("who is this?");
    expect(status.code).toBe(0);
    const again = await client.register(requestFor(name, module));
    expect(again.errorDetail).toMatch(/^APPROVAL_REJECTED: bob rejected .*: who is this\?$/);
  });

  test("rules of the policy admit at once, or not at all", async () => {
    const { client, unique } = world();
    const [auto, never] = [unique("auto"), unique("never")];
    await using module = await startFakeModule({ name: auto, version: "1.0.0" });
    await using other = await startFakeModule({ name: never, version: "1.0.0" });
    expect((await client.register(requestFor(auto, module))).types).toEqual(moduleSteps);
    expect((await client.register(requestFor(never, other))).errorDetail).toMatch(/^APPROVAL_REJECTED: .*not on this platform/);
    await unregister(client, auto, module);
  });

  test("a held instance that registers again is answered without a trial", async () => {
    const { client, unique } = world();
    const name = unique("again");
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const held = await client.register(requestFor(name, module));
    const again = await client.register(requestFor(name, module));
    expect(again.types).toEqual(["STARTED", "VALIDATED", "APPROVAL_REQUESTED", "COMPLETED"]);
    expect(again.attemptId).toBe("");
    expect(isHeld(again)).toBe(true);
    expect(heldBy(again)).toEqual(heldBy(held));
    expect(module.calls.describe).toBe(1);
    await unregister(client, name, module);
  });
});
