/** What was decided before, and what is different now, in every mode; on a server that stands in production. */
import { expect, test } from "vitest";
import { PlatformRegistrationService, RegistrationOutcome } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ApprovalService, CloseHow, Decision } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { get } from "../support/approvals.ts";
import { connect } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { gateScene, heldBy, isHeld, ownersDecide, registerAndWait } from "../support/gate.ts";
import { gateSuite } from "../support/gate-suite.ts";
import { eventually } from "../support/instances.ts";
import { startMuster } from "../support/muster.ts";
import { inEveryMode, moduleSteps, requestFor, unregister } from "../support/world.ts";

const { getModule } = PlatformRegistrationService.method;
const withRule = (rule: string) => ownersDecide.replace("route:", `route:\n  - ${rule}`);

inEveryMode(
  "again at the gate",
  (world) => {
    const gate = gateSuite(world);
    const { fresh, goesLive, liveModule } = gate;
    const decisionOf = async (approvalId = "") => (await get(gate.scene.admin, approvalId)).decision;

    test("the environment is the server's, whatever the module says of itself", async () => {
      const name = fresh();
      const { client } = world();
      await gate.scene.turnOn(withRule(`{id: elsewhere, when: 'environment != "prod"', then: approve}`));
      await using module = await startFakeModule({ name, version: "1.0.0" });
      const held = await client.register(
        requestFor(name, module, { metadata: { environment: "test", muster_environment: "test" }, tags: ["environment=test"] }),
      );
      expect(isHeld(held), held.errorDetail).toBe(true);
      const { contextJson } = await get(gate.scene.admin, heldBy(held)["approval_id"] ?? "");
      expect(JSON.parse(contextJson)).toMatchObject({ environment: "prod", metadata: { environment: "test" } });
      await unregister(client, name, module);
    });

    test("an instance of an admitted content of which the policy makes something else by now asks", async () => {
      const name = fresh();
      const { client } = world();
      await gate.scene.turnOn(withRule("{id: new, when: first, then: approve}"));
      await using one = await startFakeModule({ name, version: "1.0.0" });
      await using sibling = await startFakeModule({ name, version: "1.0.0" });
      await using later = await startFakeModule({ name, version: "1.0.0" });
      await using next = await startFakeModule({ name, version: "2.0.0" });
      for (const module of [one, sibling]) expect((await client.register(requestFor(name, module))).types).toEqual(moduleSteps);
      await liveModule(name, next, { version: "2.0.0" });
      // The name is not new any more.
      const held = await client.register(requestFor(name, later));
      expect(isHeld(held), held.errorDetail).toBe(true);
      for (const module of [one, sibling, later, next]) await unregister(client, name, module);
    });

    test("what people rejected is asked about again under another version of the policy, and not before", async () => {
      const name = fresh();
      const { client } = world();
      await using module = await startFakeModule({ name, version: "1.0.0" });
      const held = await client.register(requestFor(name, module));
      await gate.scene.reject(held, "not now");
      expect((await client.register(requestFor(name, module))).errorDetail).toMatch(/^APPROVAL_REJECTED: bob rejected .*: not now$/);
      await gate.scene.turnOn(withRule("{id: other, when: 'name == \"other\"', then: approve}"));
      const again = await client.register(requestFor(name, module));
      expect(isHeld(again), again.errorDetail).toBe(true);
      expect(heldBy(again)["approval_id"]).not.toBe(heldBy(held)["approval_id"]);
      await unregister(client, name, module);
    });

    test("a request that expires ends whoever waits; the next registration asks anew", async () => {
      const name = fresh();
      const { client } = world();
      await gate.scene.turnOn(ownersDecide.replace("ttl: 7d", "ttl: 2s"));
      await using module = await startFakeModule({ name, version: "1.0.0" });
      const { asked, ended } = registerAndWait(client, requestFor(name, module));
      const { approval_id: approvalId } = heldBy(await asked);
      const { types, errorDetail, status } = await ended;
      expect([types.at(-1), status.code]).toEqual(["FAILED", 0]);
      expect(errorDetail).toMatch(/nobody decided in time/);
      expect(await decisionOf(approvalId)).toBe(Decision.EXPIRED);
      const { instances } = await client.unary(RegistrationService.method.listHeld, { name });
      expect(instances).toEqual([]);
      await gate.scene.turnOn();
      const again = await client.register(requestFor(name, module));
      expect(isHeld(again), again.errorDetail).toBe(true);
      await gate.scene.approve(again);
      await goesLive(name);
      await unregister(client, name, module);
    });
  },
  { MUSTER_ENVIRONMENT: "prod" },
);

inEveryMode("a revoked approval", (world) => {
  test("what serves is put back into the catalog without asking, also when its approval was revoked meanwhile, or it is another environment", async () => {
    const { client, env, muster, unique } = world();
    const [name, free] = [unique("restored"), unique("elsewhere")];
    using scene = gateScene(muster.address);
    await scene.turnOn(withRule(`{id: elsewhere, when: 'environment != "prod" && name == "${free}"', then: approve}`));
    await using routed = await startFakeModule({ name: free, version: "1.0.0" });
    await using sibling = await startFakeModule({ name: free, version: "1.0.0" });
    expect((await client.register(requestFor(free, routed))).types).toEqual(moduleSteps);
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await using other = await startFakeModule({ name, version: "1.0.0" });
    const live = await scene.live(client, requestFor(name, module));
    await scene.admin.unary(ApprovalService.method.close, { approvalId: heldBy(live)["approval_id"] ?? "", how: CloseHow.REVOKE, reason: "leaks" });
    muster.signal("SIGTERM");
    await muster.ended;
    client[Symbol.dispose]();
    await using next = await startMuster({ ...env, MUSTER_ENVIRONMENT: "prod" });
    using people = gateScene(next.address);
    using one = connect(next.address);
    await eventually(
      async () => (await one.unary(getModule, { lookupKey: { case: "moduleName", value: name } }).catch(() => undefined))?.isHealthy || undefined,
    );
    expect((await one.register(requestFor(name, module))).events.at(-1)?.outcome).toBe(RegistrationOutcome.UNCHANGED);
    expect((await one.register(requestFor(name, other))).errorDetail).toMatch(/^APPROVAL_REJECTED: root revoked .*: leaks$/);
    // Another rule decides here.
    await eventually(async () => (await one.register(requestFor(free, routed))).events.at(-1)?.outcome === RegistrationOutcome.UNCHANGED || undefined);
    const held = await one.register(requestFor(free, sibling));
    expect(isHeld(held), held.errorDetail).toBe(true);
    for (const [as, at] of [
      [name, module],
      [free, routed],
      [free, sibling],
    ] as const)
      await unregister(one, as, at);
    await people.turnOff();
  });
});
