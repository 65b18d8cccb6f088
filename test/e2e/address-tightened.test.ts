/** A restart with tighter MUSTER_MODULE_ADDRESSES: what has an address that is not allowed any more is left alone, and said so. */
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect } from "../support/client.ts";
import { AttemptState, RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { gateScene, heldBy } from "../support/gate.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, realBacking, startMuster, type Backing } from "../support/muster.ts";
import { describeReal, type RealServers } from "../support/real-servers.ts";
import { passingInConsul, requestFor, serviceSteps } from "../support/world.ts";

function tightened(back: () => Promise<Backing>, real?: RealServers): void {
  test("tags cannot be set, and nothing is written or put back", async () => {
    await using backing = await back();
    const name = `tight-${crypto.randomUUID().slice(0, 8)}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const serviceId = `${name}-${module.host}-${module.port}`;
    {
      await using muster = await startMuster(backing.env);
      using client = connect(muster.address);
      const { types } = await client.register(requestFor(name, module, { type: ServiceType.SERVICE, tags: ["blue"] }));
      expect(types).toEqual(serviceSteps);
      muster.signal("SIGTERM");
      await muster.ended;
    }
    await using muster = await startMuster({ ...backing.env, MUSTER_MODULE_ADDRESSES: "10.0.0.0/8" });
    using client = connect(muster.address);
    const setting = client.unary(PlatformRegistrationService.method.updateTags, { serviceId, tags: ["green"] });
    await expect(setting).rejects.toMatchObject({ status: { code: 9, reason: "HOST_DENIED" } });
    await eventually(async () => (/catalog\.not-restored|reconcile\.address-denied/.test(muster.logged()) ? true : undefined));
    if (real) expect(await passingInConsul(real, name)).toMatchObject([{ Tags: ["blue"] }]);
    else expect((await client.unary(PlatformRegistrationService.method.listServices, {})).services).toEqual([]);
  });

  test("what has waited for an approval meanwhile does not go live, and whoever waits is told why", async () => {
    await using backing = await back();
    const name = `tight-${crypto.randomUUID().slice(0, 8)}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const request = requestFor(name, module, { requestId: name });
    const approvalId = await (async () => {
      await using muster = await startMuster(backing.env);
      using scene = gateScene(muster.address);
      using client = connect(muster.address);
      await scene.turnOn();
      const id = heldBy(await client.register(request))["approval_id"] ?? "";
      muster.signal("SIGTERM");
      await muster.ended;
      return id;
    })();
    const { health, describe: described } = module.calls;
    await using muster = await startMuster({ ...backing.env, MUSTER_MODULE_ADDRESSES: "10.0.0.0/8" });
    using scene = gateScene(muster.address);
    await scene.approveId(approvalId);
    const { attempts } = await eventually(async () => {
      const found = await scene.admin.unary(RegistrationService.method.listAttempts, { name });
      return found.attempts.length === 2 && found.attempts.every(({ state }) => state !== AttemptState.RUNNING && state !== AttemptState.UNWINDING)
        ? found
        : undefined;
    });
    expect(attempts.map(({ state }) => state)).toEqual([AttemptState.ROLLED_BACK, AttemptState.COMPLETED]);
    expect(attempts[0]?.errorDetail).toMatch(/^its address 127\.0\.0\.1 is outside/);
    expect(module.calls).toEqual({ health, describe: described });
    if (real) expect(await passingInConsul(real, name)).toEqual([]);
  });
}

describe("a tighter configuration (embedded)", () => tightened(embeddedBacking));
describeReal("a tighter configuration (real servers)", (servers) => tightened(() => realBacking(servers), servers));
