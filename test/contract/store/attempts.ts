import { describe, expect, test } from "vitest";
import { DomainError } from "../../../src/kernel/errors.ts";
import type { Attempt } from "../../../src/registration/records.ts";
import { refusalOf, type StoreBackend } from "./backend.ts";
import { attempt, event, someTime } from "./fixtures.ts";

const lease = { owner: "owner", epoch: 1 };

export function attemptTests(backend: StoreBackend): void {
  describe("attempts", () => {
    test("come back as they were written, with every optional field or none", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const bare = attempt("bare");
      const full = attempt("full", {
        requestId: "request-1",
        state: "UNWINDING",
        cursor: 3,
        generation: 7,
        lastSequence: 2,
        outcome: "UNCHANGED",
        error: { kind: "timeout", reason: "HEALTH_TIMEOUT", message: "too slow", metadata: { after: "60s" } },
        cancelRequested: true,
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      });
      const events = [event("full", 1, { serviceId: "s" }), event("full", 2, { type: "COMPLETED", outcome: "ACTIVE", metadata: { b: "1", a: "2" } })];
      await store.tx(async (tx) => {
        await tx.attempts.insert(bare, [], 60_000);
        await tx.attempts.insert(full, events, 60_000);
      });
      await store.tx(async (tx) => {
        expect(await tx.attempts.find("bare")).toEqual(bare);
        expect(await tx.attempts.find("full")).toEqual(full);
        expect(await tx.attempts.findLive("full-service")).toEqual(full);
        expect(await tx.attempts.findByRequestId("tester", "request-1")).toEqual(full);
        expect(await tx.attempts.events("full", 0)).toEqual(events);
        expect(await tx.attempts.events("full", 1)).toEqual(events.slice(1));
        expect(await tx.attempts.events("bare", 0)).toEqual([]);
        expect(await tx.attempts.find("none")).toBeUndefined();
        expect(await tx.attempts.lock("full")).toEqual(full);
        expect(await tx.attempts.lock("none")).toBeUndefined();
        expect(await tx.attempts.findLive("none")).toBeUndefined();
        expect(await tx.attempts.findByRequestId("tester", "none")).toBeUndefined();
      });
    });

    test("refuse a second live one for a service id, and a request id for ever", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const insert = (given: Attempt): Promise<void> => store.tx((tx) => tx.attempts.insert(given, [], 60_000));
      await insert(attempt("a", { serviceId: "s", requestId: "r" }));
      const second = await refusalOf(insert(attempt("b", { serviceId: "s" })));
      expect(second).toMatchObject({ kind: "conflict", reason: "ATTEMPT_IN_FLIGHT" });
      const reused = await refusalOf(insert(attempt("c", { requestId: "r" })));
      expect(reused).toMatchObject({ kind: "conflict", reason: "REQUEST_ID_REUSED" });
      await store.tx((tx) => tx.attempts.advance({ id: "a", lease, lastSequence: 1 }, { state: "COMPLETED" }));
      expect((await refusalOf(insert(attempt("d", { serviceId: "s", requestId: "r" })))).reason).toBe("REQUEST_ID_REUSED");
      await insert(attempt("of another", { serviceId: "t", requestId: "r", actor: "somebody else" }));
      expect((await store.tx((tx) => tx.attempts.findByRequestId("somebody else", "r")))?.id).toBe("of another");
      await insert(attempt("e", { serviceId: "s" }));
      expect((await store.tx((tx) => tx.attempts.findLive("s")))?.id).toBe("e");
    });

    test("prune deletes what has ended and is old, the oldest first, with its events", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const ended = { state: "COMPLETED", outcome: "ACTIVE" } as const;
      const given = [
        attempt("1-stuck", { state: "STUCK" }),
        attempt("2-old", ended),
        attempt("3-old", { state: "ROLLED_BACK" }),
        attempt("4-running"),
        attempt("5-unchanged", { state: "COMPLETED", outcome: "UNCHANGED" }),
        attempt("6-young", ended),
        attempt("7-unchanged", { state: "COMPLETED", outcome: "UNCHANGED" }),
      ];
      await store.tx(async (tx) => {
        for (const it of given) await tx.attempts.insert(it, [event(it.id, 1)], 60_000);
      });
      const prune = (limit: number) => store.tx((tx) => tx.attempts.prune({ belowId: "5", unchangedBelowId: "7", limit }));
      const left = () => store.tx(async (tx) => (await tx.attempts.list({ limit: 10 })).map(({ id }) => id).toReversed());
      expect(await prune(1)).toBe(1);
      expect(await left()).toEqual(given.map(({ id }) => id).filter((id) => id !== "2-old"));
      expect(await prune(10)).toBe(2);
      expect(await prune(10)).toBe(0);
      expect(await left()).toEqual(["1-stuck", "4-running", "6-young", "7-unchanged"]);
      expect(await store.tx((tx) => tx.attempts.events("2-old", 0))).toEqual([]);
      expect(await store.tx((tx) => tx.attempts.events("6-young", 0))).toHaveLength(1);
    });

    test("an error that was thrown keeps its text", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx((tx) => tx.attempts.insert(attempt("a"), [event("a", 1)], 60_000));
      const error = new DomainError({ kind: "unavailable", reason: "DEPENDENCY_UNAVAILABLE", message: "down", metadata: { dependency: "catalog" } });
      await store.tx((tx) => tx.attempts.advance({ id: "a", lease, lastSequence: 1 }, { state: "UNWINDING", error }));
      const { reason, message, metadata } = error;
      expect((await store.tx((tx) => tx.attempts.find("a")))?.error).toMatchObject({ reason, message, metadata });
    });

    test("advance: patch and event together", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx((tx) => tx.attempts.insert(attempt("a"), [event("a", 1)], 60_000));
      const error = { kind: "unavailable", reason: "DEPENDENCY_UNAVAILABLE", message: "down" } as const;
      const patch = { state: "UNWINDING", cursor: 2, error, updatedAt: someTime + 5 } as const;
      expect(await store.tx((tx) => tx.attempts.advance({ id: "a", lease, lastSequence: 1 }, patch, event("a", 2)))).toBe(true);
      expect(await store.tx((tx) => tx.attempts.find("a"))).toEqual(attempt("a", { ...patch, lastSequence: 2 }));
      expect(await store.tx((tx) => tx.attempts.events("a", 1))).toEqual([event("a", 2)]);
      expect(await store.tx((tx) => tx.attempts.advance({ id: "a", lease, lastSequence: 2 }, {}))).toBe(true);
      await store.tx((tx) => tx.attempts.advance({ id: "a", lease, lastSequence: 2 }, { error: undefined, outcome: "ACTIVE" }));
      expect(await store.tx((tx) => tx.attempts.find("a"))).toMatchObject({ error: undefined, outcome: "ACTIVE", state: "UNWINDING" });
    });

    test.for([
      ["another owner", { id: "a", lease: { owner: "other", epoch: 1 }, lastSequence: 1 }],
      ["an older epoch", { id: "a", lease: { owner: "owner", epoch: 0 }, lastSequence: 1 }],
      ["a newer epoch", { id: "a", lease: { owner: "owner", epoch: 2 }, lastSequence: 1 }],
      ["an older sequence", { id: "a", lease, lastSequence: 0 }],
      ["a newer sequence", { id: "a", lease, lastSequence: 2 }],
      ["an unknown id", { id: "b", lease, lastSequence: 1 }],
    ] as const)("advance with %s changes nothing", async ([_title, at]) => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx((tx) => tx.attempts.insert(attempt("a"), [event("a", 1)], 60_000));
      expect(await store.tx((tx) => tx.attempts.advance(at, { state: "COMPLETED", cursor: 9 }, event(at.id, 3)))).toBe(false);
      expect(await store.tx((tx) => tx.attempts.find("a"))).toEqual(attempt("a"));
      expect(await store.tx((tx) => tx.attempts.events("a", 0))).toEqual([event("a", 1)]);
    });

    test("a final state frees the service id, STUCK too", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      for (const state of ["COMPLETED", "ROLLED_BACK", "STUCK"] as const) {
        await store.tx((tx) => tx.attempts.insert(attempt(state, { serviceId: "s" }), [], 60_000));
        await store.tx((tx) => tx.attempts.advance({ id: state, lease, lastSequence: 1 }, { state }));
        expect(await store.tx((tx) => tx.attempts.findLive("s"))).toBeUndefined();
      }
    });

    test("a STUCK one cannot go live again beside another", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const move = (state: Attempt["state"]) => store.tx((tx) => tx.attempts.advance({ id: "a", lease, lastSequence: 1 }, { state }));
      await store.tx((tx) => tx.attempts.insert(attempt("a", { serviceId: "s" }), [], 60_000));
      await move("STUCK");
      expect(await move("UNWINDING")).toBe(true);
      await move("STUCK");
      await store.tx((tx) => tx.attempts.insert(attempt("b", { serviceId: "s" }), [], 60_000));
      expect((await refusalOf(move("UNWINDING"))).kind).toBe("conflict");
    });

    test("cancellation is asked for live attempts only", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx(async (tx) => {
        for (const id of ["a", "b"]) await tx.attempts.insert(attempt(id), [], 60_000);
        await tx.attempts.insert(attempt("done", { state: "COMPLETED" }), [], 60_000);
        for (const id of ["a", "done", "none"]) await tx.attempts.requestCancel(id);
      });
      await store.tx(async (tx) => {
        expect(await tx.attempts.cancelRequested(["a", "b", "done", "none"])).toEqual(["a"]);
        expect(await tx.attempts.cancelRequested(["b"])).toEqual([]);
        expect(await tx.attempts.cancelRequested([])).toEqual([]);
        expect((await tx.attempts.find("a"))?.cancelRequested).toBe(true);
      });
    });

    test("are listed newest first, a page at a time, by each filter", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await store.tx(async (tx) => {
        for (const number of [3, 1, 5, 2, 4]) {
          const odd = number % 2 === 1;
          const changes = { name: odd ? "odd" : "even", serviceId: odd ? "s-odd" : "s-even", createdAt: number * 100 };
          await tx.attempts.insert(attempt(`a${number}`, { ...changes, state: number > 3 ? "ROLLED_BACK" : "COMPLETED" }), [], 0);
        }
      });
      const list = async (filter: object): Promise<string> =>
        (await store.tx((tx) => tx.attempts.list({ limit: 10, ...filter }))).map(({ id }) => id).join(" ");
      expect(await list({})).toBe("a5 a4 a3 a2 a1");
      // Hundreds of lists at once would read hundreds of requests each, of up to a megabyte.
      expect((await store.tx((tx) => tx.attempts.list({ limit: 1 })))[0]).not.toHaveProperty("request");
      expect(await list({ limit: 2 })).toBe("a5 a4");
      expect(await list({ limit: 2, beforeId: "a4" })).toBe("a3 a2");
      expect(await list({ beforeId: "a1" })).toBe("");
      expect(await list({ name: "odd" })).toBe("a5 a3 a1");
      expect(await list({ serviceId: "s-even" })).toBe("a4 a2");
      expect(await list({ states: ["ROLLED_BACK"] })).toBe("a5 a4");
      expect(await list({ states: ["ROLLED_BACK", "COMPLETED"] })).toBe("a5 a4 a3 a2 a1");
      expect(await list({ states: [] })).toBe("a5 a4 a3 a2 a1");
      expect(await list({ createdAfter: 300 })).toBe("a5 a4 a3");
      expect(await list({ createdBefore: 300 })).toBe("a2 a1");
      expect(await list({ name: "odd", states: ["COMPLETED"], createdAfter: 200, beforeId: "a5" })).toBe("a3");
      expect(await store.tx((tx) => tx.attempts.countByState())).toEqual({ COMPLETED: 3, ROLLED_BACK: 2 });
    });
  });
}
