import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { entryFor, limit, only, passTrial, serve, signal, type OpenCatalog } from "../support/catalog-fixture.ts";
import { startHealthServer } from "../support/health-server.ts";
import { eventually, watchInstances } from "../support/instances.ts";

/** What serves: promoting, replacing, removing, and doing all of it again. */
export function catalogServing(name: string, open: OpenCatalog): void {
  describe(`${name}: a promoted entry`, limit, () => {
    test("is passing, with what consumers need", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const entry = entryFor(it, server, { type: "MODULE", address: "echo.example.org", port: 4711 });
      await serve(it.catalog, entry);
      const expected = {
        serviceId: entry.serviceId,
        name: entry.name,
        attemptId: entry.attemptId,
        address: "echo.example.org",
        port: 4711,
        tags: ["blue", "capability:PARSER", "module"],
        meta: {
          team: "search",
          version: "1.2.3",
          "service-type": "SERVICE_TYPE_MODULE",
          "advertised-host": "echo.example.org",
          "advertised-port": "4711",
          "registration-id": entry.attemptId,
        },
        status: "passing",
      };
      expect(await only(it.catalog, entry)).toMatchObject(expected);
      expect(await it.catalog.instances({ name: entry.name }, signal())).toMatchObject([expected]);
      const all = await it.catalog.instances({}, signal());
      expect(all.filter((found) => found.name === entry.name)).toMatchObject([expected]);
      expect(all.find((found) => found.name === entry.name)?.meta).toEqual(expected.meta);
      expect(await it.catalog.instances({ serviceId: entry.serviceId, name: it.unique("other") }, signal())).toEqual([]);
    });

    test("needs no trial: a former one is put back", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const entry = entryFor(it, server);
      await it.catalog.promote(entry, signal());
      expect(await only(it.catalog, entry)).toMatchObject({ status: "passing", attemptId: entry.attemptId });
    });

    test("keeps serving while another attempt is tried and given up", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      await using broken = await startHealthServer({ serving: false });
      const former = entryFor(it, server);
      await serve(it.catalog, former);
      await using seen = watchInstances(it.catalog, { name: former.name });
      const second = { ...former, attemptId: randomUUID(), tags: ["green"], check: entryFor(it, broken).check };
      await it.catalog.register(second, signal());
      await eventually(async () => broken.checks() > 2 || undefined);
      expect((await it.catalog.trialChecks(second.serviceId, second.attemptId, signal())).map((check) => check.status)).toContain("critical");
      await it.catalog.deregister(second.serviceId, second.attemptId, signal());
      expect(await it.catalog.trialChecks(second.serviceId, second.attemptId, signal())).toEqual([]);
      await seen.atLeast(20);
      expect(seen.states()).toEqual([`passing ${former.attemptId} blue,capability:PARSER`]);
    });

    test("is replaced by a second attempt without a gap", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const former = entryFor(it, server);
      await serve(it.catalog, former);
      await using seen = watchInstances(it.catalog, { name: former.name });
      await using local = watchInstances(it.catalog, { serviceId: former.serviceId });
      await seen.atLeast(3);
      const second = { ...former, attemptId: randomUUID(), tags: ["green"] };
      await serve(it.catalog, second);
      expect(await it.catalog.instances({ name: former.name }, signal())).toMatchObject([{ attemptId: second.attemptId, status: "passing" }]);
      await seen.atLeast(seen.count() + 3);
      const both = [`passing ${former.attemptId} blue,capability:PARSER`, `passing ${second.attemptId} green`];
      expect(seen.states()).toEqual(both);
      expect(local.states()).toEqual(both);
      await it.catalog.deregister(former.serviceId, former.attemptId, signal());
      expect(await only(it.catalog, second)).toMatchObject({ attemptId: second.attemptId, status: "passing" });
    });

    test("takes a new definition from a repeated promote", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const entry = entryFor(it, server);
      await serve(it.catalog, entry);
      await it.catalog.promote({ ...entry, tags: ["purple"], metadata: {} }, signal());
      const [found] = await it.catalog.instances({ name: entry.name }, signal());
      expect(found).toMatchObject({ status: "passing", tags: ["purple"] });
      expect(found?.meta).not.toHaveProperty("team");
    });

    test("turns critical when the module stops serving; only another attempt starts passing again", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const entry = entryFor(it, server);
      await serve(it.catalog, entry);
      server.setServing(false);
      await eventually(async () => (await only(it.catalog, entry)).status === "critical" || undefined);
      await it.catalog.promote(entry, signal());
      expect((await only(it.catalog, entry)).status).toBe("critical");
      const next = { ...entry, attemptId: randomUUID() };
      await it.catalog.promote(next, signal());
      expect(await only(it.catalog, next)).toMatchObject({ status: "passing", attemptId: next.attemptId });
    });
  });

  describe(`${name}: deregister`, limit, () => {
    test("by another attempt leaves an entry alone, by its own removes it, again does nothing", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const entry = entryFor(it, server);
      await serve(it.catalog, entry);
      await it.catalog.deregister(entry.serviceId, randomUUID(), signal());
      expect(await only(it.catalog, entry)).toMatchObject({ status: "passing" });
      await it.catalog.deregister(entry.serviceId, entry.attemptId, signal());
      await it.catalog.deregister(entry.serviceId, entry.attemptId, signal());
      expect(await it.catalog.instances({ serviceId: entry.serviceId }, signal())).toEqual([]);
      await eventually(async () => (await it.catalog.instances({ name: entry.name }, signal())).length === 0 || undefined);
    });

    test("removes a fresh trial", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const entry = entryFor(it, server);
      await it.catalog.register(entry, signal());
      await it.catalog.deregister(entry.serviceId, entry.attemptId, signal());
      expect(await it.catalog.instances({ serviceId: entry.serviceId }, signal())).toEqual([]);
      expect(await it.catalog.trialChecks(entry.serviceId, entry.attemptId, signal())).toEqual([]);
    });

    test("of what never was is done", async () => {
      await using it = await open();
      await it.catalog.deregister(it.unique("nothing"), randomUUID(), signal());
    });
  });

  describe(`${name}: repeated`, limit, () => {
    test("every operation twice is as good as once", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const former = entryFor(it, server);
      await serve(it.catalog, former);
      const entry = { ...former, attemptId: randomUUID() };
      for (const _ of [1, 2]) await it.catalog.register(entry, signal());
      for (const _ of [1, 2]) await it.catalog.awaitPassing(entry.serviceId, entry.attemptId, signal());
      expect(await only(it.catalog, entry)).toMatchObject({ attemptId: former.attemptId });
      for (const _ of [1, 2]) await it.catalog.promote(entry, signal());
      expect(await only(it.catalog, entry)).toMatchObject({ attemptId: entry.attemptId, status: "passing" });
      // Once more from the start, as after a crash: what serves goes on serving.
      await passTrial(it.catalog, entry);
      expect(await only(it.catalog, entry)).toMatchObject({ attemptId: entry.attemptId, status: "passing" });
      await it.catalog.promote(entry, signal());
      expect(await it.catalog.trialChecks(entry.serviceId, entry.attemptId, signal())).toEqual([]);
      expect(await it.catalog.instances({ name: entry.name }, signal())).toHaveLength(1);
    });

    test("another process goes on where one stopped", async ({ skip }) => {
      await using it = await open();
      const { another } = it.capabilities;
      if (another === undefined) return skip("the backend lives in this process");
      await using server = await startHealthServer();
      const former = entryFor(it, server);
      await serve(another(), former);
      const entry = { ...former, attemptId: randomUUID() };
      await it.catalog.register(entry, signal());
      await another().awaitPassing(entry.serviceId, entry.attemptId, signal());
      expect(await another().trialChecks(entry.serviceId, entry.attemptId, signal())).not.toEqual([]);
      await another().promote(entry, signal());
      expect(await only(it.catalog, entry)).toMatchObject({ attemptId: entry.attemptId, status: "passing" });
      expect(await it.catalog.trialChecks(entry.serviceId, entry.attemptId, signal())).toEqual([]);
      const third = { ...former, attemptId: randomUUID() };
      await it.catalog.register(third, signal());
      await another().deregister(third.serviceId, third.attemptId, signal());
      expect(await it.catalog.trialChecks(third.serviceId, third.attemptId, signal())).toEqual([]);
    });
  });
}
