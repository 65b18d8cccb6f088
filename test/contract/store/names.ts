import { describe, expect, test } from "vitest";
import type { StoreBackend } from "./backend.ts";
import { attempt, registration } from "./fixtures.ts";

export function nameTests(backend: StoreBackend): void {
  describe("names", () => {
    test("are one in every spelling: reserved by the first, owned, given to another, and free again", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const first = { name: "parser", owner: "first", isReserved: true };
      expect(await store.tx((tx) => tx.names.find("parser"))).toBeUndefined();
      expect(await store.tx((tx) => tx.names.reserve("parser", "first"))).toEqual(first);
      for (const spelling of ["parser", "Parser"]) {
        expect(await store.tx((tx) => tx.names.reserve(spelling, "second"))).toEqual(first);
        expect(await store.tx((tx) => tx.names.find(spelling))).toEqual(first);
        expect(await store.tx((tx) => tx.names.lock(spelling))).toEqual(first);
        expect(await store.tx((tx) => tx.names.ownerOfSpelling(spelling))).toBeUndefined();
      }
      expect((await store.tx((tx) => tx.names.reserve("chunker", "second"))).owner).toBe("second");
      await store.tx((tx) => tx.names.set("PARSER", { owner: "third", isReserved: false }));
      expect(await store.tx((tx) => tx.names.find("parser"))).toEqual({ name: "parser", owner: "third", isReserved: false });
      await store.tx((tx) => tx.names.delete("Parser"));
      expect(await store.tx((tx) => tx.names.find("parser"))).toBeUndefined();
      expect(await store.tx((tx) => tx.names.reserve("Parser", "second"))).toMatchObject({ name: "Parser", owner: "second" });
      expect(await store.tx((tx) => tx.names.withoutKey(9))).toEqual([]);
    });

    test("have versions that were live, other than this one, and versions that are; what was only on trial was not", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const seen = (version: string) =>
        store.tx(async ({ registrations }) => ({
          hadOthers: await registrations.hadOtherVersion("PARSER", version),
          live: (await registrations.liveVersions("PARSER")).map((it) => it.version),
        }));
      await store.tx(async ({ registrations, attempts }) => {
        await registrations.insert(registration("a"));
        await registrations.insert(registration("b", { name: "parser-two", serviceId: "b", state: "SUPERSEDED" }));
        for (const name of ["Parser", "parser-two"]) await attempts.insert(attempt(`of-${name}`, { name, serviceId: name }), [], 60_000);
        await attempts.insert(attempt("of-another", { actor: "another" }), [], 60_000);
        await attempts.insert(attempt("over", { state: "ROLLED_BACK" }), [], 0);
      });
      expect(await seen("2.0.0")).toEqual({ hadOthers: false, live: [] });
      expect(await store.tx(({ attempts }) => attempts.liveUnder("parser", "tester"))).toEqual([{ id: "of-Parser", serviceId: "Parser" }]);
      await store.tx(({ registrations }) => registrations.setState("a", "ACTIVE", 1));
      expect(await seen("2.0.0")).toEqual({ hadOthers: true, live: ["1.0.0"] });
      expect(await seen("1.0.0")).toEqual({ hadOthers: false, live: ["1.0.0"] });
      await store.tx(({ registrations }) => registrations.endAll(registration("a").serviceId, 2));
      expect(await seen("2.0.0")).toEqual({ hadOthers: true, live: [] });
    });

    test("are in use while something is registered or under way under a spelling of them", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const use = () => store.tx(async ({ names }) => [await names.isUnderWay("parser"), await names.isRegistered("parser")]);
      await store.tx(async (tx) => {
        await tx.attempts.insert(attempt("a", { name: "Parser" }), [], 60_000);
        await tx.attempts.insert(attempt("b", { state: "COMPLETED" }), [], 0);
        await tx.registrations.insert(registration("a"));
        await tx.registrations.insert(registration("c", { name: "parser-two", state: "ACTIVE" }));
      });
      expect(await use()).toEqual([true, false]);
      await store.tx(async (tx) => {
        await tx.attempts.advance({ id: "a", lease: attempt("a").lease, lastSequence: 1 }, { state: "ROLLED_BACK" });
        await tx.registrations.insert(registration("d", { serviceId: "d", name: "PARSER", state: "ACTIVE" }));
      });
      expect(await use()).toEqual([false, true]);
      await store.tx((tx) => tx.registrations.setState("d", "UNREGISTERED", 1));
      expect(await use()).toEqual([false, false]);
    });

    test("are listed in pages; those that are reserved, while an attempt is under way", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx(async (tx) => {
        for (const [name, owner] of [
          ["c", "one"],
          ["a", "two"],
          ["b", "one"],
          ["D", "one"],
        ] as const) {
          await tx.names.reserve(name, owner);
          if (name !== "b") await tx.names.set(name, { owner, isReserved: false });
        }
      });
      const list = async (query: { after?: string; limit?: number; owner?: string; name?: string } = {}) =>
        (await store.tx((tx) => tx.names.list({ after: "", limit: 9, ...query }))).map(({ name }) => name);
      expect(await list()).toEqual(["D", "a", "c"]);
      await store.tx((tx) => tx.attempts.insert(attempt("x", { name: "B" }), [], 60_000));
      expect(await list()).toEqual(["D", "a", "b", "c"]);
      expect(await list({ after: "a", limit: 1 })).toEqual(["b"]);
      await store.tx((tx) => tx.names.reserve("e", "one"));
      expect((await store.tx((tx) => tx.names.reservedInVain(9))).map(({ name }) => name)).toEqual(["e"]);
      expect(await list({ owner: "one", after: "D" })).toEqual(["b", "c"]);
      expect(await list({ name: "d" })).toEqual(["D"]);
    });
  });
}
