/** The work that steps share: once, in its order, with limits of its own, and over before anything is taken back. */
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { unavailable } from "../../src/kernel/errors.ts";
import type { RegistrationPorts } from "../../src/registration/attempts/attempt-context.ts";
import { cancelledBy } from "../../src/registration/attempts/runner.ts";
import { contextOf } from "../../src/registration/attempts/work.ts";
import { openApi } from "../support/open-api.ts";
import { manualClock } from "../support/manual-clock.ts";
import { untilAborted } from "../support/until-aborted.ts";
import { description, inputFor, openWorkshop, typesOf, type Workshop } from "../support/workshop.ts";

const soon = () => AbortSignal.timeout(60_000);
const mismatch = () => description({ moduleName: "somebody-else" });
const hang = () => new Promise<never>(() => undefined);

/** The work of an attempt that nobody runs. */
async function workOf(workshop: Workshop, input = inputFor()) {
  const { ports } = workshop;
  const hung = workshop.replica({ maxRunning: 0 });
  const attempt = await workshop.attempt((await hung.register(input)).attemptId);
  const { context, endWork } = contextOf(ports, attempt, "ci", { report: async () => undefined, alone: (write) => ports.store.tx(write) });
  return { work: context.work, attempt, endWork };
}

/** Ports that note what is put into the schema registry, after `before`. */
function putting(before: (signal: AbortSignal) => Promise<unknown>): (ports: RegistrationPorts) => RegistrationPorts {
  return (ports) => {
    const { schemas } = ports;
    return { ...ports, schemas: { ...schemas, put: async (document, attemptId, signal) => (await before(signal), schemas.put(document, attemptId, signal)) } };
  };
}

test("however many ask, each piece is done once, in its order: the record knows the version before the registry", async () => {
  const puts: unknown[] = [];
  await using workshop = await openWorkshop({
    decorate: putting(async () => puts.push(await workshop.store.tx((tx) => tx.schemas.find("parser-config", "1.0.0")))),
  });
  const { work, attempt } = await workOf(workshop);
  expect(work.attempted()).toBeUndefined();
  const asked = await Promise.all([work.publish(soon()), work.describe(soon()), work.schema(soon()), work.save(soon()), work.publish(soon())]);
  expect(asked[0]).toEqual({ schema: asked[2], created: true });
  expect(puts).toMatchObject([{ state: "PENDING", name: "parser" }]);
  expect(workshop.instance.described).toBe(1);
  expect(work.attempted()).toEqual(asked[2]);
  const saved = await workshop.store.tx((tx) => tx.registrations.find(attempt.id));
  expect(saved).toMatchObject({ state: "PENDING", schema: { artifactId: "parser-config", version: "1.0.0" } });
  expect(JSON.parse(saved?.description ?? "")).toMatchObject({ moduleName: "parser" });
});

test("a service is not called back, and its document is what is published", async () => {
  await using workshop = await openWorkshop();
  const { work } = await workOf(workshop, inputFor("parser", { type: "SERVICE", httpSchema: openApi }));
  expect((await work.publish(soon())).schema).toMatchObject({ artifactId: "parser-http-config", kind: "OPENAPI", content: openApi, source: "request" });
  expect(workshop.instance.described).toBe(0);
});

test("what was saved although the answer was lost is not saved again", async () => {
  await using workshop = await openWorkshop();
  const { store } = workshop.ports;
  const attempt = await workshop.attempt((await workshop.replica({ maxRunning: 0 }).register(inputFor())).attemptId);
  const twice = async (write: Parameters<typeof store.tx<void>>[0]) => (await store.tx(write), store.tx(write));
  const { context } = contextOf(workshop.ports, attempt, "ci", { report: async () => undefined, alone: twice });
  expect((await context.work.publish(soon())).created).toBe(true);
});

test("an ask that is given up is not the result: the work goes on for the next", async () => {
  await using workshop = await openWorkshop();
  const answer = Promise.withResolvers<ReturnType<typeof description>>();
  workshop.instance.describe = () => answer.promise;
  const { work } = await workOf(workshop);
  const impatient = new AbortController();
  const first = work.publish(impatient.signal);
  await turn();
  const why = new Error("my time is up");
  impatient.abort(why);
  await expect(first).rejects.toBe(why);
  await expect(work.describe(AbortSignal.abort(why))).rejects.toBe(why);
  answer.resolve(description());
  expect((await work.describe(soon())).moduleName).toBe("parser");
  expect((await work.publish(soon())).created).toBe(true);
  expect(workshop.instance.described).toBe(1);
});

test.each([
  ["callback", 14_000],
  ["schema check", 19_000],
  ["publication", 12_000],
])("the %s has a limit of its own, and is begun anew after it", async (what, limitMs) => {
  const clock = manualClock(1_000_000);
  let hangs = true;
  const hangIf = async (here: string) => hangs && here === what && hang();
  await using workshop = await openWorkshop({
    clock,
    decorate: (ports) => ({
      ...putting((signal) => (hangs && what === "publication" ? untilAborted(signal) : Promise.resolve()))(ports),
      checkSchema: (_text, _share, signal) => (hangs && what === "schema check" ? untilAborted(signal) : Promise.resolve({ warnings: [] })),
    }),
  });
  workshop.instance.describe = async () => (await hangIf("callback"), description({ jsonConfigSchema: "{}" }));
  const { work } = await workOf(workshop);
  const sleepers = clock.sleepers();
  const first = work.publish(new AbortController().signal);
  first.catch(() => undefined);
  await clock.pass(limitMs - 1);
  hangs = false;
  await clock.pass(1);
  await expect(first).rejects.toMatchObject({ kind: "timeout", reason: "DEADLINE_EXCEEDED", message: `the ${what} took longer than ${limitMs} ms` });
  expect((await work.publish(soon())).created).toBe(true);
  await turn();
  expect(clock.sleepers()).toBe(sleepers);
});

test("a failure that would come again is remembered, one that may pass is not", async () => {
  const clock = manualClock(1_000_000);
  await using workshop = await openWorkshop({ clock });
  const { work } = await workOf(workshop);
  workshop.instance.describe = () => Promise.reject(unavailable("catalog", "scripted"));
  const transient = work.publish(soon());
  transient.catch(() => undefined);
  await clock.pass(5_000);
  await expect(transient).rejects.toMatchObject({ reason: "DEPENDENCY_UNAVAILABLE" });
  expect(workshop.instance.described).toBe(4);
  workshop.instance.describe = mismatch;
  await expect(work.publish(soon())).rejects.toMatchObject({ reason: "CALLBACK_IDENTITY_MISMATCH" });
  workshop.instance.describe = () => description();
  await expect(work.publish(soon())).rejects.toMatchObject({ reason: "CALLBACK_IDENTITY_MISMATCH" });
  await expect(work.describe(soon())).rejects.toMatchObject({ reason: "CALLBACK_IDENTITY_MISMATCH" });
  expect(workshop.instance.described).toBe(5);
});

test("after its end nothing begins, and when it has ended nothing is under way", async () => {
  const [reached, held] = [Promise.withResolvers<AbortSignal>(), Promise.withResolvers<void>()];
  await using workshop = await openWorkshop({ decorate: putting((signal) => (reached.resolve(signal), held.promise)) });
  const { work, endWork } = await workOf(workshop);
  const publishing = work.publish(soon());
  publishing.catch(() => undefined);
  const putSignal = await reached.promise;
  let hasEnded = false;
  const ending = endWork().then(() => (hasEnded = true));
  expect(putSignal.aborted).toBe(true);
  await turn();
  expect(hasEnded).toBe(false);
  held.resolve();
  await ending;
  const another = await workOf(workshop, inputFor("another"));
  await another.endWork();
  await expect(another.work.publish(soon())).rejects.toMatchObject({ reason: "CANCELLED" });
  expect(workshop.instance.described).toBe(1);
});

test("an attempt whose instance never answers the callback ends at the callback's limit, with that reason", async () => {
  const clock = manualClock(1_000_000);
  await using workshop = await openWorkshop({ clock });
  workshop.instance.describe = hang;
  const { register, events } = workshop.replica();
  const following = events((await register(inputFor())).attemptId);
  await clock.pass(16_000);
  const seen = await following;
  expect(typesOf(seen).slice(-2)).toEqual(["CONSUL_HEALTHY", "FAILED"]);
  expect(seen.at(-1)?.errorDetail).toMatch(/^DEADLINE_EXCEEDED: /);
});

test("what was begun ahead and failed transiently is tried again when its step comes", async () => {
  const clock = manualClock(1_000_000);
  const passing = Promise.withResolvers<void>();
  let isAway = true;
  await using workshop = await openWorkshop({
    clock,
    decorate: (ports) => ({
      ...putting(async () => isAway && Promise.reject(unavailable("schema registry", "scripted")))(ports),
      catalog: { ...ports.catalog, awaitPassing: () => passing.promise },
    }),
  });
  const { register, events } = workshop.replica();
  const following = events((await register(inputFor())).attemptId);
  await clock.pass(10_000);
  isAway = false;
  passing.resolve();
  await clock.pass(100);
  expect(typesOf(await following).at(-1)).toBe("COMPLETED");
});

test("an attempt is not taken back before what it was publishing has ended, and then that is taken back, too", async () => {
  const [reached, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using workshop = await openWorkshop({
    decorate: (ports) => ({
      ...putting(() => (reached.resolve(), held.promise))(ports),
      catalog: { ...ports.catalog, awaitPassing: (_id, _attempt, signal) => untilAborted(signal) },
    }),
  });
  const { runner, register, events } = workshop.replica();
  const { attemptId } = await register(inputFor());
  await reached.promise;
  runner.cancel(attemptId, cancelledBy("the test"));
  for (let round = 0; round < 50; round++) await turn();
  expect((await workshop.attempt(attemptId)).state).toBe("RUNNING");
  held.resolve();
  expect((await events(attemptId)).at(-1)?.errorDetail).toBe("CANCELLED: cancelled by the test");
  expect(await workshop.ports.schemas.versions("parser-config", soon())).toEqual([]);
  expect(await workshop.store.tx((tx) => tx.registrations.find(attemptId))).toBeUndefined();
});
