/** What is shown on although the catalog lost it, and until when. */
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { unavailable } from "../../src/kernel/errors.ts";
import { createHeld, type Held } from "../../src/registration/discovery/held.ts";
import type { CatalogInstance } from "../../src/registration/ports.ts";
import type { RegistrationStore } from "../../src/registration/records.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { key, registration } from "../contract/store/fixtures.ts";
import { manualClock } from "../support/manual-clock.ts";

const instance: CatalogInstance = {
  ...key,
  attemptId: "a",
  address: key.host,
  tags: [],
  meta: {},
  status: "warning",
  onTrial: false,
  checks: [],
};
const trial = { ...instance, attemptId: "b", onTrial: true };

/** `a` is registered; `changed` counts what was reported. */
async function open(holdMs?: number) {
  const clock = manualClock(1_000_000);
  const store = await openSqliteStore({ path: ":memory:", clock });
  await store.tx((tx) => tx.registrations.insert(registration("a", { state: "ACTIVE" })));
  const it: { changed: number; away: boolean; denied: string | undefined } = { changed: 0, away: false, denied: undefined };
  const failing: RegistrationStore = { ...store, tx: (work) => (it.away ? Promise.reject(unavailable("store", "scripted")) : store.tx(work)) };
  const held: Held = createHeld({ store: failing, clock, log: () => undefined, holdMs, judge: () => it.denied, onChange: () => void (it.changed += 1) });
  const settled = async () => {
    for (let round = 0; round < 10; round++) await turn();
    return [...held.instances().keys()].map(({ attemptId }) => attemptId);
  };
  return {
    it,
    clock,
    store,
    held,
    settled,
    async later(ms = 1_000) {
      await clock.pass(ms);
      return settled();
    },
    async [Symbol.asyncDispose]() {
      await held[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

test("what is registered is held, with the health it had, until it is back", async () => {
  await using it = await open();
  it.held.follow([instance], [], 7);
  expect([...it.held.instances()]).toEqual([[instance, 7]]);
  expect(await it.settled()).toEqual(["a"]);
  expect(await it.later(120_000)).toEqual(["a"]);
  it.held.follow([instance], [trial], 7);
  expect(await it.settled()).toEqual(["a"]);
  it.held.follow([instance], [instance], 7);
  expect(await it.settled()).toEqual([]);
});

test("what another attempt or somebody else has replaced is not gone", async () => {
  await using it = await open();
  for (const next of [
    { ...instance, attemptId: "b" },
    { ...instance, attemptId: undefined },
    { ...instance, onTrial: true },
  ]) {
    it.held.follow([instance], [next], 7);
    expect([...it.held.instances()]).toEqual([]);
  }
});

test("what is not registered any more goes at once, and what is unregistered or found critical later, a second later", async () => {
  await using it = await open();
  it.held.follow([{ ...instance, attemptId: "unknown" }], [], 7);
  expect(await it.settled()).toEqual([]);
  expect(it.it.changed).toBe(1);

  it.held.follow([instance], [], 7);
  await it.settled();
  await it.store.tx((tx) => tx.criticals.insert({ registrationId: "a", serviceId: key.serviceId, name: key.name, since: 1 }));
  expect(await it.later()).toEqual([]);
  await it.store.tx((tx) => tx.criticals.delete("a"));

  it.held.follow([instance], [], 7);
  expect(await it.settled()).toEqual(["a"]);
  await it.store.tx((tx) => tx.registrations.endAll(key.serviceId, 1));
  expect(await it.later()).toEqual([]);
  expect(it.it.changed).toBe(3);
});

test("where nothing reconciles it is held for as long as it is said, and nothing is taken up at the start", async () => {
  await using it = await open(60_000);
  await it.held.begin([]);
  expect([...it.held.instances()]).toEqual([]);
  it.held.follow([instance], [], 7);
  for (let second = 1; second < 60; second++) expect(await it.later()).toEqual(["a"]);
  expect(await it.later(2_000)).toEqual([]);
});

test("at the start it is what the record has and the catalog lacks, but for trials and for what is known as critical", async () => {
  await using it = await open();
  const others = ["own-trial", "critical", "listed"].map((id) => registration(id, { serviceId: id, state: "ACTIVE" }));
  await it.store.tx(async (tx) => {
    for (const one of others) await tx.registrations.insert(one);
    await tx.criticals.insert({ registrationId: "critical", serviceId: "critical", name: key.name, since: 1 });
  });
  const listed = (id: string, onTrial: boolean) => ({ ...instance, serviceId: id, attemptId: id, onTrial });
  await it.held.begin([listed("own-trial", true), listed("listed", false)]);
  expect([...it.held.instances().keys()]).toMatchObject([{ attemptId: "a", status: "passing", serviceId: key.serviceId, address: key.host, port: key.port }]);
});

test("a store that is away changes nothing of what is held, and delays what is taken up", async () => {
  await using it = await open();
  it.it.away = true;
  const begun = it.held.begin([]);
  await it.settled();
  await it.later();
  await begun;
  expect([...it.held.instances()]).toEqual([]);
  it.it.away = false;
  await it.later();
  expect(await it.later()).toEqual(["a"]);
  it.it.away = true;
  await it.store.tx((tx) => tx.registrations.endAll(key.serviceId, 1));
  expect(await it.later(10_000)).toEqual(["a"]);
  it.it.away = false;
  expect(await it.later()).toEqual([]);
});

test("what may not be dialled any more is not held, neither from the beginning nor later", async () => {
  await using it = await open();
  it.it.denied = "is outside the allowed ranges";
  await it.held.begin([]);
  expect(it.held.instances().size).toBe(0);
  it.held.follow([instance], [], undefined);
  expect(await it.later()).toEqual([]);
  it.it.denied = undefined;
  it.held.follow([instance], [], undefined);
  expect(await it.later()).toEqual(["a"]);
});
