import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { entryFor, limit, passTrial, serve, signal, type OpenCatalog } from "../support/catalog-fixture.ts";
import { startHealthServer } from "../support/health-server.ts";
import { eventually } from "../support/instances.ts";
import { followCatalog } from "../support/snapshots.ts";

/** What those see who watch the whole catalog. */
export function catalogWatch(name: string, open: OpenCatalog): void {
  describe(`${name}: a watch`, limit, () => {
    test("has immediately what `instances` answers, and when that was so", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const entry = entryFor(it, server);
      await serve(it.catalog, entry);
      await using watch = followCatalog(it.catalog, entry.name);
      const first = await watch.first();
      const [answered] = await it.catalog.instances({ name: entry.name }, signal());
      // The output of a check follows later in some catalogs.
      expect({ ...watch.ofName(first)[0], checks: [] }).toEqual({ ...answered, checks: [] });
      expect(first.at === undefined || Math.abs(first.at - Date.now()) < 30_000).toBe(true);
    });

    test("sees an entry on trial, serving, and gone", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const entry = entryFor(it, server);
      await using watch = followCatalog(it.catalog, entry.name);
      expect(watch.ofName(await watch.first())).toEqual([]);
      await passTrial(it.catalog, entry);
      await watch.until((instances) => instances[0]?.onTrial === true && instances[0].status === "critical");
      await it.catalog.promote(entry, signal());
      await watch.until((instances) => instances[0]?.onTrial === false && instances[0].status === "passing");
      await it.catalog.deregister(entry.serviceId, entry.attemptId, signal());
      await watch.until((instances) => instances.length === 0);
      // From the trial to the end there was no moment at which a consumer could have been sent to a dead instance.
      const [before, ...states] = watch.states();
      expect(before).toBe("none");
      expect(states[0]).toBe("critical on trial");
      expect(states.filter((state) => !state.endsWith("on trial"))).toEqual(["passing", "none"]);
    });

    test("sees a serving entry replaced without a gap, and never the candidate beside it", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const former = entryFor(it, server);
      await serve(it.catalog, former);
      await using watch = followCatalog(it.catalog, former.name);
      await watch.first();
      const second = { ...former, attemptId: randomUUID(), tags: ["green"] };
      await serve(it.catalog, second);
      await watch.until((instances) => instances[0]?.attemptId === second.attemptId);
      expect(watch.states()).toEqual(["passing"]);
      expect(watch.everSeen()).toEqual(new Set([former.serviceId]));
    });

    test("gives what has not changed as the same object", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const still = entryFor(it, server);
      await serve(it.catalog, still);
      await using watch = followCatalog(it.catalog, still.name);
      await watch.first();
      const before = await settled(async () => watch.ofName(watch.last())[0]);
      const other = entryFor(it, server, { name: it.unique("other") });
      await serve(it.catalog, other);
      await eventually(async () => watch.last()?.instances.some((instance) => instance.serviceId === other.serviceId) || undefined);
      const after = watch.ofName(watch.last())[0];
      // A check may have written its first output in between: then it has changed.
      if (JSON.stringify(after) === JSON.stringify(before)) expect(after).toBe(before);
      await it.catalog.deregister(other.serviceId, other.attemptId, signal());
    });

    test("is one of many, and a reader that comes late gets the newest only", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const entry = entryFor(it, server);
      const slow = it.catalog.watch(signal())[Symbol.asyncIterator]();
      await slow.next();
      await using watch = followCatalog(it.catalog, entry.name);
      for (let round = 0; round < 3; round += 1) {
        await it.catalog.promote(entry, signal());
        await watch.until((instances) => instances.length === 1);
        await it.catalog.deregister(entry.serviceId, entry.attemptId, signal());
        await watch.until((instances) => instances.length === 0);
      }
      await it.catalog.promote(entry, signal());
      await watch.until((instances) => instances.length === 1);
      let reads = 0;
      let seen = false;
      while (!seen && reads < 10) {
        const { value, done } = await slow.next();
        reads += 1;
        seen = !done && value.instances.some((instance) => instance.serviceId === entry.serviceId);
      }
      expect(seen).toBe(true);
      expect(reads).toBeLessThan(6);
      await slow.return?.();
    });

    test("ends by its signal, without an error, and with its catalog", async () => {
      await using it = await open();
      const stop = new AbortController();
      const ended = (async () => {
        for await (const _snapshot of it.catalog.watch(stop.signal)) stop.abort();
        return "ended";
      })();
      expect(await ended).toBe("ended");
      const other = (async () => {
        for await (const _snapshot of it.catalog.watch(signal())) void it.catalog[Symbol.asyncDispose]();
        return "ended";
      })();
      expect(await other).toBe("ended");
    });

    test("that cannot reach its backend waits, without an error", async ({ skip }) => {
      await using it = await open();
      if (it.capabilities.unreachable === undefined) return skip("the backend can always be reached");
      const seen: unknown[] = [];
      for await (const snapshot of it.capabilities.unreachable().watch(AbortSignal.timeout(600))) seen.push(snapshot);
      expect(seen).toEqual([]);
    });

    test("beside it: the time of the last check, where the catalog has it", async () => {
      await using it = await open();
      await using server = await startHealthServer();
      const entry = entryFor(it, server);
      expect(it.catalog.lastChecked(entry.serviceId)).toBeUndefined();
      const before = Date.now();
      await serve(it.catalog, entry);
      if (!it.capabilities.tellsChecks) return expect(it.catalog.lastChecked(entry.serviceId)).toBeUndefined();
      // At once: the check that it passed on trial.
      const at = it.catalog.lastChecked(entry.serviceId);
      expect(at).toBeGreaterThanOrEqual(before);
      expect(at).toBeLessThanOrEqual(Date.now());
    });
  });
}

/** What `read` gives twice in a row, a moment apart. */
async function settled<T>(read: () => Promise<T>): Promise<T> {
  let last = await read();
  await eventually(
    async () => {
      const now = await read();
      const same = now === last;
      last = now;
      return same || undefined;
    },
    60_000,
    300,
  );
  return last;
}
