/** What runs attempts: room for so many, their leases, their ends, and what becomes of those that somebody else left. */
import { expect, test } from "vitest";
import { principalOf } from "../../src/kernel/caller.ts";
import { DomainError } from "../../src/kernel/errors.ts";
import type { RegistrationPorts } from "../../src/registration/attempts/attempt-context.ts";
import { cancelAttempt } from "../../src/registration/queries.ts";
import { cancelledBy } from "../../src/registration/attempts/runner.ts";
import { attemptLimitMs } from "../../src/registration/attempts/new-attempt.ts";
import { manualClock } from "../support/manual-clock.ts";
import { caller, inputFor, notServing, openWorkshop, serving, typesOf, withTx, type Replica, type Workshop } from "../support/workshop.ts";

const other = principalOf("tokens", "other", ["registrar"]);
const service = (name: string) => inputFor(name, { type: "SERVICE" });

/** Begins an attempt that waits for its instance to be healthy, and has said so. */
async function waiting({ instance, store }: Workshop, replica: Replica, name = "parser"): Promise<string> {
  instance.health = () => notServing;
  const { attemptId } = await replica.register(inputFor(name, { healthTimeoutMs: 120_000 }));
  await expect.poll(async () => typesOf(await store.tx((tx) => tx.attempts.events(attemptId, 0))).at(-1)).toBe("HEALTH_WAITING");
  return attemptId;
}

/** Ports whose catalog takes entries out only after `before`. */
function deregisteringAfter(ports: RegistrationPorts, before: () => Promise<unknown>): RegistrationPorts {
  const { catalog } = ports;
  return { ...ports, catalog: { ...catalog, deregister: async (...given) => (await before(), catalog.deregister(...given)) } };
}

const onTrial = async ({ ports }: Workshop) => (await ports.catalog.instances({}, AbortSignal.timeout(60_000))).map(({ name }) => name).toSorted();

test("more than there is room for wait, and begin in turns of their callers as soon as others have ended", async () => {
  await using workshop = await openWorkshop();
  const { runner, register, events } = workshop.replica({ maxRunning: 3, maxWaiting: 9 });
  workshop.instance.health = () => notServing;
  const ids: string[] = [];
  for (const name of ["a1", "a2", "a3", "a4", "a5", "a6"]) ids.push((await register(service(name))).attemptId);
  await expect(register(service("a7"))).rejects.toMatchObject({
    reason: "TOO_MANY_ATTEMPTS",
    kind: "exhausted",
    message: "the share of tester is full: 6 registrations are under way here for this caller, and 6 in all",
  });
  expect(runner.count()).toBe(6);
  await expect.poll(() => onTrial(workshop)).toEqual(["a1", "a2"]);
  for (const name of ["b1", "b2"]) ids.push((await register(service(name), other)).attemptId);
  await expect.poll(() => onTrial(workshop)).toEqual(["a1", "a2", "b1"]);
  workshop.instance.health = () => serving;
  for (const id of ids) expect(typesOf(await events(id)).at(-1)).toBe("COMPLETED");
  await expect.poll(() => runner.count()).toBe(0);
});

test("requests that come at once get no more room than there is; those that join, or are refused, take none", async () => {
  await using workshop = await openWorkshop();
  const { runner, register, events } = workshop.replica({ maxRunning: 2, maxWaiting: 4 });
  workshop.instance.health = () => notServing;
  const { attemptId } = await register(service("one"));
  const joining = await Promise.all(Array.from({ length: 20 }, () => register(service("one"))));
  expect(new Set(joining.map((joined) => joined.attemptId))).toEqual(new Set([attemptId]));
  for (let round = 0; round < 10; round++) await expect(register(service("one"), other)).rejects.toMatchObject({ reason: "ATTEMPT_IN_FLIGHT" });
  const many = await Promise.allSettled(["two", "three", "four", "five"].map((name) => register(service(name))));
  expect(many.filter(({ status }) => status === "fulfilled")).toHaveLength(2);
  expect(runner.count()).toBe(3);
  expect(await workshop.store.tx((tx) => tx.attempts.countByState())).toEqual({ RUNNING: 3 });
  workshop.instance.health = () => serving;
  await events(attemptId);
  await expect.poll(() => runner.count()).toBe(0);
});

test("a request is begun before most of those that another caller sent earlier", async () => {
  await using workshop = await openWorkshop();
  workshop.instance.health = () => notServing;
  const { register } = workshop.replica({ maxRunning: 0, maxWaiting: 1_000 });
  let begun = 0;
  const many = Array.from({ length: 200 }, (_, index) => register(service(`many-${index}`)).then(() => (begun += 1)));
  await register(service("one"), other);
  expect(begun).toBeLessThan(50);
  await Promise.all(many);
});

test("one that waits for room ends at once when it is cancelled, and never began", async () => {
  await using workshop = await openWorkshop();
  const { runner, register, events } = workshop.replica({ maxRunning: 1 });
  workshop.instance.health = () => notServing;
  await register(service("first"));
  const { attemptId } = await register(service("second"));
  expect(runner.cancel(attemptId, cancelledBy("the test"))).toBe(true);
  expect((await events(attemptId)).at(-1)?.errorDetail).toBe("CANCELLED: cancelled by the test");
  expect(await onTrial(workshop)).not.toContain("second");
});

test("every attempt that begins here is counted once when it begins and once when it ends, however it ends", async () => {
  await using workshop = await openWorkshop();
  const first = workshop.replica();
  const good = (await first.register(inputFor())).attemptId;
  await first.events(good);
  workshop.instance.describe = () => Promise.reject(new DomainError({ kind: "wrong_state", reason: "CALLBACK_FAILED", message: "scripted" }));
  const bad = (await first.register(inputFor("parser", { tags: ["new"] }))).attemptId;
  await first.events(bad);
  const lost = await waiting(workshop, first, "lost");
  const second = workshop.replica();
  await workshop.store.tx((tx) => tx.attempts.expireLeases());
  await second.runner.tend();
  await second.events(lost);
  await first.runner.tend();
  const ends = [`begin ${good}`, `completed ${good}`, `begin ${bad}`, `failed ${bad} CALLBACK_FAILED`, `begin ${lost}`, `abandoned ${lost} INTERRUPTED`];
  await expect.poll(() => first.counted).toEqual(ends);
  expect(second.counted).toEqual([`failed ${lost} INTERRUPTED`]);
});

test("an attempt whose instance is waited for ends at its deadline, also one that had to wait for room", async () => {
  const clock = manualClock(1_000_000);
  await using workshop = await openWorkshop({ clock });
  const { register, events } = workshop.replica({ maxRunning: 1 });
  workshop.instance.health = () => notServing;
  const patient = { healthTimeoutMs: 120_000 };
  const first = (await register(inputFor("first", patient))).attemptId;
  const second = (await register(inputFor("second", patient))).attemptId;
  const ends = Promise.all([events(first), events(second)]);
  await clock.pass(attemptLimitMs - 1);
  expect((await workshop.attempt(first)).state).toBe("ROLLED_BACK");
  expect((await workshop.attempt(second)).state).toBe("RUNNING");
  await clock.pass(1_000);
  const details = (await ends).map((seen) => seen.at(-1)?.errorDetail);
  expect(details).toEqual([expect.stringMatching(/^HEALTH_NOT_SERVING: /), expect.stringMatching(/^DEADLINE_EXCEEDED: .* 150000 ms$/)]);
});

test("an attempt that has ended leaves no timer behind, and a line with outcome and duration", async () => {
  const clock = manualClock(1_000_000);
  await using workshop = await openWorkshop({ clock });
  const { register, events, logged } = workshop.replica();
  workshop.instance.health = () => ({ status: "refused", detail: "nobody there" });
  const { attemptId } = await register(inputFor());
  const ended = events(attemptId);
  await clock.pass(30);
  expect((await ended).at(-1)?.errorDetail).toMatch(/^HEALTH_REFUSED/);
  await expect.poll(() => clock.sleepers()).toBe(0);
  const fields = { attempt: attemptId, outcome: "failed", ms: expect.any(Number), reason: "HEALTH_REFUSED" };
  expect(logged.filter(({ event }) => event === "attempt.ended")).toMatchObject([{ fields }]);
});

test("a lease is renewed well before it ends, and not at every look", async () => {
  const clock = manualClock(1_000_000);
  let renewals = 0;
  await using workshop = await openWorkshop({
    clock,
    decorate: (ports) =>
      withTx(ports, ({ attempts }) => ({ attempts: { ...attempts, renewLeases: (...given) => ((renewals += 1), attempts.renewLeases(...given)) } })),
  });
  const mine = workshop.replica({ leaseMs: 15_000 });
  const other = workshop.replica();
  const attemptId = await waiting(workshop, mine);
  for (let second = 0; second < 50; second++) {
    await clock.pass(1_000);
    await mine.runner.tend();
    await other.runner.tend();
  }
  expect(await workshop.attempt(attemptId)).toMatchObject({ state: "RUNNING", lease: { owner: mine.runner.owner, epoch: 1 } });
  expect(renewals).toBe(10);
  await clock.pass(15_001);
  await other.runner.tend();
  expect((await workshop.attempt(attemptId)).lease).toEqual({ owner: other.runner.owner, epoch: 2 });
});

test("what runs here is not taken over, however late its lease is renewed", async () => {
  await using workshop = await openWorkshop();
  const mine = workshop.replica();
  const attemptId = await waiting(workshop, mine);
  await mine.runner.tend();
  await workshop.store.tx((tx) => tx.attempts.expireLeases());
  await mine.runner.tend();
  expect(await workshop.attempt(attemptId)).toMatchObject({ state: "RUNNING", lease: { owner: mine.runner.owner, epoch: 1 } });
  workshop.instance.health = () => serving;
  expect(typesOf(await mine.events(attemptId)).at(-1)).toBe("COMPLETED");
});

test("who has lost a lease stops at the next look, and records and shows nothing more", async () => {
  await using workshop = await openWorkshop({ clock: manualClock(1_000_000) });
  const mine = workshop.replica();
  const attemptId = await waiting(workshop, mine);
  const following = mine.events(attemptId);
  following.catch(() => undefined);
  await workshop.store.tx(async (tx) => {
    await tx.attempts.expireLeases();
    await tx.attempts.claimExpired("another", 60_000, 10);
  });
  await mine.runner.tend();
  await expect(following).rejects.toMatchObject({ reason: "INTERRUPTED" });
  expect(await workshop.attempt(attemptId)).toMatchObject({ state: "RUNNING", lease: { owner: "another", epoch: 2 } });
  expect(typesOf(await workshop.store.tx((tx) => tx.attempts.events(attemptId, 0))).at(-1)).not.toBe("FAILED");
  await expect.poll(() => mine.runner.count()).toBe(0);
});

test("a cancellation that another replica took is heard at the next look", async () => {
  await using workshop = await openWorkshop();
  const mine = workshop.replica();
  const { runner } = workshop.replica();
  const attemptId = await waiting(workshop, mine);
  const { store, clock } = workshop.ports;
  await cancelAttempt({ store, clock, runner }, attemptId, caller, "enough");
  const following = mine.events(attemptId);
  await mine.runner.tend();
  expect((await following).at(-1)?.errorDetail).toBe("CANCELLED: cancelled by a request");
});

test("what a replica left is unwound by others, so many at a time however much they have of their own, as cancelled when somebody had asked for that", async () => {
  await using workshop = await openWorkshop();
  const dead = workshop.replica();
  const plain = await waiting(workshop, dead, "plain");
  const cancelled = await waiting(workshop, dead, "cancelled");
  await workshop.store.tx(async (tx) => {
    await tx.attempts.requestCancel(cancelled);
    await tx.attempts.expireLeases();
  });
  const busy = workshop.replica({ maxRunning: 1, maxTakenOver: 1 });
  await waiting(workshop, busy, "own");
  await busy.runner.tend();
  const [first, second] = [plain, cancelled].map((id) => busy.runner.runsHere(id));
  expect([first, second].toSorted()).toEqual([false, true]);
  const successor = workshop.replica();
  await successor.runner.tend();
  const successorOf = (isWithBusy: boolean | undefined) => (isWithBusy ? busy : successor);
  expect((await successorOf(first).events(plain)).at(-1)?.errorDetail).toMatch(/^INTERRUPTED: /);
  expect((await successorOf(second).events(cancelled)).at(-1)?.errorDetail).toMatch(/^CANCELLED: /);
  expect(await workshop.ports.catalog.instances({}, AbortSignal.timeout(60_000))).toMatchObject([{ name: "own" }]);
});

test("what failed before its owner died is reported with the reason it failed for", async () => {
  const held = Promise.withResolvers<void>();
  let isHeld = true;
  await using workshop = await openWorkshop({ decorate: (ports) => deregisteringAfter(ports, async () => isHeld && held.promise) });
  workshop.instance.health = () => ({ status: "refused", detail: "nobody there" });
  const { attemptId } = await workshop.replica().register(inputFor());
  await expect.poll(async () => (await workshop.attempt(attemptId)).state).toBe("UNWINDING");
  isHeld = false;
  await workshop.store.tx((tx) => tx.attempts.expireLeases());
  const successor = workshop.replica();
  await successor.runner.tend();
  expect((await successor.events(attemptId)).at(-1)?.errorDetail).toMatch(/^HEALTH_REFUSED: /);
  held.resolve();
});

test("a drain is over when all have ended by themselves", async () => {
  const clock = manualClock(1_000_000);
  await using workshop = await openWorkshop({ clock });
  const { runner, register, events } = workshop.replica();
  workshop.instance.health = () => notServing;
  const { attemptId } = await register(inputFor());
  const ended = events(attemptId);
  await clock.pass(100);
  const draining = runner.drain(15_000);
  workshop.instance.health = () => serving;
  await clock.pass(1_000);
  await draining;
  expect(typesOf(await ended).at(-1)).toBe("COMPLETED");
});

test("a drain stops what has not ended in its time, gives it three seconds more, and lets nothing begin", async () => {
  const clock = manualClock(1_000_000);
  let undoMs = 2_000;
  await using workshop = await openWorkshop({ clock, decorate: (ports) => deregisteringAfter(ports, () => clock.sleep(undoMs)) });
  const { runner, register } = workshop.replica();
  workshop.instance.health = () => notServing;
  const quick = (await register(inputFor("quick"))).attemptId;
  let isOver = false;
  const draining = runner.drain(15_000).then(() => (isOver = true));
  await expect(register(inputFor("late"))).rejects.toMatchObject({ reason: "SHUTTING_DOWN" });
  await clock.pass(14_900);
  expect((await workshop.attempt(quick)).state).toBe("RUNNING");
  await clock.pass(1_000);
  expect(await workshop.attempt(quick)).toMatchObject({ state: "UNWINDING", error: { reason: "SHUTTING_DOWN" } });
  expect(isOver).toBe(false);
  await clock.pass(1_200);
  await draining;
  expect((await workshop.attempt(quick)).state).toBe("ROLLED_BACK");

  undoMs = 8_000;
  const other = workshop.replica();
  const slow = (await other.register(inputFor("slow"))).attemptId;
  await clock.pass(100);
  const drained = other.runner.drain(0);
  await clock.pass(3_100);
  await drained;
  expect((await workshop.attempt(slow)).state).toBe("UNWINDING");
  await clock.pass(8_000);
});
