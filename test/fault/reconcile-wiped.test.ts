/** A Consul that lost everything, or much at once, is filled again from the record. */
import { expect, test } from "vitest";
import { ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect } from "../support/client.ts";
import { metricOf } from "../support/consul-agent.ts";
import { startHealthServer, type HealthServer } from "../support/health-server.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, startMuster, type MusterProcess } from "../support/muster.ts";
import { startOwnConsul } from "../support/own-consul.ts";
import { describeReal } from "../support/real-servers.ts";

const count = 200;

/**
 * Status by service id, from the catalog that consumers read; undefined while it does not answer. `late`: failing because a
 * probe was not answered in time, as it may happen on a busy machine; what fails without having been probed is `critical`.
 */
async function statuses(url: string): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const answer = await fetch(`${url}/v1/health/state/any?consistent`, { signal: AbortSignal.timeout(3_000) });
    if (!answer.ok) return undefined;
    const checks = (await answer.json()) as readonly {
      readonly ServiceID: string;
      readonly Status: string;
      readonly Output: string;
      readonly CheckID: string;
    }[];
    const statusOf = ({ Status, Output }: (typeof checks)[number]) => (Status === "critical" && Output !== "" ? "late" : Status);
    return new Map(checks.filter(({ CheckID }) => CheckID.startsWith("steady:")).map((check) => [check.ServiceID, statusOf(check)]));
  } catch {
    return undefined;
  }
}

/** `count` services that are one process behind many names, registered. */
async function registerMany(muster: MusterProcess, server: HealthServer, names: readonly string[]): Promise<readonly string[]> {
  using client = connect(muster.address);
  const waiting = [...names];
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
        const connectivity = { advertisedHost: server.host, advertisedPort: server.port };
        const { types, errorDetail } = await client.register({ name, type: ServiceType.SERVICE, version: "1.0.0", connectivity, tags: [name] });
        expect(types.at(-1), errorDetail).toBe("COMPLETED");
      }
    }),
  );
  return names.map((name) => `${name}-${server.host}-${server.port}`);
}

describeReal("the catalog is kept as the record says", (servers) => {
  test(
    "an agent that was killed and wiped has all 200 back within 60 s, dead ones aside; a quarter gone does not touch the rest",
    { timeout: 300_000 },
    async () => {
      await using consul = await startOwnConsul(servers);
      await using backing = await embeddedBacking();
      await using muster = await startMuster({ ...backing.env, MUSTER_CATALOG: `consul+${consul.url}`, MUSTER_CATALOG_BOOTSTRAP_CHECKS: "1" });
      await using server = await startHealthServer();
      const dying = await startHealthServer();
      const ids = await registerMany(
        muster,
        server,
        Array.from({ length: count }, (_, index) => `many-${index}`),
      );
      const [dead = ""] = await registerMany(muster, dying, ["dead"]);
      await dying[Symbol.asyncDispose]();
      const areBack = async () => {
        const now = await statuses(consul.url);
        return now && ids.every((id) => now.get(id) === "passing") ? now : undefined;
      };
      await eventually(areBack, 60_000, 100);

      await consul.kill();
      await consul.wipe();
      await consul.start();
      const wipedAt = Date.now();
      const everSeen = new Set<string>();
      const back = await eventually(
        async () => {
          const now = await statuses(consul.url);
          for (const [id, status] of now ?? []) if (status !== "late" || id === dead) everSeen.add(`${id} ${status}`);
          return now && ids.every((id) => now.get(id) === "passing") ? now : undefined;
        },
        60_000,
        100,
      );
      // All of them had been gone, and were put back.
      await eventually(async () => ((await metricOf(muster.address, "reconcile_actions_total")).get("restored") ?? 0) >= count || undefined);
      process.stdout.write(`a wiped catalog had its ${count} entries back after ${Date.now() - wipedAt} ms\n`);
      // Nothing was shown that does not answer, and nothing that answers was shown as failing.
      expect(back.has(dead)).toBe(false);
      expect([...everSeen].toSorted()).toEqual(ids.map((id) => `${id} passing`).toSorted());
      expect(muster.logged()).toContain('"event":"reconcile.braked"');

      const gone = ids.slice(0, count / 4);
      const rest = new Set(ids.slice(count / 4));
      await Promise.all(gone.map((id) => fetch(`${consul.url}/v1/agent/service/deregister/${encodeURIComponent(id)}`, { method: "PUT" })));
      const flaps = new Set<string>();
      await eventually(
        async () => {
          const now = await statuses(consul.url);
          for (const id of rest) if (now && now.get(id) !== "passing" && now.get(id) !== "late") flaps.add(`${id} ${now.get(id)}`);
          return areBack();
        },
        60_000,
        50,
      );
      expect([...flaps]).toEqual([]);
    },
  );
});
