/** What reconciling does about registrations whose address a tighter configuration does not allow any more. */
import { expect, test } from "vitest";
import { createReconciler, type ReconcileReport } from "../../src/registration/reconcile/round.ts";
import { manualClock } from "../support/manual-clock.ts";
import { inputFor, openWorkshop, serving } from "../support/workshop.ts";

const soon = () => AbortSignal.timeout(60_000);
const minute = 60_000;

test("it is not dialled and not put back, and is taken off the platform after the grace", async () => {
  const clock = manualClock(1_000_000);
  await using workshop = await openWorkshop({ clock });
  const { ports, ids, store } = workshop;
  const replica = workshop.replica();
  const { attemptId: id } = await replica.register(inputFor("parser", { type: "SERVICE" }));
  await replica.events(id);
  const registration = (await store.tx((tx) => tx.registrations.find(id)))!;
  let asked = 0;
  workshop.instance.health = () => ((asked += 1), serving);
  let isDenied = true;
  const reports: ReconcileReport[] = [];
  const logged: string[] = [];
  const reconciler = createReconciler({
    ports,
    ids,
    reapAfterMs: 5 * minute,
    judge: (address) => (isDenied && address === registration.address ? "is outside the allowed ranges" : undefined),
    log: (_level, event) => void logged.push(event),
    owner: "mine",
    mode: "on",
    seenAt: () => clock.now(),
    onRound: (report) => void reports.push(report),
  });
  const round = async () => {
    const running = reconciler.round(soon());
    await clock.pass(5_000);
    await running;
  };
  const state = async () => (await store.tx((tx) => tx.registrations.find(id)))?.state;
  const entries = () => ports.catalog.instances({}, soon());

  await ports.catalog.deregister(registration.serviceId, id, soon());
  asked = 0;
  await round();
  await round();
  expect([await state(), await entries(), asked]).toEqual(["ACTIVE", [], 0]);
  expect(logged.filter((event) => event === "reconcile.address-denied")).toHaveLength(1);

  isDenied = false;
  await round();
  await round();
  expect(reports.some(({ actions }) => actions.restored === 1)).toBe(true);
  expect(await entries()).toMatchObject([{ attemptId: id }]);

  isDenied = true;
  await round();
  expect(await state()).toBe("ACTIVE");
  await clock.pass(5 * minute);
  await round();
  expect([await state(), reports.at(-1)?.actions]).toMatchObject(["UNREGISTERED", { reaped: 1 }]);
  expect((await workshop.audit("parser")).at(-1)).toMatchObject({ actor: "muster", detail: { reason: "its address is outside the allowed ranges" } });
});
