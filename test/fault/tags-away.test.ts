import { expect, test } from "vitest";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect } from "../support/client.ts";
import { agentHealth } from "../support/consul-agent.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { startHttpProxy } from "../support/http-proxy.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, startMuster } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { moduleSteps, requestFor, unregister } from "../support/world.ts";

describeReal("tags replaced while the catalog is away", (servers) => {
  test("are answered as not yet applied, and follow when it is back, the last ones winning; reconciling has no part in it", async () => {
    await using proxy = await startHttpProxy(servers.consul);
    await using backing = await embeddedBacking();
    await using muster = await startMuster({ ...backing.env, MUSTER_RECONCILE: "off", MUSTER_CATALOG: `consul+${proxy.url}` });
    const name = `away-${crypto.randomUUID().slice(0, 8)}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    using client = connect(muster.address);
    expect((await client.register(requestFor(name, module, { tags: ["blue"] }))).types).toEqual(moduleSteps);
    const serviceId = `${name}-127.0.0.1-${module.port}`;
    const update = (tags: string[]) => client.unary(PlatformRegistrationService.method.updateTags, { serviceId, tags });
    const shown = async () => (await agentHealth(servers.consul, serviceId))?.entry.Tags;

    proxy.instead = () => ({ status: 500, body: "No cluster leader" });
    const [first, second] = [await update(["green"]), await update(["red"])];
    for (const { message, success } of [first, second])
      expect({ message, success }).toMatchObject({ success: true, message: expect.stringContaining("will be updated later") as string });
    expect(second.appliedTags).toEqual(["red", "module"]);
    expect(await shown()).toEqual(["blue", "module"]);
    proxy.instead = undefined;
    await eventually(async () => JSON.stringify(await shown()) === JSON.stringify(["red", "module"]) || undefined, 60_000, 50);
    // The task of the first one, if it comes later, writes what the record says then.
    await eventually(async () => (await agentHealth(servers.consul, serviceId))?.status === "passing" || undefined);
    await unregister(client, name, module);
  });
});
