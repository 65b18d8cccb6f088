/** What Unregister leaves in the record for others to follow, and what the withdrawal then takes out, and only that. */
import { expect, test } from "vitest";
import type { Caller } from "../../src/kernel/caller.ts";
import { principalOf } from "../../src/kernel/caller.ts";
import { unavailable } from "../../src/kernel/errors.ts";
import type { RegistrationPorts } from "../../src/registration/attempts/attempt-context.ts";
import { withdrawTask } from "../../src/registration/task-types.ts";
import { endKey } from "../../src/registration/end-key.ts";
import { unregister } from "../../src/registration/unregister.ts";
import { withdraw, type Withdrawal } from "../../src/registration/withdraw.ts";
import { registration, schemaVersion } from "../contract/store/fixtures.ts";
import { caller, description, host, inputFor, notServing, openWorkshop, port, type Replica, type Workshop } from "../support/workshop.ts";

const soon = () => AbortSignal.timeout(60_000);
const serviceId = `parser-${host}-${port}`;
const subject = { kind: "instance", id: serviceId };
const traced: Caller = { ...caller, traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" };

/** Unregisters `parser`; `ran` are the ids of the tasks that were to be carried out at once, with the result `isDone`. */
async function unregisterParser({ ports, ids }: Workshop, { runner }: Replica, { by = caller, isDone = true } = {}) {
  const ran: string[] = [];
  const runTask = async (id: string) => (ran.push(id), isDone);
  return { ...(await unregister({ ports, ids, runner, runTask }, { name: "parser", host, port }, by)), ran };
}

async function registered(replica: Replica, more: Parameters<typeof inputFor>[1] = {}): Promise<string> {
  const { attemptId } = await replica.register(inputFor("parser", more));
  expect((await replica.events(attemptId)).at(-1)?.type).toBe("COMPLETED");
  return attemptId;
}

const outbox = async ({ store }: Workshop) =>
  (await store.tx((tx) => tx.outbox.unpublished(100))).map(({ payload, ...rest }) => ({ ...rest, payload: JSON.parse(payload) as unknown }));
const claimed = async ({ store }: Workshop) =>
  (await store.tx((tx) => tx.tasks.claim("withdraw", 60_000, 10))).map(({ id, payload }) => ({ id, ...withdrawTask.parse(JSON.parse(payload)) }));

test.each([
  ["MODULE", "ModuleUnregistered"],
  ["SERVICE", "ServiceUnregistered"],
] as const)("what was registered as a %s leaves its event, its audit and its withdrawal in the record", async (type, event) => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  const first = await registered(replica, { type });
  const second = await registered(replica, { type, tags: ["new"] });
  const before = (await outbox(workshop)).length;
  const { ended, withdrawn, ran } = await unregisterParser(workshop, replica, { by: traced });
  expect([ended, withdrawn]).toEqual([true, true]);
  expect((await outbox(workshop)).slice(before)).toMatchObject([
    { key: serviceId, subject, traceparent: traced.traceparent, type: event, payload: { type: event, serviceId, name: "parser" } },
  ]);
  const audit = (await workshop.audit("parser")).at(-1);
  expect(audit).toMatchObject({ action: "UNREGISTERED", actor: caller.key });
  expect(Object.keys(audit?.detail ?? {})).toEqual(["registrations"]);
  expect(audit?.detail["registrations"]?.split(",").toSorted()).toEqual([first, second].toSorted());
  const [task, ...more] = await claimed(workshop);
  expect(more).toEqual([]);
  expect(ran).toEqual([task?.id]);
  expect(task?.registrationIds[0]).toBe(second);
  for (const id of [first, second]) expect((await workshop.store.tx((tx) => tx.registrations.find(id)))?.state).toBe("UNREGISTERED");
});

test("whether the catalog has followed is what the task reports; without anything to withdraw there is no task", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  await registered(replica);
  expect(await unregisterParser(workshop, replica, { isDone: false })).toMatchObject({ ended: true, withdrawn: false, ran: [expect.any(String)] });
  const [events, audits] = [(await outbox(workshop)).length, (await workshop.audit("parser")).length];
  const { generation } = (await workshop.store.tx((tx) => tx.instances.lockId(serviceId)))!;
  // Again: nothing is left to end, so nothing is said, done or counted.
  expect(await unregisterParser(workshop, replica, { isDone: false })).toEqual({ ended: false, withdrawn: true, ran: [] });
  expect((await outbox(workshop)).length).toBe(events);
  expect((await workshop.audit("parser")).length).toBe(audits);
  expect((await workshop.store.tx((tx) => tx.instances.lockId(serviceId)))?.generation).toBe(generation);
  expect(await claimed(workshop)).toHaveLength(1);
});

test("an instance that replaces itself is ended with what runs for it: one generation on, both in the audit", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  const active = await registered(replica);
  const { generation } = (await workshop.store.tx((tx) => tx.instances.lockId(serviceId)))!;
  workshop.instance.health = () => notServing;
  const { attemptId } = await replica.register(inputFor("parser", { tags: ["new"] }));
  expect(await unregisterParser(workshop, replica)).toMatchObject({ ended: true, withdrawn: true });
  await replica.events(attemptId);
  expect((await workshop.attempt(attemptId)).cancelRequested).toBe(true);
  expect((await workshop.audit("parser")).find(({ action }) => action === "UNREGISTERED")?.detail).toEqual({ registrations: active, cancels: attemptId });
  expect((await workshop.store.tx((tx) => tx.instances.lockId(serviceId)))?.generation).toBe(generation + 1);
});

test("what was never registered is not found, and a name is for its owner to take off", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  await expect(unregisterParser(workshop, replica)).rejects.toMatchObject({
    kind: "not_found",
    reason: "REGISTRATION_NOT_FOUND",
    subject: { type: "service", name: serviceId },
    metadata: { service_id: serviceId },
  });
  const active = await registered(replica);
  const other = principalOf("tokens", "other", ["registrar", "operator"]);
  await expect(unregisterParser(workshop, replica, { by: other })).rejects.toMatchObject({ kind: "denied", reason: "NAME_OWNED_BY_ANOTHER" });
  expect((await workshop.store.tx((tx) => tx.registrations.find(active)))?.state).toBe("ACTIVE");
  expect(await claimed(workshop)).toEqual([]);
});

test("bad fields are refused before anything is looked up", async () => {
  await using workshop = await openWorkshop();
  const { runner } = workshop.replica();
  const bad = unregister({ ports: workshop.ports, ids: workshop.ids, runner, runTask: async () => true }, { name: "two words", host, port: 0 }, caller);
  await expect(bad).rejects.toMatchObject({ kind: "invalid", reason: "INVALID_FIELDS", fields: [{ field: "name" }, { field: "port" }] });
});

test("who ends a key can say why, in the audit and by an event that goes out before", async () => {
  await using workshop = await openWorkshop();
  const active = await registered(workshop.replica());
  const before = (await outbox(workshop)).length;
  const reaped = { type: "InstanceReaped", serviceId, name: "parser", since: 7 } as const;
  await workshop.store.tx(async (tx) => {
    const key = await tx.instances.lockId(serviceId);
    await endKey(tx, { ids: workshop.ids, gate: workshop.ports.gate }, key!, {
      taskId: "task",
      actor: "muster",
      now: 9,
      why: { reason: "critical" },
      before: reaped,
    });
  });
  expect((await outbox(workshop)).slice(before)).toMatchObject([
    { type: "InstanceReaped", at: 9, payload: reaped, traceparent: undefined },
    { type: "ModuleUnregistered", at: 9 },
  ]);
  expect((await workshop.audit("parser")).at(-1)).toMatchObject({ at: 9, actor: "muster", detail: { registrations: active, reason: "critical" } });
});

/** Notes what is taken out of the catalog and disabled; `before` is called ahead of each taking out. */
function noting(noted: string[], before: () => Promise<unknown> = async () => undefined): (ports: RegistrationPorts) => RegistrationPorts {
  return (ports) => ({
    ...ports,
    catalog: {
      ...ports.catalog,
      deregister: async (id, attemptId, signal) => (noted.push(`deregister ${attemptId}`), await before(), ports.catalog.deregister(id, attemptId, signal)),
    },
    schemas: {
      ...ports.schemas,
      disable: (artifactId, version, signal) => (noted.push(`disable ${artifactId} ${version}`), ports.schemas.disable(artifactId, version, signal)),
    },
  });
}

test("a withdrawal takes the entry out and disables each schema version once, and repeating it changes nothing", async () => {
  const noted: string[] = [];
  await using workshop = await openWorkshop({ decorate: noting(noted) });
  const replica = workshop.replica();
  await registered(replica);
  workshop.instance.describe = () => description({ version: "2.0.0" });
  await registered(replica, { version: "2.0.0" });
  const served = await registered(replica, { version: "2.0.0", tags: ["new"] });
  noted.length = 0;
  await unregisterParser(workshop, replica);
  const [task] = await claimed(workshop);
  await withdraw(workshop.ports, task!, soon());
  expect(await workshop.ports.catalog.instances({}, soon())).toEqual([]);
  expect(noted[0]).toBe(`deregister ${served}`);
  expect(noted.slice(1).toSorted()).toEqual(["disable parser-config 1.0.0", "disable parser-config 2.0.0"]);
  expect(await workshop.ports.schemas.versions("parser-config", soon())).toEqual([]);
  noted.length = 0;
  await withdraw(workshop.ports, task!, soon());
  expect(noted).toEqual([`deregister ${served}`]);
});

test("a withdrawal that is late touches nothing of an instance that registered again, and takes out what an older one left", async () => {
  await using workshop = await openWorkshop();
  const replica = workshop.replica();
  const former = await registered(replica);
  await unregisterParser(workshop, replica);
  const again = await registered(replica, { tags: ["new"] });
  const [task] = await claimed(workshop);
  await withdraw(workshop.ports, task!, soon());
  expect(await workshop.ports.catalog.instances({}, soon())).toMatchObject([{ attemptId: again, status: "passing" }]);
  expect(await workshop.ports.schemas.versions("parser-config", soon())).toEqual(["1.0.0"]);
  // An entry of a registration that has ended, and that no task names.
  await workshop.store.tx((tx) => tx.registrations.endAll(serviceId, 1));
  await withdraw(workshop.ports, { registrationIds: [former] }, soon());
  expect(await workshop.ports.catalog.instances({}, soon())).toEqual([]);
});

test("a withdrawal leaves entries that are not ours, and those of a record that it does not know", async () => {
  const taken: string[] = [];
  const others = [{ attemptId: undefined }, { attemptId: "unknown" }];
  await using workshop = await openWorkshop({
    decorate: (ports) => ({
      ...ports,
      catalog: {
        ...ports.catalog,
        instances: async () =>
          others.map((it) => ({ serviceId, name: "parser", address: host, port, tags: [], meta: {}, status: "passing", onTrial: false, checks: [], ...it })),
        deregister: async (_id, attemptId) => void taken.push(attemptId),
      },
    }),
  });
  await workshop.store.tx((tx) => tx.registrations.insert(registration("ended", { serviceId, state: "UNREGISTERED", schema: undefined })));
  await withdraw(workshop.ports, { registrationIds: ["ended"] }, soon());
  expect(taken).toEqual(["ended"]);
});

test("a withdrawal of what the record does not have is over at once", async () => {
  const noted: string[] = [];
  await using workshop = await openWorkshop({ decorate: noting(noted) });
  await withdraw(workshop.ports, { registrationIds: ["gone"] }, soon());
  expect(noted).toEqual([]);
});

test("a withdrawal of a former version, which lists hundreds, finds the one that served and every schema version", async () => {
  const noted: string[] = [];
  await using workshop = await openWorkshop({ decorate: noting(noted) });
  const registrationIds = Array.from({ length: 450 }, (_, n) => `r${n}`);
  await workshop.store.tx(async (tx) => {
    for (const [n, id] of registrationIds.entries()) {
      const version = `${n % 3}`;
      const served = id === "r77";
      await tx.registrations.insert(
        registration(id, { serviceId, state: "UNREGISTERED", registeredAt: served ? 9_000 : n, schema: { artifactId: "parser-config", version } }),
      );
    }
    for (const version of ["0", "1", "2"]) await tx.schemas.insert(schemaVersion(version, { state: "ENABLED" }));
  });
  await withdraw(workshop.ports, { registrationIds } satisfies Withdrawal, soon());
  expect(noted[0]).toBe("deregister r77");
  expect(noted.slice(1).toSorted()).toEqual(["disable parser-config 0", "disable parser-config 1", "disable parser-config 2"]);
});

test("a withdrawal that meets a catalog that is away rejects and has released nothing, to be repeated as a whole", async () => {
  const noted: string[] = [];
  let isAway = true;
  await using workshop = await openWorkshop({ decorate: noting(noted, async () => isAway && Promise.reject(unavailable("catalog", "scripted"))) });
  const replica = workshop.replica();
  await registered(replica);
  await unregisterParser(workshop, replica);
  const [task] = await claimed(workshop);
  await expect(withdraw(workshop.ports, task!, soon())).rejects.toMatchObject({ kind: "unavailable" });
  expect(await workshop.ports.schemas.versions("parser-config", soon())).toEqual(["1.0.0"]);
  isAway = false;
  await withdraw(workshop.ports, task!, soon());
  expect(await workshop.ports.catalog.instances({}, soon())).toEqual([]);
  expect(await workshop.ports.schemas.versions("parser-config", soon())).toEqual([]);
});
