/** A module whose health server knows only a service of its own: the health check asks for that, also after a restart. */
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect, type MusterClient } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, realBacking, startMuster, type Backing } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { moduleSteps, requestFor, serviceSteps, unregister } from "../support/world.ts";

const { method } = PlatformRegistrationService;
const service = "acme.parser.v1.ParserService";

const isHealthy = async (client: MusterClient, serviceName: string) =>
  (await client.unary(method.getService, { lookupKey: { case: "serviceName", value: serviceName } }).catch(() => undefined))?.isHealthy;

const untilHealthy = (client: MusterClient, name: string, wanted: boolean) =>
  eventually(async () => ((await isHealthy(client, name)) === wanted ? true : undefined), 60_000, 50);

/** `forget` takes the instance out of a catalog that another process keeps. */
function namedHealth(back: () => Promise<Backing>, forget?: (serviceId: string) => Promise<unknown>): void {
  test("is asked for that, on trial, when it serves, and when it is put back", { timeout: 180_000 }, async () => {
    await using backing = await back();
    const env = { ...backing.env, MUSTER_RECONCILE_EVERY: "1s" };
    const name = `named-${crypto.randomUUID().slice(0, 8)}`;
    await using module = await startFakeModule({ name, version: "1.0.0", knows: [service] });
    {
      await using muster = await startMuster(env);
      using client = connect(muster.address);
      const { types, events, errorDetail } = await client.register(requestFor(name, module, { grpcServices: ["acme.other.v1.Other", service] }));
      expect(types, errorDetail).toEqual(moduleSteps);
      expect(events.map(({ message }) => message)).toContainEqual(expect.stringContaining(`health check of ${service} passed`));
      await untilHealthy(client, name, true);
      const again = await client.register(requestFor(name, module, { grpcServices: ["acme.other.v1.Other", service] }));
      expect(again.events.at(-1)?.message).toContain("nothing has changed");
      // Killed, it would keep the lease of reconciling for a minute.
      muster.signal("SIGTERM");
      await muster.ended;
    }
    await using muster = await startMuster(env);
    using client = connect(muster.address);
    await untilHealthy(client, name, true);
    if (forget) {
      await forget(`${name}-${module.host}-${module.port}`);
      await eventually(async () => (muster.logged().includes("reconcile.restored") ? true : undefined));
    }
    await untilHealthy(client, name, true);
    // The steady check finds out, by asking for the service alone, and finds it well again.
    module.setStatus("NOT_SERVING");
    await untilHealthy(client, name, false);
    module.setStatus("SERVING");
    await untilHealthy(client, name, true);
    await unregister(client, name, module);
  });

  test("a service is asked for it too; where nothing is known it fails after the grace, saying so", async () => {
    await using backing = await back();
    await using muster = await startMuster(backing.env);
    using client = connect(muster.address);
    const name = `named-service-${crypto.randomUUID().slice(0, 8)}`;
    await using server = await startFakeModule({ name, version: "1.0.0", knows: [service], describe: "none" });
    const asService = { type: ServiceType.SERVICE, startupGrace: { seconds: 0n, nanos: 100_000_000 } } as const;
    for (const grpcServices of [[], ["acme.other.v1.Other"]]) {
      const failed = await client.register(requestFor(name, server, { ...asService, grpcServices }));
      expect(failed.errorDetail).toMatch(/^HEALTH_SERVICE_UNKNOWN: .*NOT_FOUND.*grpc_services/);
    }
    expect((await client.register(requestFor(name, server, { ...asService, grpcServices: [service] }))).types).toEqual(serviceSteps);
    await unregister(client, name, server);
  });
}

describe("a health server that knows only a named service (embedded)", () => namedHealth(embeddedBacking));
describeReal("a health server that knows only a named service (real servers)", (servers) =>
  namedHealth(
    () => realBacking(servers),
    (serviceId) => fetch(`${servers.consul}/v1/agent/service/deregister/${encodeURIComponent(serviceId)}`, { method: "PUT" }),
  ),
);
