import type { RegistrationStore } from "../../../src/registration/records.ts";
import { describe, expect, test } from "vitest";
import { gate, refusalOf, type StoreBackend } from "./backend.ts";
import { attempt, event, key, outboxEvent, registration, schemaVersion, someTask } from "./fixtures.ts";

export function transactionTests(backend: StoreBackend): void {
  describe("transactions", () => {
    test("resolve to what the function returns", async () => {
      await using opened = await backend.open();
      expect(await opened.store.tx(async () => ({ answer: 42 }))).toEqual({ answer: 42 });
    });

    test("say when they are committed, in the order asked for, and not when they are not", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const said: string[] = [];
      const failed = store.tx(async (tx) => {
        tx.afterCommit(() => said.push("failed"));
        await tx.outbox.insert(outboxEvent("a"));
        throw new Error("mine");
      });
      await expect(failed).rejects.toThrow("mine");
      const inside = await store.tx(async (tx) => {
        tx.afterCommit(() => said.push("one"));
        tx.afterCommit(() => said.push("two"));
        await tx.outbox.insert(outboxEvent("b"));
        return [...said];
      });
      expect(inside).toEqual([]);
      expect(said).toEqual(["one", "two"]);
    });

    test("leave nothing behind when the function throws, and throw what it threw", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const mine = new Error("mine");
      const failed = store.tx(async (tx) => {
        await tx.attempts.insert(attempt("a"), [event("a", 1)], 60_000);
        await tx.instances.claim(key);
        await tx.names.reserve("parser", "me");
        await tx.registrations.insert(registration("a", { state: "ACTIVE" }));
        await tx.schemas.insert(schemaVersion("1"));
        await tx.outbox.insert(outboxEvent("o"));
        await tx.tasks.insert(someTask, { id: "t", payload: 1 });
        await tx.leases.acquire("relay", "me", 60_000);
        await tx.registryVersions.insert({ artifactId: "x", version: "1", kind: "JSON", content: "{}", label: "a", at: 1 });
        await tx.eventLog.number(9);
        throw mine;
      });
      await expect(failed).rejects.toBe(mine);
      expect(await everything(store)).toEqual({
        attempt: undefined,
        events: [],
        instance: undefined,
        name: undefined,
        active: undefined,
        schema: undefined,
        backlog: { waiting: 0, oldestAt: undefined, parked: 0 },
        tasks: [],
        leaseFree: true,
        registry: [],
        log: { events: [], scanned: 0, last: 0, pruned: 0 },
      });
    });

    test("go on after a unique key refused a row and the function coped with it", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx((tx) => tx.attempts.insert(attempt("a", { serviceId: "s" }), [], 60_000));
      await store.tx(async (tx) => {
        await tx.outbox.insert(outboxEvent("before"));
        await expect(tx.attempts.insert(attempt("b", { serviceId: "s" }), [], 60_000)).rejects.toMatchObject({ kind: "conflict" });
        await tx.outbox.insert(outboxEvent("after"));
      });
      expect((await store.tx((tx) => tx.outbox.unpublished(9))).map(({ id }) => id)).toEqual(["before", "after"]);
    });

    test("reject with conflict when a key that is unique stands twice", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx((tx) => tx.outbox.insert(outboxEvent("twice")));
      const again = await refusalOf(store.tx((tx) => tx.outbox.insert(outboxEvent("twice"))));
      expect(again.kind).toBe("conflict");
      expect(again.message).not.toMatch(/insert|outbox|twice/i);
    });

    test("are not committed without a write that failed later than it was made, even if that was swallowed", async (context) => {
      await using opened = await backend.open();
      const { store } = opened;
      if (!opened.another) return context.skip("a write fails at once");
      await store.tx((tx) => tx.outbox.insert(outboxEvent("twice")));
      const again = store.tx(async (tx) => {
        await tx.outbox.insert(outboxEvent("twice"));
        await tx.outbox.backlog().catch(() => undefined);
        await tx.outbox.insert(outboxEvent("after"));
      });
      expect((await refusalOf(again)).kind).toBe("conflict");
      expect((await store.tx((tx) => tx.outbox.unpublished(9))).map(({ id }) => id)).toEqual(["twice"]);
    });

    test("do not see each other's writes before the commit", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const seen = await Promise.all([
        store.tx(async (tx) => {
          await tx.outbox.insert(outboxEvent("one"));
          await tx.outbox.insert(outboxEvent("two"));
        }),
        store.tx(async (tx) => (await tx.outbox.backlog()).waiting),
      ]);
      expect([0, 2]).toContain(seen[1]);
    });
  });

  describe("closing", () => {
    test("lets an open transaction finish, then refuses what comes after", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const [inside, letGo] = [gate(), gate()];
      const open = store.tx(async (tx) => {
        inside.open();
        await letGo.opened;
        await tx.outbox.insert(outboxEvent("last"));
        return "done";
      });
      await inside.opened;
      const closed = store[Symbol.asyncDispose]();
      letGo.open();
      expect(await open).toBe("done");
      await closed;
      expect((await refusalOf(store.tx(async () => 1))).kind).toBe("unavailable");
      expect((await refusalOf(store.ping(AbortSignal.timeout(30_000)))).kind).toBe("unavailable");
      await store[Symbol.asyncDispose]();
    });
  });

  describe("ping", () => {
    test("resolves, and rejects with the signal's reason when that is aborted", async () => {
      await using opened = await backend.open();
      await opened.store.ping(AbortSignal.timeout(30_000));
      const reason = new Error("enough");
      await expect(opened.store.ping(AbortSignal.abort(reason))).rejects.toBe(reason);
    });
  });
}

async function everything(store: RegistrationStore) {
  return store.tx(async (tx) => ({
    attempt: await tx.attempts.find("a"),
    events: await tx.attempts.events("a", 0),
    instance: await tx.instances.lockKey(key.serviceId),
    name: await tx.names.find("parser"),
    active: await tx.registrations.findActive(key.serviceId),
    schema: await tx.schemas.lock("parser-config", "1"),
    backlog: await tx.outbox.backlog(),
    tasks: await tx.tasks.backlog(),
    leaseFree: await tx.leases.acquire("relay", "somebody else", 1),
    registry: await tx.registryVersions.list("x"),
    log: await tx.eventLog.read({ after: 0, limit: 9, types: [], subject: undefined }),
  }));
}
