import { describe, expect, test } from "vitest";
import { refusalOf, type StoreBackend } from "./backend.ts";
import { registration } from "./fixtures.ts";

/** The limits of waiting for a connection and of one statement, and some for a busy machine. */
const boundMs = 9_000;

export function failureTests(backend: StoreBackend): void {
  describe("when the database fails", () => {
    test("a server that is not there is unavailable", async (context) => {
      if (!backend.openNowhere) return context.skip("there is no server");
      const refusal = await refusalOf(backend.openNowhere());
      expect(refusal).toMatchObject({ kind: "unavailable", reason: "DEPENDENCY_UNAVAILABLE" });
      expect(refusal.message).not.toContain("secret");
    });

    test("a session killed in the middle of a transaction: unavailable, nothing written, then all is well", async (context) => {
      await using opened = await backend.open();
      const { store, killSessions } = opened;
      if (!killSessions) return context.skip("there is no server");
      const killed = store.tx(async (tx) => {
        await tx.registrations.insert(registration("a"));
        await killSessions();
        await tx.registrations.insert(registration("b"));
      });
      expect(await refusalOf(killed)).toMatchObject({ kind: "unavailable", reason: "DEPENDENCY_UNAVAILABLE" });
      await store.tx(async (tx) => {
        expect(await tx.registrations.find("a")).toBeUndefined();
        expect(await tx.registrations.find("b")).toBeUndefined();
      });
    });

    test("what the function threw is what the caller gets, even when the rollback fails too", async (context) => {
      await using opened = await backend.open();
      const { store, killSessions } = opened;
      if (!killSessions) return context.skip("there is no server");
      const mine = new Error("mine");
      const failed = store.tx(async (tx) => {
        await tx.registrations.insert(registration("a"));
        await killSessions();
        throw mine;
      });
      await expect(failed).rejects.toBe(mine);
      expect(await store.tx((tx) => tx.registrations.find("a"))).toBeUndefined();
    });

    test("a silent network: unavailable within the limits, then all is well", { timeout: 30_000 }, async (context) => {
      await using opened = await backend.open();
      const { store, network } = opened;
      if (!network) return context.skip("there is no network");
      await store.tx((tx) => tx.registrations.insert(registration("before")));
      network.silence();
      const since = performance.now();
      const [write, ping] = await Promise.all([
        refusalOf(store.tx((tx) => tx.registrations.insert(registration("meanwhile")))),
        refusalOf(store.ping(AbortSignal.timeout(boundMs))),
      ]);
      expect(performance.now() - since).toBeLessThan(boundMs);
      expect([write.kind, ping.kind]).toEqual(["unavailable", "unavailable"]);
      network.restore();
      await store.tx(async (tx) => {
        expect(await tx.registrations.find("before")).toBeDefined();
        expect(await tx.registrations.find("meanwhile")).toBeUndefined();
      });
    });
  });
}
