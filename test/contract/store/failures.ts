import { describe, expect, test } from "vitest";
import { gate, refusalOf, type StoreBackend } from "./backend.ts";
import { registration } from "./fixtures.ts";

/** The limits of waiting for a connection and of one statement, and much more for a machine that stands still now and then. */
const boundMs = 30_000;

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

    test.for([
      ["unnoticed", false],
      ["noticed and swallowed", true],
    ] as const)("what the function threw is what the caller gets, the loss of the session %s", async ([_title, noticed], context) => {
      await using opened = await backend.open();
      const { store, killSessions } = opened;
      if (!killSessions) return context.skip("there is no server");
      const mine = new Error("mine");
      const failed = store.tx(async (tx) => {
        await tx.registrations.insert(registration("a"));
        await killSessions();
        if (noticed) await expect(tx.registrations.find("a")).rejects.toThrow();
        throw mine;
      });
      await expect(failed).rejects.toBe(mine);
      expect(await store.tx((tx) => tx.registrations.find("a"))).toBeUndefined();
    });

    test.for(["cut", "freeze"] as const)("a network that fails by %s: unavailable within the limits, then all is well", async (failure, context) => {
      await using opened = await backend.open();
      const { store, network } = opened;
      if (!network) return context.skip("there is no network");
      await store.tx((tx) => tx.registrations.insert(registration("before")));
      await network[failure]();
      const since = performance.now();
      const [write, ping] = await Promise.all([
        refusalOf(store.tx((tx) => tx.registrations.insert(registration("meanwhile")))),
        refusalOf(store.ping(AbortSignal.timeout(boundMs))),
      ]);
      expect(performance.now() - since).toBeLessThan(boundMs);
      expect([write.kind, ping.kind]).toEqual(["unavailable", "unavailable"]);
      await network.restore();
      await store.tx(async (tx) => {
        expect(await tx.registrations.find("before")).toBeDefined();
        expect(await tx.registrations.find("meanwhile")).toBeUndefined();
      });
    });

    test("more transactions than connections wait; when none comes free in time: unavailable", async (context) => {
      await using opened = await backend.open();
      const { store, connections } = opened;
      if (!connections) return context.skip("one transaction runs at a time");
      const letGo = gate();
      const held = Array.from({ length: connections }, (_, number) => store.tx(() => letGo.opened.then(() => number)));
      const refusal = await refusalOf(store.tx(async () => "too many"));
      expect(refusal.kind).toBe("unavailable");
      const waiting = store.tx(async () => "in time");
      letGo.open();
      expect(await Promise.all(held)).toHaveLength(connections);
      expect(await waiting).toBe("in time");
    });
  });
}
