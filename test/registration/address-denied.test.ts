/** What is done about registrations whose address a tighter configuration does not allow any more. */
import { expect, test } from "vitest";
import { showTask } from "../../src/registration/task-types.ts";
import { registrationTasks } from "../../src/registration/tasks.ts";
import { updateTags } from "../../src/registration/update-tags.ts";
import { createReconciler, type ReconcileReport } from "../../src/registration/reconcile/round.ts";
import { manualClock } from "../support/manual-clock.ts";
import { caller, inputFor, openWorkshop, serving, withTx } from "../support/workshop.ts";

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
    ports: { ...ports, judge: (address) => (isDenied && address === registration.address ? "is outside the allowed ranges" : undefined) },
    ids,
    reapAfterMs: 5 * minute,
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

test("UpdateTags is refused, and the task of an earlier one does not write its entry", async () => {
  let isDenied = false;
  await using workshop = await openWorkshop({
    decorate: (given) => ({ ...given, judge: () => (isDenied ? "is outside the allowed ranges" : undefined) }),
  });
  const { ports, ids, store } = workshop;
  const replica = workshop.replica();
  const { attemptId } = await replica.register(inputFor("parser", { type: "SERVICE", tags: ["blue"] }));
  const { serviceId } = (await replica.events(attemptId)).at(-1) ?? {};
  const set = (tag: string) => updateTags({ ports, ids, runTask: async () => false }, { serviceId: serviceId ?? "", tags: [tag] }, caller);
  const shown = async () => (await ports.catalog.instances({}, soon())).flatMap(({ tags }) => tags);
  await set("green");
  isDenied = true;
  await expect(set("red")).rejects.toMatchObject({ kind: "wrong_state", reason: "HOST_DENIED" });
  const [task] = await store.tx((tx) => tx.tasks.claim("show", 0, 9));
  const show = registrationTasks({ ports, ids, log: () => undefined, runner: replica.runner, progress: replica.progress }).find(({ kind }) => kind === "show");
  await show?.run(showTask.parse(JSON.parse(task?.payload ?? "")), soon());
  expect(await shown()).toEqual(["blue"]);
  isDenied = false;
  await show?.run({ registrationId: attemptId }, soon());
  expect(await shown()).toEqual(["green"]);
});

test("an attempt that fails after its promotion does not put such a former entry back", async () => {
  let isTightened = false;
  let address = "";
  const denied = new Set<string>();
  await using workshop = await openWorkshop({
    decorate: (given) => ({
      ...withTx(given, ({ registrations }) => ({
        registrations: {
          ...registrations,
          setState: (...row) => (denied.size > 0 ? Promise.reject(new Error("scripted")) : registrations.setState(...row)),
        },
      })),
      catalog: {
        ...given.catalog,
        async promote(entry, signal) {
          await given.catalog.promote(entry, signal);
          if (isTightened) denied.add(address);
        },
      },
      judge: (judged) => (denied.has(judged) ? "is outside the allowed ranges" : undefined),
    }),
  });
  const replica = workshop.replica();
  const first = await replica.register(inputFor("parser", { type: "SERVICE" }));
  await replica.events(first.attemptId);
  address = (await workshop.attempt(first.attemptId)).address;
  isTightened = true;
  const { attemptId } = await replica.register(inputFor("parser", { type: "SERVICE", tags: ["new"] }));
  expect((await replica.events(attemptId)).at(-1)?.type).toBe("FAILED");
  expect(await workshop.ports.catalog.instances({}, soon())).toEqual([]);
});
