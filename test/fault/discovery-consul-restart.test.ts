/** A real Consul, killed and started again on its data, and on none. */
import { expect, test } from "vitest";
import { createConsulCatalog } from "../../src/adapters/consul/catalog.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { putEntry } from "../support/consul-agent.ts";
import { startOwnConsul } from "../support/own-consul.ts";
import { describeReal } from "../support/real-servers.ts";
import { followCatalog } from "../support/snapshots.ts";

describeReal("a Consul that is killed", (servers) => {
  test("and comes back on its data is never told to be empty; one that lost its data is told so later", { timeout: 240_000 }, async () => {
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
});
