import type { Ask } from "../../../src/registration/gate/gate-records.ts";
import type { Registration } from "../../../src/registration/records.ts";
import { describe, expect, test } from "vitest";
import { refusalOf, type StoreBackend } from "./backend.ts";
import { attempt, key, registration, schemaVersion, someTime, request } from "./fixtures.ts";

function waiting(serviceId: string): Ask {
  const { name, version, requestHash, request, address, generation, actor, traceparent } = attempt("held");
  const asked = { attemptId: "held", approvalId: "request", digest: "digest", askedAt: someTime, isAdmitted: false, shown: {} };
  return { ...asked, serviceId, name, version, requestHash, request, address, generation, actor, traceparent };
}

export function recordTests(backend: StoreBackend): void {
  describe("registrations", () => {
    test("come back as they were written, with every optional field or none", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const full = registration("full");
      const bare = registration("bare", { schema: undefined, description: undefined, state: "ACTIVE" });
      await store.tx(async (tx) => {
        await tx.registrations.insert(full);
        await tx.registrations.insert(bare);
      });
      await store.tx(async (tx) => {
        expect(await tx.registrations.find("full")).toEqual(full);
        expect(await tx.registrations.find("bare")).toEqual(bare);
        expect(await tx.registrations.findActive(key.serviceId)).toEqual(bare);
        expect(await tx.registrations.find("none")).toBeUndefined();
        expect(await tx.registrations.findActive("none")).toBeUndefined();
        const several = await tx.registrations.findAll(["full", "none", "bare"]);
        expect(several.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([bare, full]);
        expect(await tx.registrations.findAll([])).toEqual([]);
      });
    });

    test("get other tags beside those they came with", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const one = registration("one");
      await store.tx((tx) => tx.registrations.insert(one));
      for (const [at, tags] of [["y", "z"], []].entries()) {
        await store.tx((tx) => tx.registrations.setTags("one", tags, someTime + at));
        const expected = { ...one, desiredTags: tags, updatedAt: someTime + at };
        expect(await store.tx((tx) => tx.registrations.find("one"))).toEqual(expected);
      }
      await store.tx((tx) => tx.registrations.setTags("none", [], someTime));
    });

    test("have a service that their health check asks for", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const one = registration("one");
      await store.tx((tx) => tx.registrations.insert(one));
      await store.tx((tx) => tx.registrations.setHealthService("one", "acme.Search"));
      expect(await store.tx((tx) => tx.registrations.find("one"))).toEqual({ ...one, healthService: "acme.Search" });
      const other = registration("other", { healthService: "acme.Other" });
      await store.tx((tx) => tx.registrations.insert(other));
      expect(await store.tx((tx) => tx.registrations.find("other"))).toEqual(other);
    });

    test("are found by the address and port that their health check dials, while they are active", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const { connectivity } = request;
      const inside = { ...request, connectivity: { ...connectivity, advertisedPort: 1, internalPort: connectivity.advertisedPort } };
      await store.tx(async (tx) => {
        const active = (id: string, more: Partial<Registration>) => tx.registrations.insert(registration(id, { serviceId: id, state: "ACTIVE", ...more }));
        await active("2", { request: inside, address: "::ffff:10.0.0.1" });
        await active("1", {});
        await active("3", { address: "10.0.0.2" });
        await active("4", { request: { ...request, connectivity: { ...connectivity, internalPort: 1 } } });
        await active("5", { state: "SUPERSEDED" });
        await active("6", {});
        await tx.registrations.endAll("6", someTime);
      });
      const at = async (key: string) => (await store.tx((tx) => tx.registrations.activeAt(key))).map(({ id }) => id);
      expect(await at("[10.0.0.1]:9000")).toEqual(["1", "2"]);
      expect(await at("[10.0.0.2]:9000")).toEqual(["3"]);
      expect(await at("[10.0.0.1]:1")).toEqual(["4"]);
    });

    test("are settled while one is active, has the key and an owner of its name, no attempt is live and nothing waits", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const other = { ...key, serviceId: "other-10.0.0.1-9000", name: "other" };
      await store.tx(async (tx) => {
        for (const it of [key, other]) {
          await tx.instances.claim(it);
          await tx.names.reserve(it.name, `tokens|${it.name}`);
          await tx.registrations.insert(registration(it.name, { ...it, state: "ACTIVE" }));
        }
      });
      const settled = (...ids: readonly string[]) =>
        store.tx(async (tx) => (await tx.registrations.findSettled(ids)).toSorted((a, b) => (a.id < b.id ? -1 : 1)));
      const first = { id: "parser", serviceId: key.serviceId, requestHash: "hash", address: "10.0.0.1", owner: "tokens|parser" };
      const second = { ...first, id: "other", serviceId: other.serviceId, owner: "tokens|other" };
      expect(await settled(key.serviceId, "none", other.serviceId)).toEqual([second, first]);
      expect(await settled(key.serviceId)).toEqual([first]);
      expect(await settled()).toEqual([]);
      await store.tx((tx) => tx.attempts.insert(attempt("live", { serviceId: other.serviceId }), [], 60_000));
      expect(await settled(key.serviceId, other.serviceId)).toEqual([first]);
      await store.tx((tx) => tx.asks.put(waiting(key.serviceId)));
      expect(await settled(key.serviceId)).toEqual([]);
      await store.tx((tx) => tx.asks.delete(key.serviceId));
      expect(await settled(key.serviceId)).toEqual([first]);
      await store.tx((tx) => tx.instances.releaseKey(key.serviceId));
      expect(await settled(key.serviceId)).toEqual([]);
      await store.tx((tx) => tx.instances.claim(key));
      expect(await settled(key.serviceId)).toEqual([first]);
      await store.tx((tx) => tx.registrations.setState("parser", "UNREGISTERED", someTime));
      expect(await settled(key.serviceId)).toEqual([]);
    });

    test("have one active for a service id", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx(async (tx) => {
        await tx.registrations.insert(registration("a"));
        await tx.registrations.insert(registration("b"));
        await tx.registrations.setState("a", "ACTIVE", someTime + 1);
      });
      expect(await store.tx((tx) => tx.registrations.findActive(key.serviceId))).toMatchObject({
        id: "a",
        registeredAt: someTime + 1,
        updatedAt: someTime + 1,
      });
      expect((await refusalOf(store.tx((tx) => tx.registrations.setState("b", "ACTIVE", someTime + 2)))).kind).toBe("conflict");
      await store.tx(async (tx) => {
        await tx.registrations.setState("a", "SUPERSEDED", someTime + 3);
        await tx.registrations.setState("b", "ACTIVE", someTime + 3);
      });
      expect(await store.tx((tx) => tx.registrations.findActive(key.serviceId))).toMatchObject({ id: "b", registeredAt: someTime + 3 });
      expect(await store.tx((tx) => tx.registrations.find("a"))).toMatchObject({ state: "SUPERSEDED", registeredAt: someTime + 1 });
      expect(await store.tx((tx) => tx.registrations.find("a"))).toMatchObject({ state: "SUPERSEDED", updatedAt: someTime + 3 });
    });

    test("are deleted only while pending", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx(async (tx) => {
        await tx.registrations.insert(registration("pending"));
        await tx.registrations.insert(registration("active", { state: "ACTIVE" }));
        for (const id of ["pending", "active", "none"]) await tx.registrations.deletePending(id);
        expect(await tx.registrations.find("pending")).toBeUndefined();
        expect(await tx.registrations.find("active")).toBeDefined();
      });
    });

    test("end together: active and superseded, of this key only", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const kept = [registration("pending"), registration("ended", { state: "UNREGISTERED" }), registration("other", { state: "ACTIVE", serviceId: "other" })];
      const ending = [registration("old", { state: "SUPERSEDED" }), registration("now", { state: "ACTIVE" })];
      await store.tx(async (tx) => {
        for (const one of [...kept, ...ending]) await tx.registrations.insert(one);
      });
      const ended = await store.tx((tx) => tx.registrations.endAll(key.serviceId, someTime + 9));
      const expected = ending.map((one) => ({ ...one, state: "UNREGISTERED", updatedAt: someTime + 9 }));
      expect(ended).toHaveLength(2);
      expect(ended).toEqual(expect.arrayContaining(expected));
      await store.tx(async (tx) => {
        for (const one of kept) expect(await tx.registrations.find(one.id)).toEqual(one);
        for (const one of expected) expect(await tx.registrations.find(one.id)).toEqual(one);
        expect(await tx.registrations.findActive(key.serviceId)).toBeUndefined();
        expect(await tx.registrations.endAll(key.serviceId, someTime + 10)).toEqual([]);
        await tx.registrations.insert(registration("new", { state: "ACTIVE" }));
      });
    });

    test("are counted by schema version unless unregistered", async () => {
      await using opened = await backend.open();
      await opened.store.tx(async (tx) => {
        for (const state of ["PENDING", "ACTIVE", "SUPERSEDED", "UNREGISTERED"] as const) {
          await tx.registrations.insert(registration(state, { state }));
        }
        await tx.registrations.insert(registration("another version", { schema: { artifactId: "parser-config", version: "2.0.0" } }));
        await tx.registrations.insert(registration("another artifact", { schema: { artifactId: "other", version: "1.0.0" } }));
        await tx.registrations.insert(registration("no schema", { schema: undefined }));
        expect(await tx.registrations.countUsing("parser-config", "1.0.0")).toBe(3);
        expect(await tx.registrations.countUsing("parser-config", "1.0.0", "ACTIVE")).toBe(2);
        expect(await tx.registrations.countUsing("parser-config", "1.0.0", "UNREGISTERED")).toBe(3);
        expect(await tx.registrations.countUsing("parser-config", "3.0.0")).toBe(0);
        // Not the registration's own version counts, but that of its schema.
        await tx.registrations.insert(registration("own version", { version: "9", schema: { artifactId: "parser-config", version: "1.0.0" } }));
        expect(await tx.registrations.countUsing("parser-config", "1.0.0")).toBe(4);
        expect(await tx.registrations.find("own version")).toMatchObject({ version: "9", schema: { version: "1.0.0" } });
      });
    });
  });

  test("criticals are inserted once, found, listed and deleted", async () => {
    await using opened = await backend.open();
    const { store } = opened;
    const [one, two] = ["1", "2"].map((registrationId) => ({ registrationId, serviceId: key.serviceId, name: key.name, since: someTime }));
    await store.tx(async (tx) => {
      await tx.criticals.insert(two!);
      await tx.criticals.insert(one!);
    });
    expect((await refusalOf(store.tx((tx) => tx.criticals.insert(one!)))).kind).toBe("conflict");
    expect(await store.tx((tx) => tx.criticals.find("1"))).toEqual(one);
    expect(await store.tx((tx) => tx.criticals.list())).toEqual([one, two]);
    await store.tx((tx) => tx.criticals.delete("1"));
    await store.tx((tx) => tx.criticals.delete("none"));
    expect(await store.tx((tx) => tx.criticals.find("1"))).toBeUndefined();
    expect(await store.tx((tx) => tx.criticals.list())).toEqual([two]);
  });

  describe("schema versions", () => {
    test("are inserted, found, moved and deleted by artifact and version", async () => {
      await using opened = await backend.open();
      const [one, two] = [schemaVersion("1"), schemaVersion("2", { synthesised: true, state: "ENABLED" })];
      await opened.store.tx(async (tx) => {
        await tx.schemas.insert(one);
        await tx.schemas.insert(two);
      });
      await opened.store.tx(async (tx) => {
        expect(await tx.schemas.lock("parser-config", "1")).toEqual(one);
        expect(await tx.schemas.lock("parser-config", "2")).toEqual(two);
        expect(await tx.schemas.lock("other", "1")).toBeUndefined();
        await tx.schemas.setState("parser-config", "1", "RELEASING");
        await tx.schemas.delete("parser-config", "2");
        expect(await tx.schemas.lock("parser-config", "1")).toEqual({ ...one, state: "RELEASING" });
        expect(await tx.schemas.lock("parser-config", "2")).toBeUndefined();
      });
      expect((await refusalOf(opened.store.tx((tx) => tx.schemas.insert(one)))).kind).toBe("conflict");
    });
  });

  describe("lists of schema versions", () => {
    const comparison = {
      against: "1",
      verdict: "BREAKING",
      changes: [{ pointer: "/type", keyword: "type", kind: "BREAKING", message: "ü" }],
      omitted: 2,
    } as const;

    test("have the newest first, and no contents", async () => {
      await using opened = await backend.open();
      const old = schemaVersion("1", { createdAt: 1, state: "ENABLED" });
      const compared = schemaVersion("2", { createdAt: 2, state: "DISABLED", comparison });
      const newest = schemaVersion("3", { createdAt: 2, kind: "OPENAPI" });
      await opened.store.tx(async (tx) => {
        for (const version of [compared, newest, old, schemaVersion("9", { artifactId: "other" })]) await tx.schemas.insert(version);
      });
      await opened.store.tx(async (tx) => {
        const listed = await tx.schemas.list("parser-config", 10);
        expect(listed.map(({ version, kind, state }) => `${version} ${kind} ${state}`)).toEqual(["3 OPENAPI PENDING", "2 JSON DISABLED", "1 JSON ENABLED"]);
        expect(listed[1]?.comparison).toEqual({ against: "1", verdict: "BREAKING" });
        expect(listed[0]).not.toHaveProperty("content");
        expect(await tx.schemas.list("parser-config", 1)).toHaveLength(1);
        expect(await tx.schemas.list("nobody's", 10)).toEqual([]);
        expect(await tx.schemas.find("parser-config", "2")).toEqual(compared);
        expect(await tx.schemas.find("parser-config", "4")).toBeUndefined();
      });
    });

    test("list the enabled versions, the newest first", async () => {
      await using opened = await backend.open();
      await opened.store.tx(async (tx) => {
        await tx.schemas.insert(schemaVersion("1", { createdAt: 1, state: "ENABLED" }));
        await tx.schemas.insert(schemaVersion("2", { createdAt: 2, state: "ENABLED" }));
        await tx.schemas.insert(schemaVersion("3", { createdAt: 3, state: "PENDING" }));
        await tx.schemas.insert(schemaVersion("4", { createdAt: 0, state: "ENABLED" }));
        expect(await tx.schemas.enabled("parser-config")).toEqual(["2", "1", "4"]);
        expect(await tx.schemas.enabled("other")).toEqual([]);
      });
    });
  });

  describe("registry versions", () => {
    test("are kept in the order they were made, enabled until disabled", async () => {
      await using opened = await backend.open();
      await opened.store.tx(async (tx) => {
        for (const version of ["10", "9", "1"]) {
          await tx.registryVersions.insert({ artifactId: "x", version, kind: "JSON", content: `{"v":${version}}`, label: `by ${version}`, at: someTime });
        }
        await tx.registryVersions.setEnabled("x", "9", false);
        expect(await tx.registryVersions.list("x")).toEqual([
          { version: "10", enabled: true },
          { version: "9", enabled: false },
          { version: "1", enabled: true },
        ]);
        expect(await tx.registryVersions.find("x", "9")).toEqual({ content: '{"v":9}', enabled: false, label: "by 9" });
        await tx.registryVersions.setEnabled("x", "9", true);
        expect(await tx.registryVersions.find("x", "9")).toMatchObject({ enabled: true });
        expect(await tx.registryVersions.find("x", "2")).toBeUndefined();
        expect(await tx.registryVersions.list("y")).toEqual([]);
      });
      const again = { artifactId: "x", version: "1", kind: "JSON", content: "{}", label: "", at: someTime };
      expect((await refusalOf(opened.store.tx((tx) => tx.registryVersions.insert(again)))).kind).toBe("conflict");
    });
  });
}
