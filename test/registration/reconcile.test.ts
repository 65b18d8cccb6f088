/** Record and catalog brought together: single acts, whole rounds; also when somebody acts in between. */
import { expect, test } from "vitest";
import { endCritical, reap, remove, restore, tellCritical, type ActionDeps } from "../../src/registration/reconcile/actions.ts";
import { cancelledBy } from "../../src/registration/attempts/runner.ts";
import { createReconciler, type ReconcileReport } from "../../src/registration/reconcile/round.ts";
import { entryOfRegistration, showEntry } from "../../src/registration/reconcile/show-entry.ts";
import type { RegistrationPorts } from "../../src/registration/attempts/attempt-context.ts";
import type { Registration } from "../../src/registration/records.ts";
import { unregister } from "../../src/registration/unregister.ts";
import { updateTags } from "../../src/registration/update-tags.ts";
import { manualClock, type ManualClock } from "../support/manual-clock.ts";
import { caller, host, inputFor, notServing, openWorkshop, port, serving, typesOf, type Replica, type Workshop } from "../support/workshop.ts";

const soon = () => AbortSignal.timeout(60_000);
const serviceId = `parser-${host}-${port}`;
const minute = 60_000;

/** A workshop in which something can be done right before or after an entry is promoted. */
async function open() {
  const clock = manualClock(1_000_000);
  const on = { promote: undefined as (() => Promise<unknown>) | undefined, beforePromote: undefined as (() => Promise<unknown>) | undefined };
  const decorate = (ports: RegistrationPorts): RegistrationPorts => ({
    ...ports,
    catalog: {
      ...ports.catalog,
      async promote(...given) {
        const actBefore = on.beforePromote;
        on.beforePromote = undefined;
        await actBefore?.();
        await ports.catalog.promote(...given);
        const act = on.promote;
        on.promote = undefined;
        await act?.();
      },
    },
  });
  const workshop = await openWorkshop({ clock, decorate });
  const replica = workshop.replica();
  const { ports, ids, store } = workshop;
  const acts: ActionDeps = { ports, ids, reapAfterMs: 5 * minute };
  const others = { ports, ids, runTask: async () => true };
  return {
    workshop,
    replica,
    clock,
    on,
    acts,
    register: (name = "parser", tags: readonly string[] = []) => registered(workshop, replica, name, tags),
    unregister: () => unregister({ ...others, runner: replica.runner }, { name: "parser", host, port }, caller),
    setTags: (...tags: string[]) => updateTags(others, { serviceId, tags }, caller),
    entries: () => ports.catalog.instances({}, soon()),
    events: async () => (await store.tx((tx) => tx.outbox.unpublished(100))).map(({ type }) => type),
    [Symbol.asyncDispose]: () => workshop[Symbol.asyncDispose](),
  };
}

async function registered({ store }: Workshop, { register, events }: Replica, name: string, tags: readonly string[]): Promise<Registration> {
  const { attemptId } = await register(inputFor(name, { type: "SERVICE", tags: [...tags] }));
  expect(typesOf(await events(attemptId)).at(-1)).toBe("COMPLETED");
  return (await store.tx((tx) => tx.registrations.find(attemptId)))!;
}

test("an entry that is shown is what the record has; one on trial, of another attempt or of nothing is left", async () => {
  await using it = await open();
  const registration = await it.register();
  await it.setTags("new");
  const { ports } = it.workshop;
  expect((await it.entries())[0]?.tags).toEqual([]);
  expect(await showEntry(ports, registration.id, soon())).toBe(true);
  expect((await it.entries())[0]?.tags).toEqual(["new"]);
  await ports.catalog.deregister(serviceId, registration.id, soon());
  expect(await showEntry(ports, registration.id, soon())).toBe(false);
  await ports.catalog.register(entryOfRegistration(registration), soon());
  expect(await showEntry(ports, registration.id, soon())).toBe(false);
  expect(await it.entries()).toMatchObject([{ onTrial: true }]);
  await ports.catalog.promote({ ...entryOfRegistration(registration), attemptId: "another" }, soon());
  expect(await showEntry(ports, registration.id, soon())).toBe(false);
  expect(await it.entries()).toMatchObject([{ attemptId: "another" }]);
  await it.unregister();
  expect(await showEntry(ports, registration.id, soon())).toBe(false);
});

test("tags that are set while an entry is written are written, too", async () => {
  await using it = await open();
  const registration = await it.register();
  it.on.promote = () => it.setTags("late");
  expect(await showEntry(it.workshop.ports, registration.id, soon())).toBe(true);
  expect((await it.entries())[0]?.tags).toEqual(["late"]);
});

test("what is unregistered while its entry is written is taken out again; what is replaced becomes its successor's", async () => {
  await using it = await open();
  const registration = await it.register();
  it.on.promote = () => it.unregister();
  expect(await showEntry(it.workshop.ports, registration.id, soon())).toBe(true);
  expect(await it.entries()).toEqual([]);
  const first = await it.register();
  let second: Registration | undefined;
  // Its entry is written over by ours, which is late.
  it.on.beforePromote = async () => (second = await it.register("parser", ["second"]));
  expect(await showEntry(it.workshop.ports, first.id, soon())).toBe(true);
  expect(await it.entries()).toMatchObject([{ attemptId: second?.id, tags: ["second"] }]);
});

test("a critical instance is reported once, its recovery once, and neither of what is not registered", async () => {
  await using it = await open();
  const { id: registrationId, name } = await it.register();
  const critical = { registrationId, serviceId, name, since: 5 };
  const before = await it.events();
  expect([await tellCritical(it.acts, critical), await tellCritical(it.acts, critical)]).toEqual([true, false]);
  const [event] = (await it.workshop.store.tx((tx) => tx.outbox.unpublished(100))).slice(-1);
  expect(JSON.parse(event?.payload ?? "")).toEqual({ type: "InstanceCritical", serviceId, name, since: 5, reapedAfter: 5 + 5 * minute });
  expect([await endCritical(it.acts, critical, true), await endCritical(it.acts, critical, true)]).toEqual([true, false]);
  expect(await it.events()).toEqual([...before, "InstanceCritical", "InstanceRecovered"]);
  await tellCritical(it.acts, critical);
  expect(await endCritical(it.acts, critical, false)).toBe(false);
  expect(await it.workshop.store.tx((tx) => tx.criticals.list())).toEqual([]);
  await it.unregister();
  expect(await tellCritical(it.acts, critical)).toBe(false);
  await it.workshop.store.tx((tx) => tx.criticals.insert(critical));
  expect(await endCritical(it.acts, critical, true)).toBe(false);
  expect((await it.events()).slice(before.length)).toEqual(["InstanceCritical", "InstanceRecovered", "InstanceCritical", "ServiceUnregistered"]);
});

test("what does not answer is reaped, audited as the server's, and what answers or is registering again is left", async () => {
  await using it = await open();
  const registration = await it.register();
  expect(await reap(it.acts, registration, 5, soon())).toBe(false);
  it.workshop.instance.health = () => notServing;
  const again = await it.replica.register(inputFor("parser", { type: "SERVICE", tags: ["new"] }));
  expect(await reap(it.acts, registration, 5, soon())).toBe(false);
  it.replica.runner.cancel(again.attemptId, cancelledBy("the test"));
  await it.replica.events(again.attemptId);
  let begun: Promise<unknown> | undefined;
  it.workshop.instance.health = async () => {
    await (begun ??= it.replica.register(inputFor("parser", { type: "SERVICE", tags: ["meanwhile"] })));
    return notServing;
  };
  expect(await reap(it.acts, registration, 5, soon())).toBe(false);
  const [live] = await it.workshop.store.tx((tx) => tx.attempts.list({ limit: 1 }));
  it.replica.runner.cancel(live!.id, cancelledBy("the test"));
  await it.replica.events(live!.id);
  await it.workshop.store.tx((tx) => tx.criticals.insert({ registrationId: registration.id, serviceId, name: "parser", since: 5 }));
  expect([await reap(it.acts, registration, 5, soon()), await reap(it.acts, registration, 5, soon())]).toEqual([true, false]);
  expect((await it.events()).slice(-2)).toEqual(["InstanceReaped", "ServiceUnregistered"]);
  expect((await it.workshop.audit("parser")).at(-1)).toMatchObject({
    action: "UNREGISTERED",
    actor: "muster",
    detail: { reason: "critical for too long", critical_for_ms: String(it.clock.now() - 5) },
  });
  expect(await it.workshop.store.tx((tx) => tx.criticals.list())).toEqual([]);
});

test("an entry is put back only while its instance answers, nobody else has its place, and no attempt is at it", async () => {
  await using it = await open();
  const registration = await it.register();
  const { catalog } = it.workshop.ports;
  expect(await restore(it.acts, registration, soon())).toBe("left");
  await catalog.deregister(serviceId, registration.id, soon());
  it.workshop.instance.health = () => notServing;
  expect(await restore(it.acts, registration, soon())).toBe("unreachable");
  expect(await it.entries()).toEqual([]);
  it.workshop.instance.health = () => serving;
  await catalog.promote({ ...entryOfRegistration(registration), attemptId: "another-muster" }, soon());
  expect(await restore(it.acts, registration, soon())).toBe("left");
  await catalog.deregister(serviceId, "another-muster", soon());
  expect(await restore(it.acts, registration, soon())).toBe("restored");
  expect(await it.entries()).toMatchObject([{ attemptId: registration.id, status: "passing", onTrial: false }]);
  await it.unregister();
  expect(await restore(it.acts, registration, soon())).toBe("left");
});

test("an entry is taken out only when its attempt is known and over, and its registration not active", async () => {
  await using it = await open();
  const first = await it.register();
  const entry = async (attemptId: string) => ({ ...(await it.entries())[0]!, attemptId });
  expect(await remove(it.acts, await entry(first.id), soon())).toBe("left");
  expect(await remove(it.acts, await entry("another-muster"), soon())).toBe("foreign");
  it.workshop.instance.health = () => notServing;
  const live = await it.replica.register(inputFor("parser", { type: "SERVICE", tags: ["new"] }));
  expect(await remove(it.acts, await entry(live.attemptId), soon())).toBe("left");
  await it.unregister();
  expect(await remove(it.acts, await entry(first.id), soon())).toBe("removed");
  expect((await it.entries()).filter(({ attemptId }) => attemptId === first.id)).toEqual([]);
});

/** A reconciler that is sure of its catalog. */
function reconcilerOf({ acts: deps, clock }: { readonly acts: ActionDeps; readonly clock: ManualClock }, owner: string, mode: "on" | "validate" = "on") {
  const reports: ReconcileReport[] = [];
  const acts: string[] = [];
  const reconciler = createReconciler({
    ...deps,
    log: (_level, event, fields = {}) => void (fields["service"] && acts.push(`${event.slice("reconcile.".length)} ${String(fields["service"])}`)),
    owner,
    mode,
    seenAt: () => clock.now(),
    onRound: (report) => void reports.push(report),
  });
  const round = async () => {
    const running = reconciler.round(soon());
    await clock.pass(5_000);
    return running;
  };
  return { ...reconciler, round, reports, acts };
}

test("one replica at a time acts; another begins when the lease is given back, and sees anew what it acts on", async () => {
  await using it = await open();
  const registration = await it.register();
  const [first, second] = [reconcilerOf(it, "first"), reconcilerOf(it, "second")];
  await first.round();
  await it.workshop.ports.catalog.deregister(serviceId, registration.id, soon());
  await second.round();
  expect(second.reports).toEqual([]);
  expect(await it.entries()).toEqual([]);
  await first.release();
  await second.round();
  expect(second.reports).toMatchObject([{ drift: { missing: 1 }, actions: { restored: 1 } }]);
  expect(await it.entries()).toMatchObject([{ attemptId: registration.id }]);
});

test("who only validates changes nothing", async () => {
  await using it = await open();
  const registration = await it.register();
  await it.workshop.ports.catalog.deregister(serviceId, registration.id, soon());
  const validating = reconcilerOf(it, "validating", "validate");
  await validating.round();
  await validating.round();
  expect(validating.reports).toMatchObject([
    { drift: { missing: 1 }, actions: {} },
    { drift: { missing: 1 }, actions: {} },
  ]);
  expect(await it.entries()).toEqual([]);
});

test("a round puts back, amends, removes at the second look, and reports a critical instance at the second", async () => {
  await using it = await open();
  const registration = await it.register();
  const { catalog } = it.workshop.ports;
  const mine = reconcilerOf(it, "mine");
  await it.setTags("new");
  const ended = await it.register("ended");
  await it.workshop.store.tx((tx) => tx.registrations.setState(ended.id, "UNREGISTERED", 1));
  const foreign = { ...entryOfRegistration(registration), serviceId: "foreign", attemptId: "another-muster" };
  await catalog.promote(foreign, soon());
  await mine.round();
  expect(mine.reports.at(-1)).toMatchObject({ drift: { drifted: 1, unclaimed: 2 }, actions: { amended: 1 } });
  expect((await it.entries()).find(({ serviceId: id }) => id === serviceId)?.tags).toEqual(["new"]);
  await mine.round();
  expect(mine.reports.at(-1)).toMatchObject({ drift: { drifted: 0, unclaimed: 2 }, actions: { removed: 1 } });
  await mine.round();
  expect(mine.reports.at(-1)).toMatchObject({ drift: { unclaimed: 0 }, actions: {} });
  expect((await it.entries()).map(({ serviceId: id }) => id).toSorted()).toEqual(["foreign", serviceId]);
  it.workshop.instance.health = () => notServing;
  await it.clock.pass(20_000);
  await mine.round();
  expect(mine.reports.at(-1)).toMatchObject({ drift: { critical: 1 }, actions: {} });
  await mine.round();
  expect(mine.reports.at(-1)?.actions).toEqual({ published_critical: 1 });
  await it.clock.pass(5 * minute);
  await mine.round();
  expect(mine.reports.at(-1)?.actions).toEqual({ reaped: 1 });
  const removed = `removed ${ended.serviceId}`;
  expect(mine.acts).toEqual([`amended ${serviceId}`, removed, `published_critical ${serviceId}`, `reaped ${serviceId}`]);
});

test("when much is gone at once it is looked at twice more before anything is done", async () => {
  await using it = await open();
  const { catalog } = it.workshop.ports;
  for (const name of ["a", "b", "c"]) await it.register(name);
  const mine = reconcilerOf(it, "mine");
  await mine.round();
  for (const { serviceId: id, attemptId } of await it.entries()) await catalog.deregister(id, attemptId ?? "", soon());
  const running = createReconciler({
    ...it.acts,
    log: () => undefined,
    owner: "mine",
    mode: "on",
    seenAt: () => it.clock.now(),
    onRound: (report) => void mine.reports.push(report),
  }).round(soon());
  await it.clock.pass(3_900);
  expect(await it.entries()).toEqual([]);
  await it.clock.pass(2_000);
  await running;
  expect(mine.reports.at(-1)).toMatchObject({ braked: true, drift: { missing: 3 }, actions: { restored: 3 } });
});
