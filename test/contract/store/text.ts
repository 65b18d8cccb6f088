import { describe, expect, test } from "vitest";
import type { StoreBackend } from "./backend.ts";
import { attempt, event, request, schemaVersion } from "./fixtures.ts";

const hard = "emoji 🦜👩‍🚀, 中文, e\u0301 is not é, 'quote\" \\ back\\slash \\0 %_ ` ; -- \u0000 nul\r\n\ttab \u202e end ";

export function textTests(backend: StoreBackend): void {
  describe("text", () => {
    test("of any characters comes back exactly, in columns and in JSON", async () => {
      await using opened = await backend.open();
      const given = attempt("a", {
        serviceId: hard,
        name: hard,
        actor: hard,
        request: { ...request, metadata: { [hard]: hard } },
        error: { kind: "internal", reason: "INTERNAL", message: hard },
      });
      const started = event("a", 1, { message: hard, metadata: { [hard]: hard } });
      await opened.store.tx((tx) => tx.attempts.insert(given, [started], 60_000));
      expect(await opened.store.tx((tx) => tx.attempts.findLive(hard))).toEqual(given);
      expect(await opened.store.tx((tx) => tx.attempts.events("a", 0))).toEqual([started]);
    });

    test("of 256 KiB comes back byte for byte", async () => {
      await using opened = await backend.open();
      const content = `{ "b" : 1,\n  "a" : "${"🦜".repeat(65_536)}" }`;
      await opened.store.tx(async (tx) => {
        await tx.schemas.insert(schemaVersion("1", { content }));
        await tx.registryVersions.insert({ artifactId: "x", version: "1", kind: "JSON", content, label: "", at: 1 });
        await tx.attempts.insert(attempt("a", { request: { ...request, httpSchema: content } }), [], 60_000);
      });
      await opened.store.tx(async (tx) => {
        expect((await tx.schemas.lock("parser-config", "1"))?.content === content).toBe(true);
        expect((await tx.registryVersions.find("x", "1"))?.content === content).toBe(true);
        expect((await tx.attempts.find("a"))?.request.httpSchema === content).toBe(true);
      });
    });

    test("in keys differs by case, accents and trailing spaces", async () => {
      await using opened = await backend.open();
      const names = ["a", "A", "a ", "ä", "a\u0308", "ａ"];
      await opened.store.tx(async (tx) => {
        for (const name of names) {
          // Names and instances are one in every case: their first spelling.
          const first = name === "A" ? "a" : name;
          expect(await tx.names.reserve(name, `owner of ${name}`)).toMatchObject({ name: first, owner: `owner of ${first}` });
          expect((await tx.instances.claim({ serviceId: name, name, host: "h", port: 1 })).serviceId).toBe(first);
          await tx.schemas.insert(schemaVersion(name));
          await tx.attempts.insert(attempt(`attempt ${name}`, { serviceId: name, requestId: name }), [], 60_000);
        }
      });
      await opened.store.tx(async (tx) => {
        for (const name of names) {
          expect((await tx.instances.lockKey(name))?.serviceId).toBe(name === "A" ? "a" : name);
          expect((await tx.schemas.lock("parser-config", name))?.version).toBe(name);
          expect((await tx.attempts.findLive(name))?.id).toBe(`attempt ${name}`);
          expect((await tx.attempts.findByRequestId("tester", name))?.id).toBe(`attempt ${name}`);
        }
        expect(await tx.attempts.findLive("a  ")).toBeUndefined();
      });
    });

    test("of the longest keys that requests may have fits", async () => {
      await using opened = await backend.open();
      const [name, host, serviceId, artifactId, version] = [128, 253, 512, 512, 256].map((length) => "x".repeat(length)) as [
        string,
        string,
        string,
        string,
        string,
      ];
      await opened.store.tx(async (tx) => {
        await tx.instances.claim({ serviceId, name, host, port: 65_535 });
        await tx.attempts.insert(attempt("a", { serviceId, name, host, version, requestId: "x".repeat(128) }), [], 60_000);
        await tx.schemas.insert(schemaVersion(version, { artifactId, name }));
        await tx.registryVersions.insert({ artifactId, version, kind: "OPENAPI", content: "", label: "", at: 1 });
        expect(await tx.schemas.lock(artifactId, version)).toMatchObject({ artifactId, version });
        expect((await tx.attempts.findLive(serviceId))?.version).toBe(version);
      });
    });
  });
}
