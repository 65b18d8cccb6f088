import { describe, expect, test } from "vitest";
import type { LogFilter } from "../../../src/kernel/records.ts";
import type { RegistrationStore } from "../../../src/registration/records.ts";
import { gate, type StoreBackend } from "./backend.ts";
import { key, outboxEvent, someTime } from "./fixtures.ts";

const everything: LogFilter = { types: [], subject: undefined };

export function logTests(backend: StoreBackend): void {
  describe("event log", () => {
    test("gives positions from 1 on in the order of insertion, a part at a time, once", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await insert(store, ["z", "a", "m"]);
      expect(await ends(store)).toEqual({ last: 0, pruned: 0, hasUnnumbered: true });
      expect(await read(store, 0)).toMatchObject({ events: [], scanned: 0 });
      expect((await number(store, 2)).map(({ id, position }) => [id, position])).toEqual([
        ["z", 1],
        ["a", 2],
      ]);
      expect((await number(store, 2)).map(({ id, position }) => [id, position])).toEqual([["m", 3]]);
      expect(await number(store, 2)).toEqual([]);
      expect(await ends(store)).toEqual({ last: 3, pruned: 0, hasUnnumbered: false });
    });

    test("gives events as they were inserted, after a position", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const given = outboxEvent("b", { key: "k", subject: { kind: "thing", id: "ä ß" }, traceparent: "00-1-2-01", at: someTime - 5 });
      await store.tx((tx) => tx.outbox.insert(outboxEvent("a")));
      await store.tx((tx) => tx.outbox.insert(given));
      const numbered = await number(store);
      const { payload, ...rest } = given;
      const second = { ...rest, type: payload.type, payload: JSON.stringify(payload), serial: expect.any(Number) as number, position: 2 };
      expect(numbered[1]).toEqual(second);
      expect(await read(store, 0)).toEqual({ events: numbered, scanned: 2, last: 2, pruned: 0 });
      expect(await read(store, 1)).toEqual({ events: [second], scanned: 2, last: 2, pruned: 0 });
      expect(await read(store, 0, everything, 1)).toEqual({ events: [numbered[0]], scanned: 1, last: 2, pruned: 0 });
      expect(await read(store, 2)).toEqual({ events: [], scanned: 2, last: 2, pruned: 0 });
      expect(await read(store, 7)).toEqual({ events: [], scanned: 7, last: 2, pruned: 0 });
    });

    test("finds the events about a subject that have a trace context, with a position or not", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const subject = { kind: "thing", id: "one" };
      const traced = (id: string, more: object = {}) => outboxEvent(id, { subject, traceparent: `trace of ${id}`, ...more });
      await store.tx((tx) => tx.outbox.insert(traced("z"), outboxEvent("plain", { subject }), traced("other", { subject: { kind: "thing", id: "two" } })));
      await number(store);
      await store.tx((tx) => tx.outbox.insert(traced("a"), traced("kind", { subject: { kind: "thong", id: "one" } })));
      const found = await store.tx((tx) => tx.eventLog.traced(subject));
      expect(found.map(({ id, traceparent }) => [id, traceparent])).toEqual([
        ["z", "trace of z"],
        ["a", "trace of a"],
      ]);
    });

    test("numbering that is not committed leaves nothing", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await insert(store, ["a", "b"]);
      const undone = store.tx(async (tx) => {
        expect(await tx.eventLog.number(10)).toHaveLength(2);
        throw new Error("undone");
      });
      await expect(undone).rejects.toThrow("undone");
      expect(await ends(store)).toEqual({ last: 0, pruned: 0, hasUnnumbered: true });
      expect((await number(store)).map(({ position }) => position)).toEqual([1, 2]);
    });

    test("filters by types, by the kind of the subject, and by one subject", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const subjects = [
        { kind: "instance", id: "one" },
        { kind: "instance", id: "two" },
        { kind: "thing", id: "one" },
        { kind: "instance", id: "one" },
      ];
      for (const [n, subject] of subjects.entries()) {
        const payload = { type: n < 3 ? "ServiceUnregistered" : "ModuleUnregistered", serviceId: subject.id, name: "n" } as const;
        await store.tx((tx) => tx.outbox.insert(outboxEvent(`${n}`, { subject, payload })));
      }
      await number(store);
      const found = async (filter: Partial<LogFilter>, after = 0, limit = 10) => {
        const page = await read(store, after, { ...everything, ...filter }, limit);
        return { ids: page.events.map(({ id }) => id), scanned: page.scanned };
      };
      expect(await found({ types: ["ServiceUnregistered"] })).toEqual({ ids: ["0", "1", "2"], scanned: 4 });
      expect(await found({ types: ["ModuleUnregistered", "ServiceUnregistered"] }, 2)).toEqual({ ids: ["2", "3"], scanned: 4 });
      expect(await found({ types: ["Nobody"] })).toEqual({ ids: [], scanned: 4 });
      expect(await found({ subject: { kind: "instance" } })).toEqual({ ids: ["0", "1", "3"], scanned: 4 });
      expect(await found({ subject: { kind: "instance", id: "one" } })).toEqual({ ids: ["0", "3"], scanned: 4 });
      expect(await found({ subject: { kind: "instance", id: "one" } }, 0, 1)).toEqual({ ids: ["0"], scanned: 1 });
      expect(await found({ subject: { kind: "instance", id: "one" }, types: ["ModuleUnregistered"] })).toEqual({ ids: ["3"], scanned: 4 });
      expect(await found({ subject: { kind: "Instance", id: "one" } })).toEqual({ ids: [], scanned: 4 });
    });

    test("looks for a rare type in parts, and says how far it has looked", { timeout: 120_000 }, async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const rare = { type: "ModuleUnregistered", serviceId: "s", name: "n" } as const;
      await store.tx(async (tx) => {
        for (let n = 1; n <= 5_100; n++) await tx.outbox.insert(outboxEvent(`${n}`, n === 5_050 ? { payload: rare } : {}));
      });
      while ((await number(store, 500)).length > 0);
      const filter = { ...everything, types: [rare.type] };
      expect(await read(store, 0, filter)).toEqual({ events: [], scanned: 5_000, last: 5_100, pruned: 0 });
      const { events, scanned } = await read(store, 5_000, filter);
      expect([events.map(({ position }) => position), scanned]).toEqual([[5_050], 5_100]);
      // An index leads to what is about one thing.
      const about = await read(store, 0, { types: [rare.type], subject: { kind: "instance", id: key.serviceId } });
      expect([about.events.map(({ position }) => position), about.scanned]).toEqual([[5_050], 5_100]);
    });

    test("an event that is committed after a later one was numbered comes after it, and waits for nobody", async (context) => {
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
      expect((await number(second)).map(({ id, position }) => [id, position])).toEqual([["second", 1]]);
      letGo.open();
      await slow;
      expect((await number(second)).map(({ id, position }) => [id, position])).toEqual([["first", 2]]);
    });

    test("two that number at once give each position once, and keep the order of a key", { timeout: 120_000 }, async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const second = (await opened.another?.()) ?? store;
      const order: string[] = [];
      const writing = { isOver: false };
      const numbering = [store, second].map(async (one) => {
        const seen: number[] = [];
        while (!writing.isOver || (await ends(one)).hasUnnumbered) seen.push(...(await number(one, 7)).map(({ position }) => position));
        return seen;
      });
      await Promise.all(
        Array.from({ length: 60 }, (_, n) =>
          (n % 2 ? store : second).tx(async (tx) => {
            const { generation } = await tx.instances.claim(key);
            await tx.outbox.insert(outboxEvent(`event ${n}`));
            await tx.outbox.insert(outboxEvent(`of its own ${n}`, { key: `${n}` }));
            await tx.instances.bumpGeneration(key.serviceId);
            order[generation] = `event ${n}`;
          }),
        ),
      );
      writing.isOver = true;
      const given = (await Promise.all(numbering)).flat();
      expect(given.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 120 }, (_, n) => n + 1));
      const { events } = await read(store, 0, everything, 200);
      expect(events.map(({ position }) => position)).toEqual(Array.from({ length: 120 }, (_, n) => n + 1));
      expect(events.filter((event) => event.key === key.serviceId).map(({ id }) => id)).toEqual(order);
    });

    test("forgets what is old and was published, parked or need not be, says how far, and keeps the rest", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const all = ["published", "parked", "waiting", "published too", "young", "published and young"];
      const isYoung = (id: string) => id.includes("young");
      for (const id of all) await store.tx((tx) => tx.outbox.insert(outboxEvent(id, { at: isYoung(id) ? someTime : someTime - 1 })));
      await number(store);
      await store.tx(async (tx) => {
        await tx.outbox.insert(outboxEvent("without a position", { at: 1 }));
        await tx.outbox.markPublished(["published", "published too", "published and young", "without a position"], someTime);
        await tx.outbox.park("parked", "why");
      });
      expect(await prune(store, true)).toBeUndefined();
      expect(await ends(store)).toEqual({ last: 6, pruned: 4, hasUnnumbered: true });
      expect((await read(store, 0)).events.map(({ id }) => id)).toEqual(["waiting", "young", "published and young"]);
      expect((await store.tx((tx) => tx.outbox.unpublished(9))).map(({ id }) => id)).toEqual(["waiting", "young"]);
      // What waited below what was pruned goes, too, when it need not wait any more; the log's beginning stays.
      expect(await prune(store, false)).toBeUndefined();
      expect((await read(store, 0)).events.map(({ id }) => id)).toEqual(["young", "published and young"]);
      expect(await ends(store)).toEqual({ last: 6, pruned: 4, hasUnnumbered: true });
      expect((await number(store)).map(({ position }) => position)).toEqual([7]);
    });

    test("forgets a part at a time, and goes on after it", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const ids = Array.from({ length: 1_100 }, (_, n) => `${n}`);
      await store.tx(async (tx) => {
        for (const id of ids) await tx.outbox.insert(outboxEvent(id, { at: someTime - 1 }));
      });
      while ((await number(store, 500)).length > 0);
      expect(await prune(store, false)).toBe(1_000);
      expect(await ends(store)).toMatchObject({ last: 1_100, pruned: 1_000 });
      expect(await prune(store, false, 1_000)).toBeUndefined();
      expect(await read(store, 1_100)).toEqual({ events: [], scanned: 1_100, last: 1_100, pruned: 1_100 });
    });
  });
}

async function insert(store: RegistrationStore, ids: readonly string[]): Promise<void> {
  for (const id of ids) await store.tx((tx) => tx.outbox.insert(outboxEvent(id)));
}

function number(store: RegistrationStore, limit = 500) {
  return store.tx((tx) => tx.eventLog.number(limit));
}

function ends(store: RegistrationStore) {
  return store.tx((tx) => tx.eventLog.ends());
}

function read(store: RegistrationStore, after: number, filter = everything, limit = 10) {
  return store.tx((tx) => tx.eventLog.read({ ...filter, after, limit }));
}

function prune(store: RegistrationStore, hasSink: boolean, after = 0) {
  return store.tx((tx) => tx.eventLog.prune({ after, before: someTime, hasSink }));
}
