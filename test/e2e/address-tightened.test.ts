/** A restart with tighter MUSTER_MODULE_ADDRESSES: what has an address that is not allowed any more is left alone, and said so. */
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
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
}

describe("a tighter configuration (embedded)", () => tightened(embeddedBacking));
describeReal("a tighter configuration (real servers)", (servers) => tightened(() => realBacking(servers), servers));
