import type { CatalogEntry } from "../../src/registration/ports.ts";
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { entryFor, limit, only, passTrial, serve, signal, type OpenCatalog } from "../support/catalog-fixture.ts";
import { startHealthServer } from "../support/health-server.ts";
import { eventually, watchInstances } from "../support/instances.ts";
import { ownPort } from "../support/own-port.ts";

/** What a trial shows, when it passes, and how waiting for it ends. */
export function catalogTrials(name: string, open: OpenCatalog): void {
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
      const port = await ownPort();
      const entry = entryFor(it, { host: "127.0.0.1", port, tls: false });
      await it.catalog.register(entry, signal());
      const passing = it.catalog.awaitPassing(entry.serviceId, entry.attemptId, signal());
      await eventually(async () => {
        const checks = await it.catalog.trialChecks(entry.serviceId, entry.attemptId, signal());
        return checks.some((check) => check.output !== "") || undefined;
      });
      await using _server = await startHealthServer({ port });
      await passing;
    });

    test("asks for another service once it is registered again so, and goes on asking for it", async () => {
      await using it = await open();
      await using server = await startHealthServer({ knows: "acme.Search" });
      const former = entryFor(it, server);
      await serve(it.catalog, { ...former, check: { ...former.check, service: "acme.Search" } });
      for (const isCandidate of [true, false]) {
        const entry = { ...former, attemptId: randomUUID() };
        await it.catalog.register(entry, signal());
        const passing = it.catalog.awaitPassing(entry.serviceId, entry.attemptId, signal());
        await eventually(async () => (server.asked("") > 0 ? true : undefined));
        const named = { ...entry, check: { ...entry.check, service: "acme.Search" } };
        await it.catalog.register(named, signal());
        await passing;
        await it.catalog.promote(named, signal());
        expect(await only(it.catalog, entry)).toMatchObject({ status: "passing", attemptId: entry.attemptId });
        if (isCandidate) await it.catalog.deregister(entry.serviceId, entry.attemptId, signal());
      }
      const before = { named: server.asked("acme.Search"), whole: server.asked("") };
      await eventually(async () => (server.asked("acme.Search") > before.named ? true : undefined), limit.timeout, 100);
      // One more may have been under way.
      expect(server.asked("")).toBeLessThanOrEqual(before.whole + 1);
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
      // Each was passing when it was promoted; on a busy machine a later probe of the one server behind all may come too late once.
      await eventually(async () => {
        const all = await it.catalog.instances({}, signal());
        const isServing = ({ serviceId, attemptId }: CatalogEntry) =>
          all.some((found) => found.serviceId === serviceId && found.attemptId === attemptId && found.status === "passing");
        return entries.every(isServing) || undefined;
      });
    });
  });
}
