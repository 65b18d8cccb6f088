/** A module dies, and another one registers on its address and port: consumers of the first are not sent to the second. */
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService, ServiceType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { connect, type MusterClient } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { gateScene, isHeld } from "../support/gate.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, realBacking, startMuster, type Backing } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { moduleSteps, passingInConsul, requestFor, serviceSteps, unregister } from "../support/world.ts";

const { method } = PlatformRegistrationService;

const resolved = (client: MusterClient, serviceName: string) => client.unary(method.resolveService, { serviceName });

/** Waits until consumers see as many healthy instances of the name, and no others. */
async function untilShown(client: MusterClient, name: string, count: number): Promise<void> {
  await eventually(async () => {
    const { totalInstances, healthyInstances } = await resolved(client, name);
    return totalInstances === count && healthyInstances === count ? true : undefined;
  });
}

function takenOver(back: () => Promise<Backing>, consul?: (name: string) => Promise<readonly unknown[]>): void {
  const tag = () => crypto.randomUUID().slice(0, 8);

  test.each([
    ["the same host", "127.0.0.1", {}],
    ["its host in another spelling", "localhost", {}],
    ["another advertised host", "10.9.8.7", { internalHost: "localhost" }],
  ] as const)("the first one, with %s, goes at once, for every replica and after a restart", async (_what, advertisedHost, inside) => {
    await using backing = await back();
    const [orders, billing] = [`fld-orders-${tag()}`, `fld-billing-${tag()}`];
    let port: number;
    await using first = await startMuster(backing.env);
    // The embedded catalog is one process's.
    await using second = consul ? await startMuster(backing.env) : undefined;
    using client = connect(first.address);
    using other = connect((second ?? first).address);
    {
      await using module = await startFakeModule({ name: orders, version: "1.0.0" });
      port = module.port;
      const where = { advertisedHost, ...inside, ...(Object.hasOwn(inside, "internalHost") ? { internalPort: port } : {}) };
      const { types, errorDetail } = await client.register(requestFor(orders, module, {}, where));
      expect(types, errorDetail).toEqual(moduleSteps);
      await untilShown(client, orders, 1);
    }
    await using module = await startFakeModule({ name: billing, version: "1.0.0", port });
    expect((await other.register(requestFor(billing, module))).types).toEqual(moduleSteps);
    for (const at of [client, other]) {
      await untilShown(at, orders, 0);
      await untilShown(at, billing, 1);
    }
    expect((await resolved(client, orders)).selectionReason).toBe(`no instance of ${orders} is registered`);
    if (consul) expect([await consul(orders), await consul(billing)]).toEqual([[], [expect.anything()]]);

    await first[Symbol.asyncDispose]();
    await second?.[Symbol.asyncDispose]();
    await using third = await startMuster(backing.env);
    using later = connect(third.address);
    await untilShown(later, billing, 1);
    expect((await resolved(later, orders)).totalInstances).toBe(0);
    expect(await unregister(later, billing, module)).toMatchObject({ success: true });
    await untilShown(later, billing, 0);
    expect((await resolved(later, orders)).totalInstances).toBe(0);
    await using elsewhere = await startFakeModule({ name: orders, version: "1.0.0" });
    expect((await later.register(requestFor(orders, elsewhere))).types).toEqual(moduleSteps);
    await untilShown(later, orders, 1);
    expect(await resolved(later, orders)).toMatchObject({ host: "127.0.0.1", port: elsewhere.port });
    await unregister(later, orders, elsewhere);
  });

  test("the first one goes also when the other one waits for an approval", async () => {
    await using backing = await back();
    await using muster = await startMuster(backing.env);
    using client = connect(muster.address);
    using people = gateScene(muster.address);
    await people.turnOn();
    const [orders, billing] = [`auto-orders-${tag()}`, `fld-billing-${tag()}`];
    let port: number;
    {
      await using module = await startFakeModule({ name: orders, version: "1.0.0" });
      port = module.port;
      expect((await client.register(requestFor(orders, module))).types).toEqual(moduleSteps);
      await untilShown(client, orders, 1);
    }
    await using module = await startFakeModule({ name: billing, version: "1.0.0", port });
    const held = await client.register(requestFor(billing, module));
    expect(isHeld(held), held.errorDetail).toBe(true);
    await untilShown(client, orders, 0);
    if (consul) expect([await consul(orders), await consul(billing)]).toEqual([[], []]);
    await people.approve(held);
    await untilShown(client, billing, 1);
    await unregister(client, billing, module);
  });

  test("services and a module share an address", async () => {
    await using backing = await back();
    await using muster = await startMuster(backing.env);
    using client = connect(muster.address);
    const [web, admin, parser] = [`fld-web-${tag()}`, `fld-admin-${tag()}`, `fld-parser-${tag()}`];
    await using module = await startFakeModule({ name: parser, version: "1.0.0" });
    for (const name of [web, admin]) expect((await client.register(requestFor(name, module, { type: ServiceType.SERVICE }))).types).toEqual(serviceSteps);
    expect((await client.register(requestFor(parser, module))).types).toEqual(moduleSteps);
    expect((await client.register(requestFor(web, module, { type: ServiceType.SERVICE, tags: ["again"] }))).types).toEqual(serviceSteps);
    for (const name of [web, admin, parser]) await untilShown(client, name, 1);
    expect(module.calls.describe).toBe(1);
    for (const name of [web, admin, parser]) await unregister(client, name, module);
  });
}

describe("an address that was taken over (embedded)", () => takenOver(embeddedBacking));
describeReal("an address that was taken over (real servers)", (servers) =>
  takenOver(
    () => realBacking(servers),
    (name) => passingInConsul(servers, name),
  ),
);
