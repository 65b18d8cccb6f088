import type { CatalogEntry } from "../../src/registration/ports.ts";
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { selfEntry } from "../../src/registration/self-registration.ts";
import { openConsulCatalog } from "../support/catalogs.ts";
import { removeFromCatalog } from "../support/consul-agent.ts";
import { startHealthServer } from "../support/health-server.ts";
import { eventually, watchInstances } from "../support/instances.ts";
import { followCatalog } from "../support/snapshots.ts";

/** What only Consul has: entries of others, maintenance mode, and what the entry looks like there. `url` is an agent's. */
export function consulCatalogContract(url: string): void {
  const signal = () => AbortSignal.timeout(90_000);

  async function put(path: string, body?: unknown): Promise<void> {
    const answer = await fetch(`${url}/v1/agent/${path}`, { method: "PUT", ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    expect(answer.status).toBe(200);
  }

  function entryFor(name: string, port: number): CatalogEntry {
    return {
      serviceId: `${name}-127.0.0.1-${port}`,
      attemptId: randomUUID(),
      name,
      type: "SERVICE",
      version: "1.0.0",
      address: "127.0.0.1",
      port,
      tags: [],
      metadata: {},
      check: { address: "127.0.0.1", port, tls: false, serverName: "localhost" },
    };
  }

  describe("consul: on the agent", { timeout: 90_000 }, () => {
    test("an instance does not take the place of a server's own entry, whose service id another name and host can give", async () => {
      await using it = await openConsulCatalog(url);
      await using server = await startHealthServer();
      const name = it.unique("platform");
      const own = selfEntry({ name, host: "eu-localhost", port: server.port, tls: false, owner: "me" });
      await it.catalog.promote({ ...own, address: "127.0.0.1", check: { ...own.check, address: "127.0.0.1" } }, signal());
      const attack = { ...entryFor(`${name}-eu`, server.port), serviceId: own.serviceId };
      await expect(it.catalog.register(attack, signal())).rejects.toMatchObject({ kind: "already_exists", reason: "SERVICE_ID_CLASH" });
      await it.catalog.deregister(attack.serviceId, attack.attemptId, signal());
      expect(await it.catalog.instances({ serviceId: own.serviceId }, signal())).toMatchObject([{ name, attemptId: "self-me" }]);
    });

    test("promote keeps maintenance mode, and nobody sees it end", async () => {
      await using it = await openConsulCatalog(url);
      await using server = await startHealthServer();
      const former = entryFor(it.unique("paused"), server.port);
      await it.catalog.promote(former, signal());
      await put(`service/maintenance/${former.serviceId}?enable=true`);
      await using seen = watchInstances(it.catalog, { name: former.name });
      await using local = watchInstances(it.catalog, { serviceId: former.serviceId });
      const second = { ...former, attemptId: randomUUID() };
      await it.catalog.register(second, signal());
      await it.catalog.awaitPassing(second.serviceId, second.attemptId, signal());
      await it.catalog.promote(second, signal());
      await seen.atLeast(seen.count() + 3);
      expect(local.states().filter((state) => !state.startsWith("maintenance"))).toEqual([]);
      // The first read may still be of the moment before maintenance.
      expect(
        seen
          .states()
          .slice(1)
          .filter((state) => !state.startsWith("maintenance")),
      ).toEqual([]);
      const [now] = await it.catalog.instances({ serviceId: second.serviceId }, signal());
      expect(now?.attemptId).toBe(second.attemptId);
      expect(now?.checks.map((check) => check.id).filter((id) => id.includes(former.attemptId))).toEqual([]);
      await put(`service/maintenance/${former.serviceId}?enable=false`);
      await eventually(async () => (await it.catalog.instances({ name: former.name }, signal()))[0]?.status === "passing" || undefined);
    });

    test("what the catalog lost is not there by name and service id, and is by service id alone; promoting again lists it", async () => {
      await using it = await openConsulCatalog(url);
      await using server = await startHealthServer();
      const entry = entryFor(it.unique("lost"), server.port);
      const { serviceId, name } = entry;
      await it.catalog.promote(entry, signal());
      const attempts = async (filter: { serviceId?: string; name?: string }) =>
        (await it.catalog.instances(filter, signal())).map(({ attemptId }) => attemptId);
      expect(await attempts({ serviceId, name })).toEqual([entry.attemptId]);
      await removeFromCatalog(url, serviceId);
      expect(await attempts({ serviceId, name })).toEqual([]);
      expect(await attempts({ serviceId })).toEqual([entry.attemptId]);
      await it.catalog.promote(entry, signal());
      expect(await attempts({ serviceId, name })).toEqual([entry.attemptId]);
      await it.catalog.deregister(serviceId, entry.attemptId, signal());
    });

    test("an entry of somebody else serves on until it is replaced", async () => {
      await using it = await openConsulCatalog(url);
      await using server = await startHealthServer();
      const entry = entryFor(it.unique("foreign"), server.port);
      await put("service/register", { ID: entry.serviceId, Name: entry.name, Port: 1, Tags: ["theirs"] });
      await it.catalog.register(entry, signal());
      await it.catalog.awaitPassing(entry.serviceId, entry.attemptId, signal());
      const [foreign] = await it.catalog.instances({ serviceId: entry.serviceId }, signal());
      expect(foreign).toMatchObject({ attemptId: undefined, port: 1, tags: ["theirs"], status: "passing" });
      await it.catalog.deregister(entry.serviceId, entry.attemptId, signal());
      expect(await it.catalog.instances({ serviceId: entry.serviceId }, signal())).toHaveLength(1);
      const byName = await it.catalog.instances({ name: entry.name }, signal());
      expect(byName).toMatchObject([{ attemptId: undefined, address: "127.0.0.1" }]);
    });

    test("a watch sees what others do: without checks, with a check, other tags and metadata, and no more", async () => {
      await using it = await openConsulCatalog(url);
      const name = it.unique("theirs");
      await using watch = followCatalog(it.catalog, name);
      expect(watch.ofName(await watch.first())).toEqual([]);
      const define = (more: object) => put("service/register", { ID: name, Name: name, Address: "10.1.2.3", Port: 80, ...more });
      await define({});
      await watch.until(([found]) => found?.status === "passing" && found.attemptId === undefined && found.address === "10.1.2.3" && found.port === 80);
      await define({ Tags: ["v2"] });
      await watch.until(([found]) => found?.tags.includes("v2") ?? false);
      await define({ Tags: ["v2"], Meta: { zone: "b" } });
      await watch.until(([found]) => found?.meta["zone"] === "b");
      await define({ Tags: ["v2"], Meta: { zone: "b" }, Check: { CheckID: `${name}-ttl`, TTL: "60s", Status: "passing" } });
      await watch.until(([found]) => found?.checks.some(({ id }) => id === `${name}-ttl`) ?? false);
      await put(`check/fail/${name}-ttl`);
      await watch.until(([found]) => found?.status === "critical");
      await put(`check/warn/${name}-ttl`);
      await watch.until(([found]) => found?.status === "warning");
      await put(`check/pass/${name}-ttl`);
      await watch.until(([found]) => found?.status === "passing");
      await put(`service/maintenance/${name}?enable=true`);
      await watch.until(([found]) => found?.status === "maintenance");
      await put(`service/maintenance/${name}?enable=false`);
      await watch.until(([found]) => found?.status === "passing");
      await put(`service/deregister/${name}`);
      await watch.until((found) => found.length === 0);
    });

    test("a candidate is under a name of its own and no instance of anything", async () => {
      await using it = await openConsulCatalog(url);
      await using server = await startHealthServer();
      const entry = entryFor(it.unique("twice"), server.port);
      await it.catalog.promote(entry, signal());
      const second = { ...entry, attemptId: randomUUID() };
      await it.catalog.register(second, signal());
      const services = (await (await fetch(`${url}/v1/agent/services`)).json()) as Record<string, { Service: string }>;
      expect(services[`${entry.serviceId}@${second.attemptId}`]?.Service).toBe("muster-trial");
      const all = await it.catalog.instances({}, signal());
      expect(all.filter((found) => found.serviceId.startsWith(entry.serviceId))).toHaveLength(1);
      expect(all.find((found) => found.serviceId === "consul")).toBeUndefined();
    });
  });
}
