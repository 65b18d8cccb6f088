/** How much a round of reconciling does at once, and that it stops when another replica has its lease. */
import { expect, test } from "vitest";
import { createReconciler, type ReconcileReport } from "../../src/registration/reconcile/round.ts";
import { entryOfRegistration } from "../../src/registration/reconcile/show-entry.ts";
import { registration } from "../contract/store/fixtures.ts";
import { manualClock } from "../support/manual-clock.ts";
import { openWorkshop } from "../support/workshop.ts";

const soon = () => AbortSignal.timeout(60_000);

/** A record of `total` registrations, the first `missing` of which the catalog does not have, and a round that is under way. */
async function open(total: number, missing: number) {
  const clock = manualClock(1_000_000);
  const workshop = await openWorkshop({ clock });
  const { store, ports, ids } = workshop;
  for (let index = 0; index < total; index++) {
    const id = `r${String(index).padStart(4, "0")}`;
    const row = registration(id, { serviceId: id, name: id, state: "ACTIVE" });
    await store.tx((tx) => tx.registrations.insert(row));
    if (index >= missing) await ports.catalog.promote(entryOfRegistration(row), soon());
  }
  const reports: ReconcileReport[] = [];
  const reconciler = createReconciler({
    ports,
    ids,
    reapAfterMs: 60_000,
    log: () => undefined,
    owner: "mine",
    mode: "on",
    seenAt: () => clock.now(),
    onRound: (report) => void reports.push(report),
  });
  return { ...workshop, clock, reports, reconciler, entries: async () => (await ports.catalog.instances({}, soon())).length };
}

test("at most 25 acts a second", async () => {
  await using it = await open(200, 35);
  const running = it.reconciler.round(soon());
  // A first look is doubted: three of them, two seconds apart.
  await it.clock.pass(4_000);
  expect(await it.entries()).toBe(190);
  await it.clock.pass(999);
  expect(await it.entries()).toBe(190);
  await it.clock.pass(1);
  expect(await running).toBe(false);
  expect(await it.entries()).toBe(200);
  expect(it.reports.at(-1)?.actions).toEqual({ restored: 35 });
});

test("what is left when the lease is lost is left to who has it", async () => {
  await using it = await open(200, 35);
  const running = it.reconciler.round(soon());
  await it.clock.pass(4_000);
  await it.store.tx(async (tx) => {
    await tx.leases.expireLeases();
    await tx.leases.acquire("reconcile", "another", 60_000);
  });
  await it.clock.pass(2_000);
  await running;
  expect(await it.entries()).toBe(190);
  expect(it.reports.at(-1)?.actions).toEqual({ restored: 25 });
});

test("an act that fails is counted and does not hold up the others", async () => {
  await using it = await open(20, 2);
  const { instance } = it;
  let calls = 0;
  instance.health = () => {
    calls += 1;
    if (calls === 1) throw new Error("scripted");
    return { status: "serving" };
  };
  const running = it.reconciler.round(soon());
  await it.clock.pass(5_000);
  await running;
  expect(it.reports.at(-1)?.actions).toEqual({ failed: 1, restored: 1 });
});
