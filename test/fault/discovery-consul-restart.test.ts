/** A real Consul, killed and started again on its data, and on none: what its watch reports, and what consumers are shown. */
import { expect, test } from "vitest";
import { createConsulCatalog } from "../../src/adapters/consul/catalog.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { PlatformRegistrationService, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect, type MusterClient } from "../support/client.ts";
import { metricOf, putEntry } from "../support/consul-agent.ts";
import { startHealthServer, type HealthServer } from "../support/health-server.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, startMuster } from "../support/muster.ts";
import { startOwnConsul } from "../support/own-consul.ts";
import { describeReal } from "../support/real-servers.ts";
import { followCatalog } from "../support/snapshots.ts";

const { method } = PlatformRegistrationService;

describeReal("a Consul that is killed", (servers) => {
  test("and comes back with its data is never shown as empty; one that lost its data is, later", { timeout: 240_000 }, async () => {
    await using consul = await startOwnConsul(servers);
    const put = (ID: string) => putEntry(consul.url, { ID, Service: "echo", Address: "10.1.2.3", Port: 80, Tags: [], Meta: {} });
    await put("one");
    await put("two");
    await using catalog = createConsulCatalog({ url: consul.url, clock: systemClock });
    await using watch = followCatalog(catalog, "echo");
    await watch.until((instances) => instances.length === 2);

    await consul.kill();
    await consul.start();
    await put("three");
    await watch.until((instances) => instances.length === 3);
    expect(watch.states().filter((state) => !state.includes(","))).toEqual([]);

    await consul.kill();
    await consul.wipe();
    await consul.start();
    await watch.until((instances) => instances.length === 0);
  });

  test("and comes back empty is no reason to show consumers an empty list, also after a restart of Muster; a dead one goes", { timeout: 240_000 }, async () => {
    const count = 20;
    await using consul = await startOwnConsul(servers);
    await using backing = await embeddedBacking();
    const env = { ...backing.env, MUSTER_CATALOG: `consul+${consul.url}`, MUSTER_RECONCILE_EVERY: "1s" };
    await using server = await startHealthServer();
    const dying = await startHealthServer();
    const muster = await startMuster(env);
    using client = connect(muster.address);
    const register = async (name: string, at: HealthServer): Promise<void> => {
      const connectivity = { advertisedHost: at.host, advertisedPort: at.port };
      const { types, errorDetail } = await client.register({ name, type: ServiceType.SERVICE, version: "1.0.0", connectivity });
      expect(types.at(-1), errorDetail).toBe("COMPLETED");
    };
    const names = Array.from({ length: count }, (_, index) => `kept-${String(index).padStart(2, "0")}`);
    for (const name of names) await register(name, server);
    await register("dead", dying);
    const shownBy = async (one: MusterClient) => {
      const { services } = await one.unary(method.listServices, {});
      return services.map(({ serviceName }) => serviceName).filter((name) => name !== "consul");
    };
    await eventually(async () => ((await shownBy(client)).length === count + 1 ? true : undefined));

    const lists: string[][] = [];
    const watching = client.stream(method.watchServices, {}, ({ services }) => void lists.push(services.map(({ serviceName }) => serviceName)));
    await eventually(async () => (lists.length > 0 ? true : undefined));
    await dying[Symbol.asyncDispose]();
    await consul.kill();
    await consul.wipe();
    await consul.start();
    const restored = async (address: string) => (await metricOf(address, "reconcile_actions_total")).get("restored") ?? 0;
    await eventually(async () => ((await restored(muster.address)) >= count ? true : undefined));
    await eventually(async () => ((await shownBy(client)).includes("dead") ? undefined : true));
    expect((await shownBy(client)).toSorted()).toEqual(names);
    for (const list of lists) expect(list.filter((name) => name.startsWith("kept-")).toSorted()).toEqual(names);

    // Now Muster dies too, while Consul has nothing.
    muster.signal("SIGKILL");
    await muster.ended;
    await watching.catch(() => undefined);
    await consul.kill();
    await consul.wipe();
    await consul.start();
    await using next = await startMuster(env);
    using nextClient = connect(next.address);
    expect((await shownBy(nextClient)).toSorted()).toEqual(names);
    expect(await restored(next.address)).toBe(0);
    expect(await nextClient.unary(method.resolveService, { serviceName: names[0] ?? "" })).toMatchObject({ found: true });
    await eventually(async () => ((await restored(next.address)) >= count ? true : undefined));
    expect((await shownBy(nextClient)).toSorted()).toEqual(names);
  });
});
