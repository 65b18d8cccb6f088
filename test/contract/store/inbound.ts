/** Events from outside, each once; how far their sources were read. */
import { describe, expect, test } from "vitest";
import type { NewInbound, PollState } from "../../../src/inbound/records.ts";
import type { End } from "../../../src/inbound/types.ts";
import type { MusterStore } from "../../../src/store/parts.ts";
import { gate, type StoreBackend } from "./backend.ts";

const success: End = { status: "SUCCEEDED", reason: "", detail: "", approvalId: "request" };
const failure: End = { status: "FAILED", reason: "SUBJECT_UNKNOWN", detail: "größe", approvalId: undefined };
const event = (id: string, more: Partial<NewInbound> = {}): NewInbound => ({
  id,
  source: "s",
  eventId: `event-${id}`,
  tenant: "t",
  eventType: "market.approved",
  claimedActor: "zoë",
  body: `{"größe": "${"x".repeat(70_000)}"}`,
  ...success,
  ...more,
});

export function inboundTests(backend: StoreBackend): void {
  const opened = async () => {
    const it = await backend.open();
    return { ...it, tx: it.store.tx.bind(it.store) as MusterStore["tx"], [Symbol.asyncDispose]: () => it[Symbol.asyncDispose]() };
  };

  describe("events from outside", () => {
    test("come back as they were kept, to their tenant alone; each try is counted", async () => {
      await using it = await opened();
      expect(await it.tx((tx) => tx.inbound.insert(event("1")))).toBe(true);
      const kept = await it.tx((tx) => tx.inbound.find("s", "event-1"));
      expect(kept).toEqual({ ...event("1"), tries: 0, receivedAt: expect.any(Number), settledAt: kept?.receivedAt });
      await it.tx((tx) => tx.inbound.settle("1", failure));
      await it.tx((tx) => tx.inbound.settle("1", success));
      await it.tx((tx) => tx.inbound.settle("1", failure));
      const settled = await it.tx((tx) => tx.inbound.get("t", "1"));
      expect(settled).toEqual({ ...event("1", failure), tries: 3, receivedAt: kept?.receivedAt, settledAt: expect.any(Number) });
      expect(await it.tx((tx) => tx.inbound.lock("1"))).toEqual({ ...settled, now: expect.any(Number) });
      const content = { eventType: "market.rejected", claimedActor: "", body: "{}" };
      await it.tx((tx) => tx.inbound.replace("1", content));
      expect(await it.tx((tx) => tx.inbound.get("t", "1"))).toEqual({ ...settled, ...content });
      expect(await it.tx((tx) => tx.inbound.get("u", "1"))).toBeUndefined();
      expect(await it.tx((tx) => tx.inbound.find("other", "event-1"))).toBeUndefined();
      expect(await it.tx((tx) => tx.inbound.lock("2"))).toBeUndefined();
    });

    test("of one id are one of their source, in letters as they are; the refusal does not end the transaction", async () => {
      await using it = await opened();
      await it.tx((tx) => tx.inbound.insert(event("1", { eventId: "Event" })));
      const inserted = await it.tx(async (tx) => [
        await tx.inbound.insert(event("2", { eventId: "Event" })),
        await tx.inbound.insert(event("3", { eventId: "event" })),
        await tx.inbound.insert(event("4", { eventId: "Event", source: "other" })),
      ]);
      expect(inserted).toEqual([false, true, true]);
      expect(await it.tx((tx) => tx.inbound.known("s", ["Event", "event", "EVENT", "nothing"]))).toEqual(new Set(["Event", "event"]));
      expect(await it.tx((tx) => tx.inbound.known("s", []))).toEqual(new Set());
      const many = Array.from({ length: 5_000 }, (_, n) => `none-${n}`);
      expect(await it.tx((tx) => tx.inbound.known("other", [...many, "Event"]))).toEqual(new Set(["Event"]));
    });

    test("delivered at once to two replicas wait for each other: the later one finds the first", async () => {
      await using it = await opened();
      const second = (await it.another?.()) ?? it.store;
      const { opened: inserted, open: tell } = gate();
      const first = it.tx(async (tx) => {
        const isNew = await tx.inbound.insert(event("1"));
        tell();
        await tx.inbound.settle("1", success);
        return isNew;
      });
      await inserted;
      const later = await second.tx((tx) => tx.inbound.insert(event("2", { eventId: "event-1" })));
      expect([await first, later]).toEqual([true, false]);
      expect(await second.tx((tx) => tx.inbound.find("s", "event-1"))).toMatchObject({ id: "1", tries: 1 });
    });

    test("are listed newest first without their bodies, filtered, and counted by source and status", async () => {
      await using it = await opened();
      await it.tx(async (tx) => {
        await tx.inbound.insert(event("1"));
        await tx.inbound.insert(event("2", failure));
        await tx.inbound.insert(event("3", { source: "r" }));
        await tx.inbound.insert(event("4", { tenant: "u" }));
      });
      const list = async (filter: object) => (await it.tx((tx) => tx.inbound.list({ tenant: "t", limit: 9, ...filter }))).map(({ id }) => id);
      expect(await list({})).toEqual(["3", "2", "1"]);
      expect(await list({ limit: 1 })).toEqual(["3"]);
      expect(await list({ beforeId: "3" })).toEqual(["2", "1"]);
      expect(await list({ source: "s", status: "SUCCEEDED" })).toEqual(["1"]);
      expect((await it.tx((tx) => tx.inbound.list({ tenant: "t", limit: 9 })))[2]).toMatchObject({ ...event("1"), body: "" });
      expect(await it.tx((tx) => tx.inbound.counts("t"))).toEqual([
        { source: "r", status: "SUCCEEDED", count: 1 },
        { source: "s", status: "FAILED", count: 1 },
        { source: "s", status: "SUCCEEDED", count: 1 },
      ]);
      expect((await it.tx((tx) => tx.inbound.counts())).find(({ source, status }) => source === "s" && status === "SUCCEEDED")?.count).toBe(2);
    });

    test("are pruned by their age, some at a time, of one tenant or of all; never one that is tried again", async () => {
      await using it = await opened();
      await it.tx(async (tx) => {
        for (const id of ["1", "2", "3"]) await tx.inbound.insert(event(id));
        await tx.inbound.insert(event("4", failure));
        await tx.inbound.insert(event("5", { status: "PARKED" }));
        await tx.inbound.insert(event("6", { tenant: "u" }));
      });
      const prune = (ageMs: number, tenant?: string) => it.tx((tx) => tx.inbound.prune(ageMs, 3, tenant));
      expect(await prune(60_000)).toBe(0);
      // Older than what is to come.
      expect([await prune(-60_000, "t"), await prune(-60_000, "t"), await prune(-60_000, "t")]).toEqual([3, 1, 0]);
      expect(await it.tx((tx) => tx.inbound.find("s", "event-4"))).toBeDefined();
      expect([await prune(-60_000), await it.tx((tx) => tx.inbound.find("s", "event-6"))]).toEqual([1, undefined]);
    });
  });

  describe("how far a source was read", () => {
    const fresh = { cursor: undefined, run: 0, dueAt: 0, failures: 0, succeededAt: undefined, failedAt: undefined, error: "", isStarved: false };

    test("is written at the first look, kept as it was saved, and begun anew in another place; rounds are counted on", async () => {
      await using it = await opened();
      const lock = (place: string) => it.tx((tx) => tx.inboundPolls.lock("s", place));
      const first = await lock("p");
      expect(first).toEqual({ ...fresh, source: "s", place: "p", since: expect.any(Number), now: expect.any(Number) });
      const saved: PollState = {
        ...first,
        cursor: `${"größe".repeat(200)}`,
        run: 7,
        dueAt: 5,
        failures: 2,
        succeededAt: 3,
        failedAt: 4,
        error: "HTTP 500",
        isStarved: true,
      };
      await it.tx((tx) => tx.inboundPolls.save(saved));
      expect(await lock("p")).toEqual({ ...saved, now: expect.any(Number) });
      await it.tx((tx) => tx.inboundPolls.lock("r", "p"));
      const list = await it.tx((tx) => tx.inboundPolls.list());
      expect(list.map(({ source, run }) => [source, run])).toEqual([
        ["r", 0],
        ["s", 7],
      ]);
      expect(await lock("q")).toMatchObject({ ...fresh, place: "q", run: 7 });
      expect(await it.tx((tx) => tx.inboundPolls.list())).toMatchObject([{ source: "r" }, { source: "s", cursor: undefined }]);
    });

    test("is one row, also when several look first at once under its lease, which each of them holds until its end", async () => {
      await using it = await opened();
      const second = (await it.another?.()) ?? it.store;
      const turn = (store: MusterStore, owner: string) =>
        store.tx(async (tx) => {
          if (!(await tx.leases.acquire("inbound-poll/s", owner, 60_000))) return undefined;
          const state = await tx.inboundPolls.lock("s", "p");
          await tx.inboundPolls.save({ ...state, run: state.run + 1 });
          return state.run;
        });
      await it.tx((tx) => tx.leases.acquire("inbound-poll/s", "one", 60_000));
      const turns = await Promise.all(Array.from({ length: 10 }, (_, n) => turn(n % 2 ? it.store : second, "one")));
      expect(turns.toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(await turn(second, "two")).toBeUndefined();
    });
  });
}
