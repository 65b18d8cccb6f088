/** What Register decides before an attempt begins, and the cancellation of one: also when another replica acts in between. */
import { expect, test } from "vitest";
import { principalOf } from "../../src/kernel/caller.ts";
import type { DomainError } from "../../src/kernel/errors.ts";
import { cancelAttempt } from "../../src/registration/queries.ts";
import { startRegistration } from "../../src/registration/register.ts";
import { unregister } from "../../src/registration/unregister.ts";
import { beforeEachTx, caller, host, inputFor, notServing, openWorkshop, port, serving, type Replica, type Workshop } from "../support/workshop.ts";

const soon = () => AbortSignal.timeout(60_000);

function unregisterAt({ ports, ids }: Workshop, { runner }: Replica, name = "parser") {
  const deps = { ports, ids, runner, runTask: async () => true };
  return unregister(deps, { name, host, port }, caller);
}

test("who began it is in the audit before the attempt does anything, and how it ended after it", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  workshop.instance.health = () => notServing;
  const { attemptId } = await replica.register(inputFor());
  const { requestHash } = await workshop.attempt(attemptId);
  const started = { action: "REGISTRATION_STARTED", actor: "tokens|tester", detail: { attempt_id: attemptId, request_sha256: requestHash } };
  expect(await workshop.audit("parser")).toMatchObject([started]);
  workshop.instance.health = () => serving;
  await replica.events(attemptId);
  const registered = { action: "REGISTERED", actor: "tokens|tester", detail: { attempt_id: attemptId, version: "1.0.0" } };
  expect(await workshop.audit("parser")).toMatchObject([started, registered]);
  const next = (await replica.register(inputFor("parser", { tags: ["new"] }))).attemptId;
  await replica.events(next);
  expect((await workshop.audit("parser")).at(-1)?.detail).toEqual({ attempt_id: next, version: "1.0.0", replaces: attemptId });
});

test("equal requests join what runs, another one is refused, and a request id stands for one request for ever", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  workshop.instance.health = () => notServing;
  const first = await replica.register(inputFor("parser", { requestId: "r1" }));
  expect(await replica.register(inputFor("parser", { requestId: "r2", healthTimeoutMs: 1_000 }))).toEqual({
    attemptId: first.attemptId,
    isNew: false,
    events: [],
  });
  await expect(replica.register(inputFor("parser", { tags: ["x"] }))).rejects.toMatchObject({
    reason: "ATTEMPT_IN_FLIGHT",
    metadata: { attempt_id: first.attemptId },
  });
  await expect(replica.register(inputFor("parser", { tags: ["x"], requestId: "r1" }))).rejects.toMatchObject({
    reason: "REQUEST_ID_REUSED",
    fields: [{ field: "request_id" }],
  });
  workshop.instance.health = () => serving;
  await replica.events(first.attemptId);
  const replayed = await replica.register(inputFor("parser", { requestId: "r1" }));
  expect(replayed).toEqual({ attemptId: first.attemptId, isNew: false, events: [] });
  await expect(replica.register(inputFor("parser", { tags: ["x"], requestId: "r1" }))).rejects.toMatchObject({ reason: "REQUEST_ID_REUSED" });
});

test("a request id belongs to its principal: another's use of it is nothing to do with it", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  const b = principalOf("tokens", "b", ["registrar"]);
  const of = (name: string, port: number) =>
    inputFor(name, { requestId: "deploy-42", connectivity: { advertisedHost: host, advertisedPort: port, tlsEnabled: false } });
  const before = await replica.register(of("theirs", 9_001), b);
  const first = await replica.register(of("parser", 9_002));
  expect([before.isNew, first.isNew]).toEqual([true, true]);
  expect(await replica.register(of("parser", 9_002))).toMatchObject({ attemptId: first.attemptId, isNew: false });
  expect(await replica.register(of("theirs", 9_001), b)).toMatchObject({ attemptId: before.attemptId, isNew: false });
  await expect(replica.register(of("theirs", 9_003), b)).rejects.toMatchObject({ reason: "REQUEST_ID_REUSED" });
  for (const { attemptId } of [before, first]) await replica.events(attemptId);
});

test.each(["muster", "Muster", "MUSTER-TRIAL", "consul", "Consul", "consul.", "Platform"])("the platform's own name %s cannot be taken", async (name) => {
  await using workshop = await openWorkshop();
  const { deps } = workshop.replica();
  const registering = startRegistration({ ...deps, selfName: "platform" }, inputFor(name), caller, AbortSignal.timeout(10_000));
  const refused: unknown = await registering.catch((error: unknown) => error);
  expect(refused).toMatchObject({ kind: "invalid", reason: "INVALID_FIELDS" });
  expect((refused as DomainError).fields).toContainEqual({ field: "name", description: "is a name of the platform itself" });
});

test("a name is its first owner's, whatever the instance", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  await replica.events((await replica.register(inputFor())).attemptId);
  const other = principalOf("tokens", "other", ["registrar", "operator"]);
  const elsewhere = inputFor("parser", { connectivity: { advertisedHost: host, advertisedPort: 9_001, tlsEnabled: false } });
  await expect(replica.register(elsewhere, other)).rejects.toMatchObject({ kind: "denied", reason: "NAME_OWNED_BY_ANOTHER" });
  const admin = principalOf("tokens", "root", ["admin"]);
  expect((await replica.register(elsewhere, admin)).isNew).toBe(true);
});

test.each([1, 2, 3])("a cancellation is audited if and only if it found the attempt live; here it ends before transaction %i", async (endsBefore) => {
  await using workshop = await openWorkshop();
  const { store, ports } = workshop;
  const { attemptId } = await workshop.replica({ maxRunning: 0 }).register(inputFor());
  const { lease, lastSequence } = await workshop.attempt(attemptId);
  const racing = beforeEachTx(ports, async (count) => {
    if (count === endsBefore) await store.tx((tx) => tx.attempts.advance({ id: attemptId, lease, lastSequence }, { state: "COMPLETED" }));
  });
  const cancelling = cancelAttempt({ store: racing.store, clock: ports.clock, runner: workshop.replica().runner }, attemptId, caller, "enough");
  const outcome = await cancelling.then(
    () => "taken",
    ({ reason }: { readonly reason: string }) => reason,
  );
  const { cancelRequested } = await workshop.attempt(attemptId);
  const audited = (await workshop.audit("parser")).filter(({ action }) => action === "CANCEL_REQUESTED");
  expect({ outcome, audits: audited.length }).toEqual(cancelRequested ? { outcome: "taken", audits: 1 } : { outcome: "ATTEMPT_FINISHED", audits: 0 });
});

test("only who began an attempt, or an admin, may cancel it", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  workshop.instance.health = () => notServing;
  const { attemptId } = await replica.register(inputFor());
  const deps = { store: workshop.store, clock: workshop.ports.clock, runner: replica.runner };
  const other = principalOf("tokens", "other", ["registrar", "operator"]);
  await expect(cancelAttempt(deps, attemptId, other, "")).rejects.toMatchObject({
    kind: "denied",
    reason: "PERMISSION_DENIED",
    metadata: { attempt_id: attemptId },
  });
  await expect(cancelAttempt(deps, "none", other, "")).rejects.toMatchObject({ kind: "not_found", reason: "ATTEMPT_NOT_FOUND" });
  expect((await cancelAttempt(deps, attemptId, principalOf("tokens", "root", ["admin"]), "enough")).cancelRequested).toBe(true);
  expect((await replica.events(attemptId)).at(-1)?.errorDetail).toBe("CANCELLED: cancelled by root: enough");
  await expect(cancelAttempt(deps, attemptId, caller, "")).rejects.toMatchObject({
    reason: "ATTEMPT_FINISHED",
    subject: { type: "attempt", name: attemptId },
    metadata: { actual: "ROLLED_BACK" },
  });
  const cancelled = { action: "CANCEL_REQUESTED", actor: "tokens|root", detail: { attempt_id: attemptId, reason: "enough" } };
  expect(await workshop.audit("parser")).toMatchObject([
    { action: "REGISTRATION_STARTED" },
    cancelled,
    { action: "REGISTRATION_FAILED", actor: "muster", detail: { attempt_id: attemptId, reason: "CANCELLED", state: "ROLLED_BACK" } },
  ]);
});

test("an attempt that unwinds may still be cancelled, which changes nothing about its reason", async () => {
  const held = Promise.withResolvers<void>();
  await using workshop = await openWorkshop({
    decorate: (ports) => ({
      ...ports,
      catalog: { ...ports.catalog, deregister: async (...given) => (await held.promise, ports.catalog.deregister(...given)) },
    }),
  });
  const replica = workshop.replica();
  workshop.instance.health = () => ({ status: "refused", detail: "nobody there" });
  const { attemptId } = await replica.register(inputFor());
  await expect.poll(async () => (await workshop.attempt(attemptId)).state).toBe("UNWINDING");
  const deps = { store: workshop.store, clock: workshop.ports.clock, runner: replica.runner };
  expect(await cancelAttempt(deps, attemptId, caller, "")).toMatchObject({ state: "UNWINDING", cancelRequested: true });
  held.resolve();
  expect((await replica.events(attemptId)).at(-1)?.errorDetail).toMatch(/^HEALTH_REFUSED/);
});

test("an Unregister ends a running attempt at once where it runs, and elsewhere at its commit at the latest", async () => {
  for (const runsHere of [true, false]) {
    await using workshop = await openWorkshop();
    const [mine, other] = [workshop.replica(), workshop.replica()];
    workshop.instance.health = () => notServing;
    const { attemptId } = await mine.register(inputFor());
    const following = mine.events(attemptId);
    expect(await unregisterAt(workshop, runsHere ? mine : other)).toEqual({ ended: true, withdrawn: true });
    if (!runsHere) workshop.instance.health = () => serving;
    // Nobody tends here, so that a request to cancel is not heard by chance.
    expect((await following).at(-1)?.errorDetail).toMatch(runsHere ? /^CANCELLED: cancelled by an Unregister/ : /^SUPERSEDED: /);
    expect(await workshop.ports.catalog.instances({}, soon())).toEqual([]);
    expect(await workshop.store.tx((tx) => tx.registrations.find(attemptId))).toBeUndefined();
    expect((await workshop.audit("parser")).map(({ action, detail }) => [action, detail["cancels"] ?? detail["reason"]])).toEqual([
      ["REGISTRATION_STARTED", undefined],
      ["UNREGISTERED", attemptId],
      ["REGISTRATION_FAILED", runsHere ? "CANCELLED" : "SUPERSEDED"],
    ]);
  }
});
