import { describe, expect, test } from "vitest";
import { DomainError } from "../../src/kernel/errors.ts";
import { entryFor, limit, only, serve, signal, type OpenCatalog } from "../support/catalog-fixture.ts";
import { startHealthServer } from "../support/health-server.ts";

/** Odd input, and a backend that is away. */
export function catalogEdges(name: string, open: OpenCatalog): void {
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
        "muster-trial-of": "hidden",
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
      expect(Object.values(meta)).toEqual(expect.arrayContaining(["dot", "space", "forged", "hidden", "empty key"]));
      expect(Object.keys(meta).every((key) => /^[A-Za-z0-9_-]{1,128}$/.test(key))).toBe(true);
    });

    test("a served entry differs in nothing from what was asked for, however odd that was, and names what differs from another one", async () => {
      await using it = await open();
      await using server = await startHealthServer({ host: "::1" });
      const metadata = { "a.b": "1", "a b": "2", schlüssel: "ümlaut", long: "x".repeat(600), "consul-x": " 3 ", empty: "" };
      const entry = entryFor(it, server, { name: it.unique("Odd.name"), type: "MODULE", version: "", tags: ["module", "ünï cödé", "b", "a", "a"], metadata });
      await it.catalog.register(entry, signal());
      expect(it.catalog.differences(entry, await only(it.catalog, entry))).toEqual(["check"]);
      await serve(it.catalog, entry);
      const listed = await only(it.catalog, entry);
      expect(it.catalog.differences(entry, listed)).toEqual([]);
      for (const [part, other] of [
        ["name", { name: "other" }],
        ["address", { address: "::2" }],
        ["address", { port: 1 }],
        ["tags", { tags: ["b", "a"] }],
        ["metadata", { metadata: {} }],
      ] as const) {
        expect(it.catalog.differences({ ...entry, ...other }, listed)).toEqual(part === "address" ? ["address", "metadata"] : [part]);
      }
      const later = it.catalog.differences({ ...entry, attemptId: "another" }, listed);
      expect(later).toEqual(["metadata", "check"]);
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

    test("a TLS module with a certificate of its own passes", async () => {
      await using it = await open();
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

async function kindOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof DomainError ? `${error.kind} ${error.metadata["dependency"]}` : String(error);
}
