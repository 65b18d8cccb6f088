import { describe, expect, test } from "vitest";
import type { Attempt, RegistrationStore } from "../../../src/registration/records.ts";
import type { StoreBackend } from "./backend.ts";
import { attempt, event } from "./fixtures.ts";

const lease = { owner: "owner", epoch: 1 };
const minute = 60_000;

export function leaseTests(backend: StoreBackend): void {
  describe("leases of attempts", () => {
    test("of 0 ms have ended at once; others have not", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await insert(store, attempt("ended"), 0);
      await insert(store, attempt("held"), minute);
      const claimed = await claim(store, "next");
      expect(claimed).toEqual([attempt("ended", { lease: { owner: "next", epoch: 2 } })]);
      expect(await store.tx((tx) => tx.attempts.find("ended"))).toEqual(claimed[0]);
      expect(await claim(store, "third")).toEqual([]);
    });

    test("who lost one cannot advance, who took it can", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await insert(store, attempt("a"), 0);
      await claim(store, "next");
      const advance = (held: Attempt["lease"]) =>
        store.tx((tx) => tx.attempts.advance({ id: "a", lease: held, lastSequence: 1 }, { cursor: 1 }, event("a", 2)));
      expect(await advance(lease)).toBe(false);
      expect(await advance({ owner: "next", epoch: 2 })).toBe(true);
    });

    test("taken again by the same owner have a new epoch", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await insert(store, attempt("a"), 0);
      expect((await claim(store, "owner", 0))[0]?.lease).toEqual({ owner: "owner", epoch: 2 });
      expect((await claim(store, "owner", 0))[0]?.lease).toEqual({ owner: "owner", epoch: 3 });
    });

    test("are prolonged for the ids given, if they are the owner's and live", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await insert(store, attempt("mine"), 0);
      await insert(store, attempt("not named"), 0);
      await insert(store, attempt("another's", { lease: { owner: "other", epoch: 1 } }), 0);
      await insert(store, attempt("stuck"), 0);
      await store.tx((tx) => tx.attempts.advance({ id: "stuck", lease, lastSequence: 1 }, { state: "STUCK" }));
      const held = await store.tx((tx) => tx.attempts.renewLeases("owner", ["mine", "another's", "stuck"], minute));
      expect(held.toSorted()).toEqual(["mine", "stuck"]);
      expect(await store.tx((tx) => tx.attempts.renewLeases("owner", [], minute))).toEqual([]);
      expect(ids(await claim(store, "next"))).toEqual(["another's", "not named", "stuck"]);
    });

    test("are not taken from those who are left out", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      for (const id of ["a", "b", "c"]) await insert(store, attempt(id), 0);
      const claimed = await store.tx((tx) => tx.attempts.claimExpired("next", minute, 100, ["a", "c"]));
      expect(ids(claimed)).toEqual(["b"]);
    });

    test("may be shortened by renewing", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await insert(store, attempt("a"), minute);
      await store.tx((tx) => tx.attempts.renewLeases("owner", ["a"], 0));
      expect(ids(await claim(store, "next"))).toEqual(["a"]);
    });

    test("finished attempts are never taken; a STUCK one is when its lease has ended", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      for (const state of ["COMPLETED", "ROLLED_BACK", "STUCK"] as const) {
        await insert(store, attempt(`${state} in time`), minute);
        await insert(store, attempt(`${state} late`), 0);
        for (const id of [`${state} in time`, `${state} late`]) {
          await store.tx((tx) => tx.attempts.advance({ id, lease, lastSequence: 1 }, { state }));
        }
        await insert(store, attempt(`${state} from the start`, { state }), 0);
      }
      expect(ids(await claim(store, "next"))).toEqual(["STUCK from the start", "STUCK late"]);
      await store.tx((tx) => tx.attempts.expireLeases());
      expect(ids(await claim(store, "next"))).toEqual(["STUCK from the start", "STUCK in time", "STUCK late"]);
    });

    test("end all at once", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      for (const id of ["a", "b"]) await insert(store, attempt(id), minute);
      await store.tx((tx) => tx.attempts.expireLeases());
      expect(ids(await claim(store, "next"))).toEqual(["a", "b"]);
    });

    test("are taken up to the limit, each by one of several owners", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const second = (await opened.another?.()) ?? store;
      const all = Array.from({ length: 20 }, (_, number) => `a${String(number).padStart(2, "0")}`);
      await store.tx(async (tx) => {
        for (const id of all) await tx.attempts.insert(attempt(id), [], 0);
      });
      const taken = await Promise.all(
        [store, second, store, second].map(async (from, number) => {
          const mine: string[] = [];
          for (;;) {
            const claimed = await from.tx((tx) => tx.attempts.claimExpired(`owner ${number}`, minute, 3));
            expect(claimed.length).toBeLessThanOrEqual(3);
            if (claimed.length === 0) return mine;
            mine.push(...claimed.map(({ id }) => id));
          }
        }),
      );
      expect(taken.flat().toSorted()).toEqual(all);
    });
  });

  describe("named leases", () => {
    test("belong to one owner until they end or are given back", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const acquire = (owner: string, ms: number, name = "relay") => store.tx((tx) => tx.leases.acquire(name, owner, ms));
      expect(await acquire("one", minute)).toBe(true);
      expect(await acquire("one", minute)).toBe(true);
      expect(await acquire("two", minute)).toBe(false);
      expect(await acquire("two", minute, "sweep")).toBe(true);
      await store.tx((tx) => tx.leases.release("relay", "two"));
      expect(await acquire("two", minute)).toBe(false);
      await store.tx((tx) => tx.leases.release("relay", "one"));
      expect(await acquire("two", 0)).toBe(true);
      expect(await acquire("one", minute)).toBe(true);
    });

    test("end all at once, whoever has them", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const acquire = (name: string, owner: string) => store.tx((tx) => tx.leases.acquire(name, owner, minute));
      for (const name of ["relay", "sweep"]) await acquire(name, "one");
      await store.tx((tx) => tx.leases.expireLeases());
      expect([await acquire("relay", "two"), await acquire("sweep", "three")]).toEqual([true, true]);
    });

    test("go to one of many that want a new one at once, and to one when it ends", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const second = (await opened.another?.()) ?? store;
      const everybody = () =>
        Promise.all(Array.from({ length: 10 }, (_, number) => (number % 2 ? store : second).tx((tx) => tx.leases.acquire("relay", `owner ${number}`, minute))));
      expect((await everybody()).filter(Boolean)).toHaveLength(1);
      await store.tx(async (tx) => {
        for (let number = 0; number < 10; number++) await tx.leases.release("relay", `owner ${number}`);
        await tx.leases.acquire("relay", "before", 0);
      });
      expect((await everybody()).filter(Boolean)).toHaveLength(1);
    });
  });
}

function insert(store: RegistrationStore, given: Attempt, leaseMs: number): Promise<void> {
  return store.tx((tx) => tx.attempts.insert(given, [], leaseMs));
}

function claim(store: RegistrationStore, owner: string, leaseMs = minute): Promise<readonly Attempt[]> {
  return store.tx((tx) => tx.attempts.claimExpired(owner, leaseMs, 100));
}

function ids(attempts: readonly Attempt[]): readonly string[] {
  return attempts.map(({ id }) => id).toSorted();
}
