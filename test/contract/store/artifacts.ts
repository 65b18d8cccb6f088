import { describe, expect, test } from "vitest";
import type { StoreBackend } from "./backend.ts";
import { schemaVersion } from "./fixtures.ts";

export function artifactTests(backend: StoreBackend): void {
  describe("artifacts", () => {
    test("belong to the first name that claims them, until they are given or their last version goes", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const holder = () => store.tx((tx) => tx.artifacts.holder("api"));
      expect(await holder()).toBeUndefined();
      await store.tx(async (tx) => {
        expect(await tx.artifacts.claim("api", "Payments", 1)).toBe("Payments");
        for (const version of ["1", "2"]) await tx.schemas.insert(schemaVersion(version, { artifactId: "api", name: "Payments" }));
        await tx.artifacts.share("api", "billing");
      });
      expect(await store.tx((tx) => tx.artifacts.claim("api", "evil", 2))).toBe("Payments");
      await store.tx((tx) => tx.artifacts.give("api", "refunds"));
      expect(await holder()).toBe("refunds");
      expect(await store.tx((tx) => tx.artifacts.isShared("api", "billing"))).toBe(false);
      await store.tx((tx) => tx.artifacts.share("api", "billing"));
      await store.tx((tx) => tx.schemas.delete("api", "1"));
      expect(await holder()).toBe("refunds");
      await store.tx((tx) => tx.schemas.delete("api", "2"));
      expect(await holder()).toBeUndefined();
      expect(await store.tx((tx) => tx.artifacts.isShared("api", "billing"))).toBe(false);
      expect(await store.tx((tx) => tx.artifacts.claim("api", "evil", 3))).toBe("evil");
    });

    test("of an older program belong to the name of their first version", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx(async (tx) => {
        await tx.schemas.insert(schemaVersion("2", { artifactId: "api", name: "later", createdAt: 2 }));
        await tx.schemas.insert(schemaVersion("9", { artifactId: "api", name: "first", createdAt: 1 }));
      });
      expect(await store.tx((tx) => tx.artifacts.holder("api"))).toBe("first");
      expect(await store.tx((tx) => tx.artifacts.claim("api", "later", 3))).toBe("first");
    });

    test("are shared with names in every spelling, one by one, and listed by the names they belong to", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx(async (tx) => {
        for (const [id, name] of [
          ["b", "Payments"],
          ["a", "payments"],
          ["c", "payments"],
          ["d", "other"],
        ] as const) {
          await tx.artifacts.claim(id, name, 1);
        }
        expect([await tx.artifacts.share("a", "Billing"), await tx.artifacts.share("a", "billing"), await tx.artifacts.share("b", "billing")]).toEqual([
          true,
          false,
          true,
        ]);
      });
      await store.tx(async ({ artifacts }) => {
        expect([await artifacts.isShared("a", "BILLING"), await artifacts.isShared("c", "billing"), await artifacts.isShared("a", "x")]).toEqual([
          true,
          false,
          false,
        ]);
        expect([await artifacts.unshare("a", "BILLING"), await artifacts.unshare("a", "billing")]).toEqual([true, false]);
        expect(await artifacts.isShared("b", "billing")).toBe(true);
        await artifacts.unshareAll("billing");
        expect(await artifacts.isShared("b", "billing")).toBe(false);
        for (const id of ["c", "d"]) await artifacts.share(id, "billing");
        await artifacts.unshareAll("Payments");
        expect([await artifacts.isShared("c", "billing"), await artifacts.isShared("d", "billing")]).toEqual([false, true]);
        expect(await artifacts.ofNames(["PAYMENTS", "none"], 2)).toEqual([
          { artifactId: "a", nameKey: "payments" },
          { artifactId: "b", nameKey: "payments" },
        ]);
        expect(await artifacts.ofNames([], 2)).toEqual([]);
      });
    });

    test("that ten names claim at the same time belong to one of them", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const second = (await opened.another?.()) ?? store;
      const holders = await Promise.all(
        Array.from({ length: 10 }, (_, number) => (number % 2 ? store : second).tx((tx) => tx.artifacts.claim("api", `name-${number}`, number))),
      );
      expect(new Set(holders).size).toBe(1);
    });
  });
}
