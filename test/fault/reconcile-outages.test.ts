/** A Consul that is away, restarts, or answers nonsense in the middle of rounds, and two replicas: nothing is changed wrongly. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect } from "../support/client.ts";
import { agentHealth, metricOf, removeEntry } from "../support/consul-agent.ts";
import { startHealthServer, type HealthServer } from "../support/health-server.ts";
import { startHttpProxy } from "../support/http-proxy.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, realBacking, startMuster, type MusterProcess } from "../support/muster.ts";
import { startOwnConsul, type OwnConsul } from "../support/own-consul.ts";
import { describeReal } from "../support/real-servers.ts";

const every = { MUSTER_RECONCILE_EVERY: "1s" };

async function registerServices(muster: MusterProcess, server: HealthServer, base: string, count: number): Promise<readonly string[]> {
  using client = connect(muster.address);
  const names = Array.from({ length: count }, (_, index) => `${base}-${index}`);
  const connectivity = { advertisedHost: server.host, advertisedPort: server.port };
  await Promise.all(
    names.map(async (name) => {
      const { types, errorDetail } = await client.register({ name, type: ServiceType.SERVICE, version: "1.0.0", connectivity });
      expect(types.at(-1), errorDetail).toBe("COMPLETED");
    }),
  );
  return names.map((name) => `${name}-${server.host}-${server.port}`);
}

const actionsOf = async (muster: MusterProcess) =>
  Object.fromEntries([...(await metricOf(muster.address, "reconcile_actions_total"))].filter(([, count]) => count > 0));

/** Resolves when a round has ended that began after now. */
async function wholeRound(muster: MusterProcess): Promise<void> {
  const read = async () => (await metricOf(muster.address, "reconcile_last_round_timestamp_seconds")).get("") ?? 0;
  for (let round = 0; round < 2; round++) {
    const before = await read();
    await eventually(async () => (await read()) > before || undefined, 60_000, 50);
  }
}

describeReal("reconciling through trouble", (servers) => {
  let consul: OwnConsul;
  beforeAll(async () => {
    consul = await startOwnConsul(servers);
  });
  afterAll(() => consul[Symbol.asyncDispose]());

  const passing = async (ids: readonly string[]) => {
    const found = await Promise.all(ids.map(async (id) => (await agentHealth(consul.url, id))?.status === "passing"));
    return found.every(Boolean);
  };

  test("errors, cut lines and empty answers of a catalog that is not itself change nothing", { timeout: 300_000 }, async () => {
    await using proxy = await startHttpProxy(consul.url);
    await using backing = await embeddedBacking();
    await using muster = await startMuster({ ...backing.env, ...every, MUSTER_CATALOG: `consul+${proxy.url}` });
    await using server = await startHealthServer();
    const ids = await registerServices(muster, server, "answers", 10);
    const registeredBy = await Promise.all(ids.map(async (id) => (await agentHealth(consul.url, id))?.entry.Meta["registration-id"]));
    const nonsense: Readonly<Record<string, NonNullable<typeof proxy.instead>>> = {
      "500 to everything": () => ({ status: 500, body: "rpc error" }),
      "500 to the reads of checks": (path) => (path.includes("health/state/any") ? { status: 500, body: "No cluster leader" } : undefined),
      "what is not JSON": () => ({ status: 200, body: "<html>" }),
      "no service on any node": (path) => (path.includes("catalog/node/") ? { status: 200, body: '{"Services":{}}' } : undefined),
      "no nodes": (path) => (path.startsWith("/v1/catalog/nodes") ? { status: 200, body: "[]" } : undefined),
    };
    for (const [what, answer] of Object.entries(nonsense)) {
      proxy.instead = answer;
      // Long enough for looks that find everything gone, twice and three times.
      const until = Date.now() + 6_000;
      await eventually(async () => Date.now() > until || undefined, 10_000, 200);
      proxy.instead = undefined;
      await wholeRound(muster);
      // A probe that this machine was too slow for is made good by the next.
      await eventually(async () => (await passing(ids)) || undefined).catch((error: unknown) => expect(error, what).toBeUndefined());
    }
    const now = await Promise.all(ids.map(async (id) => (await agentHealth(consul.url, id))?.entry.Meta["registration-id"]));
    expect(now).toEqual(registeredBy);
    // The agent was asked before anything was put back, and it had them all.
    expect(await actionsOf(muster)).not.toHaveProperty("restored");
    expect(await actionsOf(muster)).not.toHaveProperty("reaped");
    await Promise.all(ids.map((id) => removeEntry(consul.url, id)));
    await eventually(async () => (await passing(ids)) || undefined, 60_000, 100);
  });

  test("a Consul that is killed and comes back with its data keeps every entry as it was", { timeout: 300_000 }, async () => {
    await using backing = await embeddedBacking();
    await using muster = await startMuster({ ...backing.env, ...every, MUSTER_REAP_AFTER: "60s", MUSTER_CATALOG: `consul+${consul.url}` });
    await using server = await startHealthServer();
    const ids = await registerServices(muster, server, "restart", 10);
    await consul.kill();
    await consul.start();
    await eventually(async () => (await passing(ids)) || undefined, 60_000, 200);
    await wholeRound(muster);
    const actions = await actionsOf(muster);
    for (const action of ["restored", "reaped", "removed"]) expect(actions).not.toHaveProperty(action);
  });

  test("of two replicas one acts, and the other when that one has stopped", { timeout: 300_000 }, async () => {
    await using backing = await realBacking(servers);
    const env = { ...backing.env, ...every, MUSTER_CATALOG: `consul+${consul.url}` };
    await using one = await startMuster(env);
    await using two = await startMuster(env);
    await using server = await startHealthServer();
    const ids = await registerServices(one, server, "replicas", 10);
    const loseAll = async () => {
      await Promise.all(ids.map((id) => removeEntry(consul.url, id)));
      await eventually(async () => (await passing(ids)) || undefined, 60_000, 100);
    };
    await loseAll();
    const counted = async () => {
      const both = await Promise.all([one, two].map(async (muster) => (await actionsOf(muster))["restored"] ?? 0));
      return both.reduce((sum, count) => sum + count, 0) === ids.length ? both : undefined;
    };
    const acted = await eventually(counted, 60_000, 100);
    expect(acted.toSorted((a, b) => a - b)).toEqual([0, ids.length]);
    const [actor, other] = acted[0] === 0 ? [two, one] : [one, two];
    actor.signal("SIGTERM");
    expect(await actor.ended).toBe(0);
    await loseAll();
    await eventually(async () => (await actionsOf(other))["restored"] === ids.length || undefined, 60_000, 100);
  });
});
