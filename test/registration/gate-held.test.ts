/** Instances that wait for an approval, and ask again and again. */
import { expect, test } from "vitest";
import { principalOf } from "../../src/kernel/caller.ts";
import type { Ask } from "../../src/registration/gate/gate-records.ts";
import { createFindHeld } from "../../src/registration/gate/held.ts";
import type { RegistrationStore } from "../../src/registration/records.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import * as fixtures from "../contract/store/fixtures.ts";
import { manualClock } from "../support/manual-clock.ts";

const caller = principalOf("tokens", "tester", ["registrar"]);
const count = 1_000;

function askOf(index: number): Ask {
  return {
    ...fixtures.attempt(`a-${index}`),
    serviceId: `parser-127.0.0.1-${index}`,
    approvalId: "approval",
    requestHash: "hash",
    address: "127.0.0.1",
    actor: caller.key,
    digest: "digest",
    attemptId: `a-${index}`,
    askedAt: 0,
    isAdmitted: false,
    shown: {},
  };
}

/** A store with a thousand asks, of which the transactions and the asks that are written are counted. */
async function openAsking() {
  const clock = manualClock(0);
  const store = await openSqliteStore({ path: ":memory:", clock });
  const seen = { transactions: 0, touched: 0, isOff: false };
  const counting: RegistrationStore = {
    ...store,
    exclusive: store.exclusive,
    tx: (work) => {
      seen.transactions += 1;
      return store.tx((tx) => {
        const touch: typeof tx.asks.touch = (ids, at) => {
          seen.touched += ids.length;
          return tx.asks.touch(ids, at);
        };
        return work({ ...tx, asks: { ...tx.asks, touch } });
      });
    },
  };
  await store.tx(async (tx) => {
    for (let index = 0; index < count; index++) {
      const ask = askOf(index);
      await tx.instances.claim({ serviceId: ask.serviceId, name: ask.name, host: "127.0.0.1", port: index });
      await tx.asks.put(ask);
    }
  });
  const findHeld = createFindHeld({ store: counting, clock, gate: { wasOff: () => seen.isOff } });
  const asked = (index: number, hash = "hash") => ({ serviceId: `parser-127.0.0.1-${index}`, hash, address: "127.0.0.1" });
  return { clock, store, seen, findHeld, asked, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

test("a thousand that ask every second share their queries, and are written once a minute each", async () => {
  await using the = await openAsking();
  for (let second = 1; second <= 120; second++) {
    await the.clock.pass(1_000);
    const found = await Promise.all(Array.from({ length: count }, (_, index) => the.findHeld(the.asked(index), caller)));
    expect(found.every((ask) => ask !== undefined)).toBe(true);
  }
  expect(the.seen.touched).toBe(2 * count);
  // Five hundred a query, and one that has begun when the others come.
  expect(the.seen.transactions).toBeLessThanOrEqual(120 * 3);
});

test("only who asked, or an admin, is answered from the ask, and only for the same request, while it waits", async () => {
  await using the = await openAsking();
  expect(await the.findHeld(the.asked(1), principalOf("tokens", "other", ["registrar"]))).toBeUndefined();
  expect(await the.findHeld(the.asked(1), principalOf("tokens", "root", ["admin"]))).toBeDefined();
  expect(await the.findHeld(the.asked(1, "another"), caller)).toBeUndefined();
  expect(await the.findHeld({ ...the.asked(1), address: "10.0.0.1" }, caller)).toBeUndefined();
  await the.store.tx((tx) => tx.asks.setAdmitted("approval"));
  expect(await the.findHeld(the.asked(1), caller)).toBeUndefined();
});

test("while the gate is off nothing is read", async () => {
  await using the = await openAsking();
  the.seen.isOff = true;
  expect(await the.findHeld(the.asked(1), caller)).toBeUndefined();
  expect(the.seen.transactions).toBe(0);
  the.seen.isOff = false;
  expect(await the.findHeld(the.asked(1), caller)).toBeDefined();
});
