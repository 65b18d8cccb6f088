/** An address and port that another module took over: who is taken off the platform, who stays, and when it is looked at again. */
import { expect, test } from "vitest";
import { DomainError } from "../../src/kernel/errors.ts";
import { displaceOthers } from "../../src/registration/displace.ts";
import { startRegistration, type RegisterDeps } from "../../src/registration/register.ts";
import { displaceTask } from "../../src/registration/task-types.ts";
import type { Endpoint, ModuleDescription, RegisterInput } from "../../src/registration/types.ts";
import { caller, description, host, inputFor, openWorkshop, port, typesOf } from "../support/workshop.ts";

const soon = () => AbortSignal.timeout(60_000);

type Answer = string | Error;

/** `answer` says by what name the module at an endpoint describes itself. */
async function open(answer: (endpoint: Endpoint) => Answer) {
  const workshop = await openWorkshop();
  const { ports, store, ids, instance } = workshop;
  const replica = workshop.replica();
  // All names of hosts stand for one address.
  const deps: RegisterDeps = { ...replica.deps, resolveHost: async (name) => ({ address: name.endsWith(".test") ? host : name }) };
  const on = { answer };
  instance.describe = (_signal, endpoint): ModuleDescription => {
    const said = on.answer(endpoint);
    if (typeof said !== "string") throw said;
    return description({ moduleName: said });
  };
  const lines: string[] = [];
  return {
    on,
    workshop,
    lines,
    async register(name: string, more: Partial<RegisterInput> = {}) {
      const { attemptId } = await startRegistration(deps, inputFor(name, more), caller, soon());
      expect(typesOf(await replica.events(attemptId)).at(-1)).toBe("COMPLETED");
      return attemptId;
    },
    /** The ids of the registrations whose address is to be looked at. */
    left: async () => (await store.tx((tx) => tx.tasks.claim(displaceTask.kind, 60_000, 10))).map(({ payload }) => displaceTask.parse(JSON.parse(payload))),
    run: (registrationId: string) =>
      displaceOthers({ ports, ids, log: (_level, event, fields) => void lines.push(`${event} ${String(fields?.["service"])}`) }, { registrationId }, soon()),
    active: async () => (await store.tx((tx) => tx.registrations.listActive("", 99))).map(({ name }) => name),
    events: async () => (await store.tx((tx) => tx.outbox.unpublished(100))).map(({ type, key }) => `${type} ${key}`),
    [Symbol.asyncDispose]: () => workshop[Symbol.asyncDispose](),
  };
}

const ordersId = `fld-orders-${host}-${port}`;

test("a module in whose place another one is registered and answers is reaped at once, with its events and audit", async () => {
  await using it = await open(() => "fld-orders");
  await it.register("fld-orders");
  expect(await it.left()).toEqual([]);
  it.on.answer = () => "fld-billing";
  const billing = await it.register("fld-billing");
  expect(await it.left()).toEqual([{ registrationId: billing }]);
  await it.run(billing);
  expect(await it.active()).toEqual(["fld-billing"]);
  expect((await it.events()).slice(-2)).toEqual([`InstanceReaped ${ordersId}`, `ModuleUnregistered ${ordersId}`]);
  expect((await it.workshop.audit("fld-orders")).at(-1)).toMatchObject({
    action: "UNREGISTERED",
    actor: "muster",
    detail: { reason: '"fld-billing" answers at its address' },
  });
  expect(it.lines).toEqual([`registration.displaced ${ordersId}`]);
  const before = it.workshop.instance.described;
  await it.run(billing);
  expect(await it.active()).toEqual(["fld-billing"]);
  expect(it.workshop.instance.described).toBe(before);
});

test("what may not be dialled any more is not called back", async () => {
  await using it = await open(() => "fld-orders");
  await it.register("fld-orders");
  it.on.answer = () => "fld-billing";
  const billing = await it.register("fld-billing");
  const { ports, ids, instance } = it.workshop;
  const before = instance.described;
  await displaceOthers({ ports: { ...ports, judge: () => "is outside the allowed ranges" }, ids, log: () => undefined }, { registrationId: billing }, soon());
  expect([instance.described, (await it.active()).length]).toEqual([before, 2]);
});

test.each([
  [
    "advertised under another host",
    { connectivity: { advertisedHost: "10.0.0.7", advertisedPort: 1, internalHost: host, internalPort: port, tlsEnabled: false } },
  ],
  ["a name for its host", { connectivity: { advertisedHost: "orders.test", advertisedPort: port, tlsEnabled: false } }],
  ["its address written in another way", { connectivity: { advertisedHost: `::ffff:${host}`, advertisedPort: port, tlsEnabled: false } }],
  ["a connector", { type: "CONNECTOR" }],
] as const)("the same holds for one with %s", async (_what, more) => {
  await using it = await open(() => "fld-orders");
  await it.register("fld-orders", more);
  it.on.answer = () => "fld-billing";
  const billing = await it.register("fld-billing");
  expect(await it.left()).toEqual([{ registrationId: billing }]);
  await it.run(billing);
  expect(await it.active()).toEqual(["fld-billing"]);
});

test("services share an address, with each other and with a module; so does one name under two hosts, and another port is another address", async () => {
  await using it = await open(() => "fld-billing");
  await it.register("fld-http", { type: "SERVICE" });
  await it.register("fld-admin", { type: "SERVICE" });
  await it.register("fld-billing");
  await it.register("fld-billing", {
    connectivity: { advertisedHost: "10.0.0.7", advertisedPort: 1, internalHost: host, internalPort: port, tlsEnabled: false },
  });
  it.on.answer = () => "fld-orders";
  await it.register("fld-orders", { connectivity: { advertisedHost: host, advertisedPort: port + 1, tlsEnabled: false } });
  expect(await it.left()).toEqual([]);
  it.on.answer = () => "fld-billing";
  await it.register("fld-later", { type: "SERVICE" });
  expect(await it.left()).toEqual([]);
  expect(await it.active()).toHaveLength(6);
});

test("modules that a proxy tells apart by their host names stay, all of them", async () => {
  const behindProxy = (name: string): Partial<RegisterInput> => ({ connectivity: { advertisedHost: `${name}.test`, advertisedPort: port, tlsEnabled: false } });
  await using it = await open(({ serverName }) => serverName.replace(".test", ""));
  await it.register("fld-orders", behindProxy("fld-orders"));
  const billing = await it.register("fld-billing", behindProxy("fld-billing"));
  expect(await it.left()).toEqual([{ registrationId: billing }]);
  await it.run(billing);
  expect(await it.active()).toEqual(["fld-orders", "fld-billing"]);
});

const answering = (init: Partial<ConstructorParameters<typeof DomainError>[0]>) =>
  new DomainError({ kind: "unavailable", reason: "CALLBACK_FAILED", message: "scripted", ...init });

test.each([
  ["is silent", answering({})],
  ["takes too long", answering({ kind: "timeout", reason: "CALLBACK_TIMEOUT" })],
  ["answers with a status, as a proxy does", answering({ kind: "wrong_state", metadata: { grpc_status: "INTERNAL" } })],
])("one that %s is looked at again, until it shows who it is", async (_what, error) => {
  await using it = await open(() => "fld-orders");
  await it.register("fld-orders");
  it.on.answer = () => "fld-billing";
  const billing = await it.register("fld-billing");
  it.on.answer = () => error;
  await expect(it.run(billing)).rejects.toBe(error);
  expect(await it.active()).toHaveLength(2);
  it.on.answer = () => "fld-billing";
  await it.run(billing);
  expect(await it.active()).toEqual(["fld-billing"]);
});

test("one in whose place no such server answers is reaped", async () => {
  await using it = await open(() => "fld-orders");
  await it.register("fld-orders", { connectivity: { advertisedHost: host, advertisedPort: port, tlsEnabled: true } });
  it.on.answer = ({ tls }) => (tls ? answering({ kind: "wrong_state" }) : "fld-billing");
  await it.run(await it.register("fld-billing"));
  expect(await it.active()).toEqual(["fld-billing"]);
});

test("one that is registering anew just now is left to that, and looked at again", async () => {
  await using it = await open(() => "fld-orders");
  await it.register("fld-orders");
  it.on.answer = () => "fld-billing";
  const billing = await it.register("fld-billing");
  const { instance } = it.workshop;
  const held = Promise.withResolvers<ModuleDescription>();
  const scripted = instance.describe;
  instance.describe = () => held.promise;
  const replica = it.workshop.replica();
  const { attemptId } = await replica.register(inputFor("fld-orders", { tags: ["anew"] }));
  instance.describe = scripted;
  await expect(it.run(billing)).rejects.toMatchObject({ reason: "ATTEMPT_IN_FLIGHT" });
  expect(await it.active()).toHaveLength(2);
  held.resolve(description({ moduleName: "fld-billing" }));
  expect((await replica.events(attemptId)).at(-1)?.errorDetail).toMatch(/^CALLBACK_IDENTITY_MISMATCH/);
  await it.run(billing);
  expect(await it.active()).toEqual(["fld-billing"]);
});
