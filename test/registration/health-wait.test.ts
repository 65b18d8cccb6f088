/** How long an attempt waits for its instance, what it says meanwhile, and for which reason it gives up. */
import { expect, test } from "vitest";
import { restore } from "../../src/registration/reconcile/actions.ts";
import type { HealthVerdict } from "../../src/registration/types.ts";
import { manualClock, type ManualClock } from "../support/manual-clock.ts";
import { untilAborted } from "../support/until-aborted.ts";
import { inputFor, openWorkshop, serving, typesOf, type Workshop } from "../support/workshop.ts";

/** A workshop whose time stands still; with `neverPasses` its catalog's own check never does. */
async function open(neverPasses = false): Promise<{ readonly clock: ManualClock; readonly workshop: Workshop } & AsyncDisposable> {
  const clock = manualClock(1_000_000);
  const workshop = await openWorkshop({
    clock,
    decorate: (ports) => (neverPasses ? { ...ports, catalog: { ...ports.catalog, awaitPassing: (_id, _attempt, signal) => untilAborted(signal) } } : ports),
  });
  return { clock, workshop, [Symbol.asyncDispose]: () => workshop[Symbol.asyncDispose]() };
}

const patience = { healthTimeoutMs: 30_000, startupGraceMs: 10_000 };

test.each([
  ["refused", "HEALTH_REFUSED", 10_000],
  ["wrong_protocol", "HEALTH_WRONG_PROTOCOL", 10_000],
  ["tls_mismatch", "HEALTH_TLS_MISMATCH", 10_000],
  ["unimplemented", "HEALTH_UNIMPLEMENTED", 10_000],
  ["unknown_service", "HEALTH_SERVICE_UNKNOWN", 10_000],
  ["not_serving", "HEALTH_NOT_SERVING", 30_000],
  ["unreachable", "HEALTH_TIMEOUT", 30_000],
] as const)("an instance that is %s fails with %s after %i ms", async (status, reason, afterMs) => {
  await using it = await open();
  const { register, events } = it.workshop.replica();
  it.workshop.instance.health = () => ({ status, detail: "as scripted" });
  const { attemptId } = await register(inputFor("parser", patience));
  const following = events(attemptId);
  await it.clock.pass(afterMs - 200);
  expect((await it.workshop.attempt(attemptId)).state).toBe("RUNNING");
  await it.clock.pass(400);
  const seen = await following;
  expect(seen.at(-1)?.errorDetail).toMatch(new RegExp(`^${reason}: .*as scripted`));
  expect((await it.workshop.attempt(attemptId)).error?.metadata).toMatchObject({ probe: status });
  const reports = seen.filter(({ type }) => type === "HEALTH_WAITING");
  expect(reports).toHaveLength(afterMs / 5_000);
  expect(reports[1]).toMatchObject({
    message: expect.stringMatching(/^not healthy yet: as scripted/) as string,
    metadata: { probe: status, waited_ms: "5000" },
  });
});

const unknown: HealthVerdict = { status: "unknown_service", detail: "NOT_FOUND" };

test("where the server as a whole is not known, the first known of grpc_services is asked, by the catalog's check too", async () => {
  await using it = await open();
  const { instance, ports, store } = it.workshop;
  const verdicts = new Map<string, HealthVerdict>();
  const asked: string[] = [];
  instance.health = (_signal, { service = "" }) => (asked.push(service), verdicts.get(service) ?? unknown);
  const { register, events } = it.workshop.replica();
  const { attemptId } = await register(inputFor("parser", { ...patience, grpcServices: ["a.Absent", "a.First", "a.Second"] }));
  const following = events(attemptId);
  verdicts.set("a.First", { status: "not_serving", detail: "warming up" });
  verdicts.set("a.Second", serving);
  await it.clock.pass(20_000);
  expect((await it.workshop.attempt(attemptId)).state).toBe("RUNNING");
  expect(asked).not.toContain("a.Second");
  verdicts.set("a.First", serving);
  await it.clock.pass(2_000);
  const seen = await following;
  expect(typesOf(seen).at(-1)).toBe("COMPLETED");
  expect(seen.find(({ type }) => type === "CONSUL_HEALTHY")?.message).toContain("health check of a.First passed");
  const registration = await store.tx((tx) => tx.registrations.find(attemptId));
  expect(registration).toMatchObject({ state: "ACTIVE", healthService: "a.First" });
  asked.length = 0;
  await it.clock.pass(60_000);
  expect(new Set(asked)).toEqual(new Set(["a.First"]));
  expect(await ports.catalog.instances({}, AbortSignal.timeout(60_000))).toMatchObject([{ attemptId, status: "passing" }]);
});

test("a server that knows itself as a whole is asked for that alone, whatever it serves", async () => {
  await using it = await open();
  const asked = new Set<string | undefined>();
  it.workshop.instance.health = (_signal, { service }) => (asked.add(service), serving);
  const { register, events } = it.workshop.replica();
  const { attemptId } = await register(inputFor("parser", { ...patience, grpcServices: ["a.First"] }));
  await it.clock.pass(2_000);
  expect(typesOf(await events(attemptId)).at(-1)).toBe("COMPLETED");
  await it.clock.pass(30_000);
  expect([...asked]).toEqual([undefined]);
  expect(await it.workshop.store.tx((tx) => tx.registrations.find(attemptId))).not.toHaveProperty("healthService");
});

test("a health server that knows nothing says what was asked for", async () => {
  await using it = await open();
  it.workshop.instance.health = () => unknown;
  const { register, events } = it.workshop.replica();
  for (const [grpcServices, hint] of [
    [[], "names no service to ask for"],
    [["a.B"], "knows none of grpc_services"],
  ] as const) {
    const following = events((await register(inputFor("parser", { ...patience, grpcServices }))).attemptId);
    await it.clock.pass(11_000);
    expect((await following).at(-1)?.errorDetail).toContain(hint);
  }
});

test("what passes within its grace or later, but in time, is registered", async () => {
  await using it = await open();
  let verdict: HealthVerdict = { status: "refused", detail: "not up yet" };
  it.workshop.instance.health = () => verdict;
  const { register, events } = it.workshop.replica();
  const following = events((await register(inputFor("parser", patience))).attemptId);
  await it.clock.pass(9_000);
  verdict = { status: "not_serving", detail: "warming up" };
  await it.clock.pass(10_000);
  verdict = serving;
  await it.clock.pass(2_000);
  expect(typesOf(await following).at(-1)).toBe("COMPLETED");
});

test("an instance that serves while the catalog's check does not pass fails with the catalog's reason, having been called back once", async () => {
  await using it = await open(true);
  const { register, events } = it.workshop.replica();
  const following = events((await register(inputFor("parser", patience))).attemptId);
  await it.clock.pass(30_500);
  const seen = await following;
  expect(seen.at(-1)?.errorDetail).toMatch(/^HEALTH_TIMEOUT: .*SERVING.*can the catalog reach it/);
  expect(typesOf(seen)).not.toContain("HEALTH_WAITING");
  expect(it.workshop.instance.described).toBe(1);
  expect(await it.workshop.ports.schemas.versions("parser-config", AbortSignal.timeout(60_000))).toEqual([]);
});

test("an instance that stops serving during the wait is reported as it is at the end", async () => {
  await using it = await open(true);
  let verdict: HealthVerdict = serving;
  it.workshop.instance.health = () => verdict;
  const { register, events } = it.workshop.replica();
  const following = events((await register(inputFor("parser", patience))).attemptId);
  await it.clock.pass(5_000);
  verdict = { status: "refused", detail: "went away" };
  await it.clock.pass(7_000);
  const seen = await following;
  expect(seen.at(-1)?.errorDetail).toMatch(/^HEALTH_REFUSED: .*went away/);
  expect(seen.find(({ type }) => type === "HEALTH_WAITING")?.metadata).toEqual({
    probe: "refused",
    waited_ms: expect.stringMatching(/^[5-6]\d{3}$/) as string,
  });
});

test("a catalog that fails during the wait fails the attempt with its own reason, and the probing ends", async () => {
  const clock = manualClock(1_000_000);
  const broken = Promise.withResolvers<never>();
  await using workshop = await openWorkshop({
    clock,
    decorate: (ports) => ({ ...ports, catalog: { ...ports.catalog, awaitPassing: () => broken.promise } }),
  });
  let probes = 0;
  workshop.instance.health = () => ((probes += 1), { status: "not_serving", detail: "" });
  const { register, events } = workshop.replica();
  const following = events((await register(inputFor("parser", patience))).attemptId);
  await clock.pass(1_000);
  broken.reject(new Error("scripted"));
  expect((await following).at(-1)?.errorDetail).toMatch(/^INTERNAL: /);
  await clock.pass(100);
  const before = probes;
  await clock.pass(10_000);
  expect(probes).toBe(before);
});

test("the service whose health was asked for is asked for when the instance is put back, and by its check afterwards", async () => {
  await using it = await open();
  const asked: (string | undefined)[] = [];
  const { instance, ports, ids, store } = it.workshop;
  const soon = () => AbortSignal.timeout(60_000);
  instance.health = (_signal, { service }) => (asked.push(service), service === "a.B" ? serving : unknown);
  const { register, events } = it.workshop.replica();
  const { attemptId } = await register(inputFor("parser", { type: "SERVICE", grpcServices: ["a.B"] }));
  await it.clock.pass(2_000);
  expect(typesOf(await events(attemptId)).at(-1)).toBe("COMPLETED");
  const registration = (await store.tx((tx) => tx.registrations.find(attemptId)))!;
  await ports.catalog.deregister(registration.serviceId, attemptId, soon());
  asked.length = 0;
  expect(await restore({ ports, ids, reapAfterMs: 1 }, registration, soon())).toBe("restored");
  expect(asked).toEqual(["a.B"]);
  await it.clock.pass(30_000);
  expect(asked.length).toBeGreaterThan(2);
  expect(new Set(asked)).toEqual(new Set(["a.B"]));
});
