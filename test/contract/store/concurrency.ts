import { describe, expect, test } from "vitest";
import { gate, refusalOf, type StoreBackend } from "./backend.ts";
import { attempt, key, outboxEvent, schemaVersion } from "./fixtures.ts";

export function concurrencyTests(backend: StoreBackend): void {
  describe("at the same time", () => {
    test("twenty that claim a new key: one opens an attempt, the others find it", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const second = (await opened.another?.()) ?? store;
      const found = await Promise.all(
        Array.from({ length: 20 }, (_, number) =>
          (number % 2 ? store : second).tx(async (tx) => {
            await tx.instances.claim(key);
            const live = await tx.attempts.findLive(key.serviceId);
            if (live) return live.id;
            await tx.attempts.insert(attempt(`a${number}`, { serviceId: key.serviceId }), [], 60_000);
            return `a${number}`;
          }),
        ),
      );
      expect(new Set(found).size).toBe(1);
      expect(await store.tx((tx) => tx.attempts.countByState())).toEqual({ RUNNING: 1 });
    });

    test("twenty that change a row under its lock: no change is lost", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const second = (await opened.another?.()) ?? store;
      await Promise.all(
        Array.from({ length: 20 }, (_, number) =>
          (number % 2 ? store : second).tx(async (tx) => {
            const { generation } = await tx.instances.claim(key);
            await tx.outbox.insert(outboxEvent(`generation ${generation}`));
            await tx.instances.bumpGeneration(key.serviceId);
          }),
        ),
      );
      expect(await store.tx((tx) => tx.instances.lockKey(key.serviceId))).toEqual({ ...key, generation: 20 });
    });

    test("an attempt that is locked does not move before the transaction ends", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const second = (await opened.another?.()) ?? store;
      await store.tx((tx) => tx.attempts.insert(attempt("a"), [], 60_000));
      const [looked, go] = [gate(), gate()];
      const order: string[] = [];
      const looking = store.tx(async (tx) => {
        const seen = await tx.attempts.lock("a");
        looked.open();
        await go.opened;
        order.push(`still ${seen?.state}`);
        await tx.attempts.requestCancel("a");
      });
      await looked.opened;
      const at = { id: "a", lease: { owner: "owner", epoch: 1 }, lastSequence: 1 };
      const moving = second.tx((tx) => tx.attempts.advance(at, { state: "COMPLETED" })).then((moved) => order.push(`moved ${moved}`));
      go.open();
      await Promise.all([looking, moving]);
      expect(order).toEqual(["still RUNNING", "moved true"]);
      expect(await store.tx((tx) => tx.attempts.find("a"))).toMatchObject({ state: "COMPLETED", cancelRequested: true });
    });

    test("twenty that insert live attempts for one service id without a lock: one does", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const second = (await opened.another?.()) ?? store;
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, (_, number) =>
          (number % 2 ? store : second).tx((tx) => tx.attempts.insert(attempt(`a${number}`, { serviceId: "s" }), [], 60_000)),
        ),
      );
      const refusals = outcomes.filter((outcome) => outcome.status === "rejected").map(({ reason }) => reason as unknown);
      expect(refusals).toHaveLength(19);
      for (const refusal of refusals) expect(refusal).toMatchObject({ kind: "conflict", reason: "ATTEMPT_IN_FLIGHT" });
    });

    test("ten that reserve one schema version: one inserts it, the others find it", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const second = (await opened.another?.()) ?? store;
      const inserted = await Promise.all(
        Array.from({ length: 10 }, (_, number) =>
          (number % 2 ? store : second).tx(async (tx) => {
            if (await tx.schemas.lock("parser-config", "1")) return false;
            await tx.schemas.insert(schemaVersion("1"));
            return true;
          }),
        ),
      );
      expect(inserted.filter(Boolean)).toHaveLength(1);
    });

    test("a schema version that appeared after it was looked for is found, not a conflict", async (context) => {
      await using opened = await backend.open();
      const second = await opened.another?.();
      if (!second) return context.skip("transactions of this store run one after the other");
      const [looked, appeared] = [gate(), gate()];
      const late = opened.store.tx(async (tx) => {
        const found = await tx.schemas.lock("parser-config", "1");
        if (found) return found.name;
        looked.open();
        await appeared.opened;
        await tx.schemas.insert(schemaVersion("1", { name: "late" }));
        return "inserted";
      });
      await looked.opened;
      await second.tx((tx) => tx.schemas.insert(schemaVersion("1", { name: "early" })));
      appeared.open();
      expect(await late).toBe("early");
    });

    test("what others commit in the meantime is seen by the next read", async (context) => {
      await using opened = await backend.open();
      const second = await opened.another?.();
      if (!second) return context.skip("transactions of this store run one after the other");
      await opened.store.tx(async (tx) => {
        expect(await tx.attempts.find("a")).toBeUndefined();
        await second.tx((other) => other.attempts.insert(attempt("a"), [], 60_000));
        expect(await tx.attempts.find("a")).toBeDefined();
      });
    });

    test("ten that claim an instance in ten spellings: all get the same row", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const second = (await opened.another?.()) ?? store;
      const spelling = (number: number) => Array.from("parser", (letter, at) => ((number >> at) & 1 ? letter.toUpperCase() : letter)).join("");
      const rows = await Promise.all(
        Array.from({ length: 10 }, (_, number) => {
          const name = spelling(number);
          return (number % 2 ? store : second).tx((tx) => tx.instances.claim({ serviceId: `${name}-h-1`, name, host: "h", port: 1 }));
        }),
      );
      expect(new Set(rows.map(({ serviceId }) => serviceId)).size).toBe(1);
    });

    test("ten that reserve a name: all get the same row", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const second = (await opened.another?.()) ?? store;
      const owners = await Promise.all(
        Array.from({ length: 10 }, (_, number) =>
          (number % 2 ? store : second).tx((tx) => tx.names.reserve(number % 3 ? "parser" : "Parser", `owner ${number}`)),
        ),
      );
      expect(new Set(owners.map(({ owner }) => owner)).size).toBe(1);
    });

    test("a name does not change hands under a transaction that has reserved it", async (context) => {
      await using opened = await backend.open();
      const second = await opened.another?.();
      if (!second) return context.skip("transactions of this store run one after the other");
      const { store } = opened;
      await store.tx((tx) => tx.names.reserve("parser", "a"));
      const reserved = gate();
      const order: string[] = [];
      const using = store.tx(async (tx) => {
        await tx.names.reserve("parser", "a");
        reserved.open();
        // Long enough for the other one to be done, if nothing kept it.
        for (let read = 0; read < 50; read++) await tx.names.find("parser");
        order.push("used");
      });
      await reserved.opened;
      const releasing = second.tx((tx) => tx.names.delete("parser")).then(() => order.push("released"));
      await Promise.all([using, releasing]);
      expect(order).toEqual(["used", "released"]);
    });

    test.for([
      ["reported", false],
      ["swallowed", true],
    ] as const)("two that lock two rows in opposite order both succeed, whole, the deadlock %s", async ([_title, swallowed], context) => {
      await using opened = await backend.open();
      const second = await opened.another?.();
      if (!second) return context.skip("transactions of this store run one after the other");
      const keys = ["left", "right"].map((name) => ({ serviceId: name, name, host: "h", port: 1 }));
      for (const one of keys) await opened.store.tx((tx) => tx.instances.claim(one));
      const locked = [gate(), gate()];
      let runs = 0;
      const committed: number[] = [];
      const cross = (mine: 0 | 1) =>
        [opened.store, second][mine]!.tx(async (tx) => {
          runs++;
          tx.afterCommit(() => committed.push(mine));
          await tx.instances.claim(keys[mine]!);
          await tx.outbox.insert(outboxEvent(`${mine} first half`));
          locked[mine]!.open();
          await locked[1 - mine]!.opened;
          await tx.instances.claim(keys[1 - mine]!).catch((error: unknown) => {
            if (!swallowed) throw error;
          });
          await tx.outbox.insert(outboxEvent(`${mine} second half`)).catch((error: unknown) => {
            if (!swallowed) throw error;
          });
        });
      await Promise.all([cross(0), cross(1)]);
      expect(runs).toBeGreaterThan(2);
      expect(committed.toSorted()).toEqual([0, 1]);
      const events = await second.tx((tx) => tx.outbox.unpublished(9));
      expect(events.map(({ id }) => id).toSorted()).toEqual(["0 first half", "0 second half", "1 first half", "1 second half"]);
    });

    test("two stores that open one fresh database both work", async (context) => {
      if (!backend.openTwice) return context.skip("one process owns the database");
      await using both = await backend.openTwice();
      const [one, two] = both.stores;
      await one!.tx((tx) => tx.outbox.insert(outboxEvent("from one")));
      expect((await two!.tx((tx) => tx.outbox.unpublished(9))).map(({ id }) => id)).toEqual(["from one"]);
    });

    test("a second process is refused, since the database is in use", async (context) => {
      await using opened = await backend.open();
      if (!opened.openInAnotherProcess) return context.skip("replicas share this database");
      expect(opened.store.exclusive).toBe(true);
      const outcome = await opened.openInAnotherProcess();
      expect(outcome.kind).toBe("wrong_state");
      expect(outcome.message).toContain("another Muster");
      await opened.store.ping(AbortSignal.timeout(30_000));
    });

    test("a database that has newer migrations is refused", async () => {
      const refusal = await refusalOf(backend.openNewer());
      expect(refusal).toMatchObject({ kind: "wrong_state", reason: "DEPENDENCY_REFUSED" });
      expect(refusal.message).toContain("9999-future");
    });
  });
}
