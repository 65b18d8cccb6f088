/** A cluster of Consul that loses its leader, and an agent that loses the cluster: what a watcher, List and Resolve are shown. */
import { expect, test } from "vitest";
import { PlatformRegistrationService, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect } from "../support/client.ts";
import { startConsulCluster } from "../support/consul-cluster.ts";
import { startHealthServer } from "../support/health-server.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, startMuster } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";

const { method } = PlatformRegistrationService;

describeReal("a Consul of three servers", (servers) => {
  test("shows all that is registered through a change of the leader and without one, and goes on afterwards", { timeout: 300_000 }, async () => {
    await using cluster = await startConsulCluster(servers);
    await using backing = await embeddedBacking();
    await using server = await startHealthServer();
    await using muster = await startMuster({ ...backing.env, MUSTER_CATALOG: `consul+${cluster.url}`, MUSTER_RECONCILE_EVERY: "1s" });
    using client = connect(muster.address);
    const names: string[] = [];
    /** Registers one more, which may take several tries while there is no leader. */
    const registerOne = async (): Promise<void> => {
      const name = `kept-${String(names.length).padStart(2, "0")}`;
      const request = { name, type: ServiceType.SERVICE, version: "1.0.0", connectivity: { advertisedHost: server.host, advertisedPort: server.port } };
      await eventually(async () => ((await client.register(request)).types.at(-1) === "COMPLETED" ? true : undefined));
      names.push(name);
      await eventually(async () => ((await listed()).includes(name) ? true : undefined));
    };
    const ours = (services: readonly { readonly serviceName: string }[]) =>
      services.map(({ serviceName }) => serviceName).filter((it) => it.startsWith("kept-"));
    const listed = async () => ours((await client.unary(method.listServices, {})).services);
    for (let count = 0; count < 10; count++) await registerOne();

    const lists: string[][] = [];
    const watching = client.stream(method.watchServices, {}, ({ services }) => void lists.push(ours(services)));
    await eventually(async () => (lists.length > 0 ? true : undefined));
    /** What List and Resolve lacked while `event` came about. */
    const lackedDuring = async (event: Promise<void>): Promise<readonly string[]> => {
      const lacked = new Set<string>();
      const over = event.then(() => true);
      for (let isOver = false; !isOver;) {
        const shown = await listed();
        for (const name of names) {
          if (!shown.includes(name)) lacked.add(`${name} in the list`);
          const { found, healthyInstances } = await client.unary(method.resolveService, { serviceName: name });
          if (!found || healthyInstances !== 1) lacked.add(`${name} to resolve`);
        }
        isOver = await Promise.race([over, Promise.resolve(false)]);
      }
      return [...lacked];
    };

    expect(await lackedDuring(cluster.killLeader())).toEqual([]);
    await registerOne();
    cluster.signalOthers("SIGSTOP");
    expect(await lackedDuring(cluster.untilLeader(false))).toEqual([]);
    cluster.signalOthers("SIGCONT");
    expect(await lackedDuring(cluster.untilLeader(true))).toEqual([]);
    await registerOne();
    expect(await lackedDuring(Promise.resolve())).toEqual([]);
    // Each list has the ten, and what was registered by then.
    for (const list of lists) expect(names.filter((name) => !list.includes(name)).every((name) => names.indexOf(name) >= 10)).toBe(true);
    await eventually(async () => (lists.at(-1)?.length === names.length ? true : undefined));
    await muster[Symbol.asyncDispose]();
    await watching.catch(() => undefined);
  });
});
