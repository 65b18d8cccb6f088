import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { DomainError } from "../../src/errors.ts";
import type { Catalog, CatalogEntry, CatalogInstance } from "../../src/ports.ts";
import { type HealthServer, startHealthServer } from "../support/health-server.ts";
import { eventually, watchInstances } from "../support/instances.ts";

export interface CatalogUnderTest extends AsyncDisposable {
  readonly catalog: Catalog;
  /** A name that no other test uses. */
  unique(name: string): string;
  readonly capabilities: {
    /** The same backend as another process sees it. Absent: the backend lives in one process. */
    readonly another?: () => Catalog;
    /** A catalog whose backend cannot be reached. Absent: it always can. */
    readonly unreachable?: () => Catalog;
    /** The check accepts a certificate that nobody signed. Absent: it verifies. */
    readonly trustsAnyCertificate?: true;
  };
}

/** What every `Catalog` does, shown on the port alone, with real gRPC health servers behind the checks. */
export function catalogContract(name: string, { open }: { readonly open: () => Promise<CatalogUnderTest> }): void {
  const limit = { timeout: 30_000 };

  function entryFor(it: CatalogUnderTest, server: HealthServer, more: Partial<CatalogEntry> = {}): CatalogEntry {
    const serviceName = more.name ?? it.unique("echo");
    return {
      serviceId: `${serviceName}-${server.host}-${server.port}`,
      attemptId: randomUUID(),
      name: serviceName,
      type: "SERVICE",
      version: "1.2.3",
      address: server.host,
      port: server.port,
      tags: ["blue", "capability:PARSER"],
      metadata: { team: "search" },
      check: { address: server.host, port: server.port, tls: server.tls, serverName: "localhost" },
      ...more,
    };
  }

  const signal = () => AbortSignal.timeout(limit.timeout);

  async function only(catalog: Catalog, entry: CatalogEntry): Promise<CatalogInstance> {
    const found = await catalog.instances({ serviceId: entry.serviceId }, signal());
    expect(found).toHaveLength(1);
    return found[0]!;
  }

  async function passTrial(catalog: Catalog, entry: CatalogEntry): Promise<void> {
    await catalog.register(entry, signal());
    await catalog.awaitPassing(entry.serviceId, entry.attemptId, signal());
  }

  async function serve(catalog: Catalog, entry: CatalogEntry): Promise<void> {
    await passTrial(catalog, entry);
    await catalog.promote(entry, signal());
  }

  async function kindOf(call: Promise<unknown>): Promise<string> {
    const error = await call.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return error instanceof DomainError ? `${error.kind} ${error.metadata["dependency"]}` : String(error);
  }

  describe(`${name}: a trial`, limit, () => {
    test("is not passing for consumers, even when its checks are", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const entry = entryFor(it, server);
      await passTrial(it.catalog, entry);
      await eventually(async () => {
        const checks = await it.catalog.trialChecks(entry.serviceId, entry.attemptId, signal());
        return checks.every((check) => check.status === "passing") || undefined;
      });
      expect(await only(it.catalog, entry)).toMatchObject({ status: "critical", attemptId: entry.attemptId });
      await using seen = watchInstances(it.catalog, { name: entry.name });
      await seen.atLeast(20);
      expect(seen.states()).toEqual([`critical ${entry.attemptId} blue,capability:PARSER`]);
    });

    test("shows its checks, and none when there is no such trial", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const entry = entryFor(it, server);
      expect(await it.catalog.trialChecks(entry.serviceId, entry.attemptId, signal())).toEqual([]);
      await it.catalog.register(entry, signal());
      const checks = await it.catalog.trialChecks(entry.serviceId, entry.attemptId, signal());
      expect(checks.length).toBeGreaterThan(0);
      expect(await it.catalog.trialChecks(entry.serviceId, randomUUID(), signal())).toEqual([]);
      await it.catalog.promote(entry, signal());
      expect(await it.catalog.trialChecks(entry.serviceId, entry.attemptId, signal())).toEqual([]);
    });

    test("passes as soon as the module serves, not while it is NOT_SERVING", async () => {
      await using it = await open();
      await using server = await startHealthServer({ serving: false });
      const entry = entryFor(it, server);
      await it.catalog.register(entry, signal());
      let passed = false;
      const passing = it.catalog.awaitPassing(entry.serviceId, entry.attemptId, signal()).then(() => {
        passed = true;
      });
      await eventually(async () => {
        const checks = await it.catalog.trialChecks(entry.serviceId, entry.attemptId, signal());
        return checks.some((check) => check.status === "critical" && check.output !== "") || undefined;
      });
      expect(server.checks()).toBeGreaterThan(0);
      expect(passed).toBe(false);
      server.setServing(true);
      await passing;
    });

    test("passes when the module starts after it", async () => {
      await using it = await open();
      const { host, port } = await startHealthServer().then(async (server) => {
        await server[Symbol.asyncDispose]();
        return server;
      });
      const entry = entryFor(it, { host, port, tls: false } as HealthServer);
      await it.catalog.register(entry, signal());
      const passing = it.catalog.awaitPassing(entry.serviceId, entry.attemptId, signal());
      await eventually(async () => {
        const checks = await it.catalog.trialChecks(entry.serviceId, entry.attemptId, signal());
        return checks.some((check) => check.output !== "") || undefined;
      });
      await using _server = await startHealthServer({ port });
      await passing;
    });

    test("can be waited for before it is registered", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const entry = entryFor(it, server);
      const passing = it.catalog.awaitPassing(entry.serviceId, entry.attemptId, signal());
      await it.catalog.register(entry, signal());
      await passing;
    });

    test("ends its wait with the signal's reason", async () => {
      await using it = await open();
      await using server = await startHealthServer({ serving: false });
      const entry = entryFor(it, server);
      await it.catalog.register(entry, signal());
      const abort = new AbortController();
      const passing = it.catalog.awaitPassing(entry.serviceId, entry.attemptId, abort.signal);
      abort.abort("enough");
      await expect(passing).rejects.toBe("enough");
      await expect(it.catalog.awaitPassing(entry.serviceId, entry.attemptId, AbortSignal.abort("late"))).rejects.toBe("late");
      await expect(it.catalog.register(entry, AbortSignal.abort("late"))).rejects.toBe("late");
      await expect(it.catalog.ping(AbortSignal.abort("late"))).rejects.toBe("late");
    });

    test("of an attempt that waits is not passed by another attempt's", async () => {
      await using it = await open();
      await using good = await startHealthServer();
      await using bad = await startHealthServer({ serving: false });
      const entry = entryFor(it, bad);
      const other = { ...entry, attemptId: randomUUID(), check: entryFor(it, good).check };
      await it.catalog.register(entry, signal());
      let passed = false;
      const abort = new AbortController();
      const waiting = it.catalog.awaitPassing(entry.serviceId, entry.attemptId, abort.signal).then(
        () => (passed = true),
        () => {},
      );
      await passTrial(it.catalog, other);
      await eventually(async () => bad.checks() > 0 || undefined);
      expect(passed).toBe(false);
      abort.abort();
      await waiting;
    });

    test("passes for all of 40 attempts at once", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const entries = Array.from({ length: 40 }, (_, index) => entryFor(it, server, { name: it.unique(`many${index}`) }));
      await Promise.all(entries.map((entry) => serve(it.catalog, entry)));
      const all = await it.catalog.instances({}, signal());
      for (const entry of entries) {
        expect(all.find((found) => found.serviceId === entry.serviceId)).toMatchObject({ status: "passing", attemptId: entry.attemptId });
      }
    });
  });

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
      await eventually(async () => (await only(it.catalog, entry)).status === "critical" || undefined, 20_000);
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

  describe(`${name}: odd input`, limit, () => {
    test("an IPv6 instance is checked and found", async () => {
      await using it = await open();
      await using server = await startHealthServer({ host: "::1" });
      const entry = entryFor(it, server, { name: it.unique("Dotted.name_x") });
      await serve(it.catalog, entry);
      expect(entry.serviceId).toContain("-::1-");
      expect(await only(it.catalog, entry)).toMatchObject({ address: "::1", status: "passing", name: entry.name });
      await it.catalog.deregister(entry.serviceId, entry.attemptId, signal());
      expect(await it.catalog.instances({ serviceId: entry.serviceId }, signal())).toEqual([]);
    });

    test("metadata keys stay distinct and never shadow ours; what does not fit is counted", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const metadata = {
        "build.commit": "c0ffee",
        "a.b": "dot",
        "a b": "space",
        a_b: "underscore",
        "registration-id": "forged",
        "consul-x": "reserved",
        schlüssel: "ümlaut",
        long: "x".repeat(600),
        "": "empty key",
      };
      const entry = entryFor(it, server, { metadata, tags: ["ünï cödé", "a,b"] });
      await serve(it.catalog, entry);
      const { meta, tags, attemptId } = await only(it.catalog, entry);
      expect(attemptId).toBe(entry.attemptId);
      expect(tags).toEqual(["ünï cödé", "a,b"]);
      expect(meta).toMatchObject({ build_commit: "c0ffee", a_b: "underscore", consul_x: "reserved", schl_ssel: "ümlaut", "muster-omitted": "1" });
      expect(Object.values(meta)).toEqual(expect.arrayContaining(["dot", "space", "forged", "empty key"]));
      expect(Object.keys(meta).every((key) => /^[A-Za-z0-9_-]{1,128}$/.test(key))).toBe(true);
    });

    test("64 pairs of metadata are cut to what fits beside ours", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const metadata = Object.fromEntries(Array.from({ length: 64 }, (_, index) => [`key${index}`, "x".repeat(512)]));
      const entry = entryFor(it, server, { metadata });
      await serve(it.catalog, entry);
      const { meta } = await only(it.catalog, entry);
      expect(Object.keys(meta)).toHaveLength(64);
      expect(Object.keys(meta).filter((key) => key.startsWith("key"))).toHaveLength(64 - Number(meta["muster-omitted"]));
    });

    test("a TLS module with a certificate of its own passes", async ({ skip }) => {
      await using it = await open();
      if (it.capabilities.trustsAnyCertificate === undefined) return skip("its check verifies certificates");
      await using server = await startHealthServer({ tls: true });
      const entry = entryFor(it, server);
      await serve(it.catalog, entry);
      expect((await only(it.catalog, entry)).status).toBe("passing");
    });
  });

  describe(`${name}: the backend`, limit, () => {
    test("answers a ping", async () => {
      await using it = await open();
      await it.catalog.ping(signal());
    });

    test("that cannot be reached is `unavailable` in every operation", async ({ skip }) => {
      await using it = await open();
      const { unreachable } = it.capabilities;
      if (unreachable === undefined) return skip("the backend can always be reached");
      await using server = await startHealthServer();
      const entry = entryFor(it, server);
      const catalog = unreachable();
      const { serviceId, attemptId } = entry;
      const calls = [
        catalog.ping(signal()),
        catalog.register(entry, signal()),
        catalog.trialChecks(serviceId, attemptId, signal()),
        catalog.awaitPassing(serviceId, attemptId, signal()),
        catalog.promote(entry, signal()),
        catalog.deregister(serviceId, attemptId, signal()),
        catalog.instances({ serviceId }, signal()),
        catalog.instances({ name: entry.name }, signal()),
        catalog.instances({}, signal()),
      ];
      expect(new Set(await Promise.all(calls.map(kindOf)))).toEqual(new Set(["unavailable catalog"]));
    });

    test("is not used after dispose", async () => {
      await using it = await open();
      await using server = await startHealthServer({ serving: false });
      const entry = entryFor(it, server);
      await it.catalog.register(entry, signal());
      const waiting = kindOf(it.catalog.awaitPassing(entry.serviceId, entry.attemptId, signal()));
      await it.catalog[Symbol.asyncDispose]();
      expect(await waiting).toBe("unavailable catalog");
      expect(await kindOf(it.catalog.awaitPassing(entry.serviceId, entry.attemptId, signal()))).toBe("unavailable catalog");
    });
  });
}
