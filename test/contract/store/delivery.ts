import type { RegistrationStore } from "../../../src/registration/records.ts";
import { describe, expect, test } from "vitest";
import { gate, type StoreBackend } from "./backend.ts";
import { key, otherTask, outboxEvent, someTask, someTime } from "./fixtures.ts";

export function deliveryTests(backend: StoreBackend): void {
  describe("outbox", () => {
    test("gives unpublished events as they were written, oldest first, up to the limit", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const events = [
        outboxEvent("z", { traceparent: "00-1-2-01" }),
        outboxEvent("a", { payload: { type: "ModuleUnregistered", serviceId: "s", name: "n" }, at: someTime - 5 }),
        outboxEvent("m", { key: "another key" }),
      ];
      for (const one of events) await store.tx((tx) => tx.outbox.insert(one));
      const found = await store.tx((tx) => tx.outbox.unpublished(10));
      const written = events.map(({ payload, ...rest }) => ({
        ...rest,
        type: payload.type,
        payload: JSON.stringify(payload),
        serial: expect.any(Number) as number,
      }));
      expect(found).toEqual(written);
      expect(await store.tx((tx) => tx.outbox.unpublished(2))).toEqual(found.slice(0, 2));
      expect(await store.tx((tx) => tx.outbox.unpublished(2, found[0]?.serial))).toEqual(found.slice(1));
    });

    test("no longer gives what was published or parked, and counts what waits", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx(async (tx) => {
        for (const [number, id] of ["a", "b", "c", "d", "e"].entries()) await tx.outbox.insert(outboxEvent(id, { at: someTime + number }));
        await tx.outbox.markPublished(["a", "c"], someTime);
        await tx.outbox.markPublished([], someTime);
        await tx.outbox.park("b", "cannot be encoded");
      });
      expect(await waiting(store)).toEqual(["d", "e"]);
      expect(await store.tx((tx) => tx.outbox.backlog())).toEqual({ waiting: 2, oldestAt: someTime + 3, parked: 1 });
      await store.tx((tx) => tx.outbox.markPublished(["d", "e"], someTime));
      expect(await store.tx((tx) => tx.outbox.backlog())).toEqual({ waiting: 0, oldestAt: undefined, parked: 1 });
    });

    test("does not lose an event that was committed after a later one was published", async (context) => {
      await using opened = await backend.open();
      const second = await opened.another?.();
      if (!second) return context.skip("transactions of this store run one after the other");
      const [inserted, letGo] = [gate(), gate()];
      const slow = opened.store.tx(async (tx) => {
        await tx.outbox.insert(outboxEvent("first", { key: "one" }));
        inserted.open();
        await letGo.opened;
      });
      await inserted.opened;
      await second.tx((tx) => tx.outbox.insert(outboxEvent("second", { key: "two" })));
      expect(await waiting(second)).toEqual(["second"]);
      await second.tx((tx) => tx.outbox.markPublished(["second"], someTime));
      letGo.open();
      await slow;
      expect(await waiting(second)).toEqual(["first"]);
    });

    test("keeps the order of a key under whose lock many write", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const second = (await opened.another?.()) ?? store;
      const order: string[] = [];
      await Promise.all(
        Array.from({ length: 20 }, (_, number) =>
          (number % 2 ? store : second).tx(async (tx) => {
            const { generation } = await tx.instances.claim(key);
            await tx.outbox.insert(outboxEvent(`event ${number}`));
            await tx.instances.bumpGeneration(key.serviceId);
            order[generation] = `event ${number}`;
          }),
        ),
      );
      expect(order).toHaveLength(20);
      expect(await waiting(store)).toEqual(order);
    });
  });

  describe("tasks", () => {
    test("are due at once, taken for a time, and gone when done", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx((tx) => tx.tasks.insert(someTask, { id: "t", payload: 7 }));
      const [task] = await claim(store, 60_000);
      expect(task).toEqual({ id: "t", payload: "7", attempts: 0, ageMs: expect.any(Number) });
      expect(task!.ageMs).toBeGreaterThanOrEqual(0);
      expect(await claim(store, 60_000)).toEqual([]);
      expect(await store.tx((tx) => tx.tasks.exists("t"))).toBe(true);
      await store.tx((tx) => tx.tasks.retryIn("t", 0, "went wrong"));
      await store.tx((tx) => tx.tasks.done("t"));
      expect(await claim(store, 60_000)).toEqual([]);
      expect(await store.tx((tx) => tx.tasks.exists("t"))).toBe(false);
    });

    test("are due again when their time or their delay has run out, and count how often they were taken", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx((tx) => tx.tasks.insert(someTask, { id: "t", payload: 1 }));
      expect((await claim(store, 0))[0]?.attempts).toBe(0);
      expect((await claim(store, 60_000))[0]?.attempts).toBe(1);
      await store.tx((tx) => tx.tasks.retryIn("t", 60_000, "not yet"));
      expect(await claim(store, 60_000)).toEqual([]);
      await store.tx((tx) => tx.tasks.retryIn("t", 0, "now"));
      expect((await claim(store, 60_000))[0]?.attempts).toBe(2);
    });

    test("go to one of several claimants each", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const second = (await opened.another?.()) ?? store;
      const all = Array.from({ length: 12 }, (_, number) => `t${String(number).padStart(2, "0")}`);
      await store.tx(async (tx) => {
        for (const id of all) await tx.tasks.insert(someTask, { id, payload: 1 });
      });
      const taken = await Promise.all(
        [store, second].map(async (from) => {
          const mine: string[] = [];
          for (;;) {
            const claimed = await from.tx((tx) => tx.tasks.claim("some", 60_000, 2));
            expect(claimed.length).toBeLessThanOrEqual(2);
            if (claimed.length === 0) return mine;
            mine.push(...claimed.map(({ id }) => id));
          }
        }),
      );
      expect(taken.flat().toSorted()).toEqual(all);
    });

    test("are claimed by kind, however many of another kind have been due for longer", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx(async (tx) => {
        for (let number = 0; number < 50; number++) await tx.tasks.insert(otherTask, { id: `other ${number}`, payload: 1 });
        await tx.tasks.insert(someTask, { id: "t", payload: 1 });
      });
      expect(await store.tx((tx) => tx.tasks.due(["unknown", "other", "some"]))).toEqual(["other", "some"]);
      expect(await store.tx((tx) => tx.tasks.due([]))).toEqual([]);
      expect((await claim(store, 60_000)).map(({ id }) => id)).toEqual(["t"]);
      expect(await store.tx((tx) => tx.tasks.claim("unknown", 60_000, 10))).toEqual([]);
      expect(await store.tx((tx) => tx.tasks.due(["unknown", "other", "some"]))).toEqual(["other"]);
      expect(await store.tx((tx) => tx.tasks.backlog())).toEqual([
        { kind: "other", waiting: 50, parked: 0 },
        { kind: "some", waiting: 1, parked: 0 },
      ]);
    });

    test("can be due later, and then are not brought forward with those that a former process had claimed", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx((tx) => tx.tasks.insert(someTask, { id: "claimed", payload: 1 }));
      expect(await claim(store, 60_000)).toHaveLength(1);
      await store.tx((tx) => tx.tasks.insert(someTask, { id: "later", payload: 1, dueInMs: 60_000 }));
      expect(await claim(store, 60_000)).toEqual([]);
      await store.tx((tx) => tx.tasks.expireLeases());
      expect((await claim(store, 60_000)).map(({ id }) => id)).toEqual(["claimed"]);
    });

    test("that have been due for longest are taken first", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      for (const [id, dueInMs] of [
        ["second", -2_000],
        ["third", -1_000],
        ["first", -3_000],
      ] as const) {
        await store.tx((tx) => tx.tasks.insert(someTask, { id, payload: 1, dueInMs }));
      }
      const order: (string | undefined)[] = [];
      for (let times = 0; times < 3; times++) order.push((await store.tx((tx) => tx.tasks.claim("some", 60_000, 1)))[0]?.id);
      expect(order).toEqual(["first", "second", "third"]);
    });

    test("that wait for another try, or are of others, are left as they are by what becomes of one", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      for (const id of ["retried", "done", "parked", "free"]) await store.tx((tx) => tx.tasks.insert(someTask, { id, payload: 1 }));
      await store.tx((tx) => tx.tasks.insert(otherTask, { id: "other", payload: 1 }));
      expect(await store.tx((tx) => tx.tasks.claim("some", 60_000, 10))).toHaveLength(4);
      await store.tx(async (tx) => {
        await tx.tasks.retryIn("retried", 60_000, "not yet");
        await tx.tasks.done("done");
        await tx.tasks.park("parked", "no use");
        await tx.tasks.retryIn("free", 0, "now");
      });
      expect((await claim(store, 60_000)).map(({ id }) => id)).toEqual(["free"]);
      // What is to be tried again later is claimed by nobody, so that it is not brought forward.
      await store.tx((tx) => tx.tasks.expireLeases());
      expect((await claim(store, 60_000)).map(({ id, attempts }) => [id, attempts])).toEqual([["free", 2]]);
      expect((await store.tx((tx) => tx.tasks.claim("other", 60_000, 10))).map(({ id, attempts }) => [id, attempts])).toEqual([["other", 0]]);
    });

    test("that are parked stay, are counted, and are due at no time", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx((tx) => tx.tasks.insert(someTask, { id: "t", payload: 1 }));
      await claim(store, 0);
      await store.tx((tx) => tx.tasks.park("t", "no use"));
      await store.tx((tx) => tx.tasks.retryIn("t", 0, "by a replica whose lease had ended"));
      await store.tx((tx) => tx.tasks.expireLeases());
      expect(await claim(store, 0)).toEqual([]);
      expect(await store.tx((tx) => tx.tasks.exists("t"))).toBe(true);
      expect(await store.tx((tx) => tx.tasks.backlog())).toEqual([{ kind: "some", waiting: 0, parked: 1 }]);
      await store.tx((tx) => tx.tasks.done("t"));
      expect(await store.tx((tx) => tx.tasks.backlog())).toEqual([]);
    });
  });
}

async function waiting(store: RegistrationStore): Promise<readonly string[]> {
  return (await store.tx((tx) => tx.outbox.unpublished(100))).map(({ id }) => id);
}

function claim(store: RegistrationStore, leaseMs: number) {
  return store.tx((tx) => tx.tasks.claim("some", leaseMs, 10));
}
