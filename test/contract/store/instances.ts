import { describe, expect, test } from "vitest";
import type { StoreBackend } from "./backend.ts";
import { key, registration } from "./fixtures.ts";

export function instanceTests(backend: StoreBackend): void {
  describe("instances", () => {
    test("are made by the first claim, found by the next, and count generations", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      expect(await store.tx((tx) => tx.instances.lockKey(key.serviceId))).toBeUndefined();
      expect(await store.tx((tx) => tx.instances.claim(key))).toEqual({ ...key, generation: 0 });
      await store.tx((tx) => tx.instances.bumpGeneration(key.serviceId));
      expect(await store.tx((tx) => tx.instances.claim(key))).toEqual({ ...key, generation: 1 });
      expect(await store.tx((tx) => tx.instances.lockKey(key.serviceId))).toEqual({ ...key, generation: 1 });
      expect(await store.tx((tx) => tx.instances.find(key.serviceId))).toEqual({ ...key, generation: 1 });
      expect(await store.tx((tx) => tx.instances.lockId(key.serviceId))).toEqual({ ...key, generation: 1 });
      for (const none of ["none", "parser-10.0.0.1-1"]) {
        expect(await store.tx((tx) => tx.instances.lockKey(none))).toBeUndefined();
        expect(await store.tx((tx) => tx.instances.find(none))).toBeUndefined();
        expect(await store.tx((tx) => tx.instances.lockId(none))).toBeUndefined();
      }
    });

    test("are found in every spelling, and only one spelling has the key", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const first = { serviceId: "parser-::1-1", name: "parser", host: "::1", port: 1 };
      const other = { serviceId: "Parser-0:0::1-1", name: "Parser", host: "0:0::1", port: 1 };
      await store.tx((tx) => tx.instances.claim(first));
      expect(await store.tx((tx) => tx.instances.claim(other))).toEqual({ ...first, generation: 0 });
      expect(await store.tx((tx) => tx.instances.lockKey(other.serviceId))).toEqual({ ...first, generation: 0 });
      expect(await store.tx((tx) => tx.instances.lockId(other.serviceId))).toBeUndefined();
      await store.tx(async (tx) => {
        await tx.instances.bumpGeneration(first.serviceId);
        await tx.instances.releaseKey(first.serviceId);
        expect(await tx.instances.claim(other)).toEqual({ ...other, generation: 0 });
      });
      expect(await store.tx((tx) => tx.instances.claim(first))).toEqual({ ...other, generation: 0 });
      await store.tx(async (tx) => {
        await tx.instances.releaseKey(other.serviceId);
        expect(await tx.instances.claim(first)).toEqual({ ...first, generation: 1 });
      });
      expect(await store.tx((tx) => tx.instances.find(other.serviceId))).toEqual({ ...first, generation: 1 });
    });

    test("that are registered without a key are listed, and get it by a claim", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx(async (tx) => {
        await tx.instances.claim(key);
        await tx.instances.claim({ ...key, serviceId: "parser-10.0.0.1-2", port: 2 });
        await tx.registrations.insert(registration("a", { state: "ACTIVE" }));
        expect(await tx.instances.activeWithoutKey(9)).toEqual([]);
        for (const port of [9_000, 2]) await tx.instances.releaseKey(`parser-10.0.0.1-${port}`);
        expect(await tx.instances.activeWithoutKey(9)).toEqual([{ ...key, generation: 0 }]);
        expect(await tx.instances.claim(key)).toEqual({ ...key, generation: 0 });
        expect(await tx.instances.activeWithoutKey(9)).toEqual([]);
        expect(await tx.instances.lockKey(key.serviceId)).toEqual({ ...key, generation: 0 });
      });
    });

    test("show who has a service id that another name and host give too, and are given to them", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const dashed = { serviceId: "a-b-c-1", name: "a-b", host: "c", port: 1 };
      const other = { ...dashed, name: "a", host: "b-c" };
      await store.tx((tx) => tx.instances.claim(dashed));
      await store.tx((tx) => tx.instances.bumpGeneration(dashed.serviceId));
      expect(await store.tx((tx) => tx.instances.claim(other))).toEqual({ ...dashed, generation: 1 });
      await store.tx((tx) => tx.instances.replace(other));
      expect(await store.tx((tx) => tx.instances.claim(dashed))).toEqual({ ...other, generation: 1 });
    });
  });
}
