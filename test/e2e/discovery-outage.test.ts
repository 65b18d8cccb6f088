/** Discovery on a Consul that has a life of its own: what others register, and while it is away, hangs, or was never there. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import {
  PlatformRegistrationService as Platform,
  ServiceType,
  type WatchServicesResponse,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { CallError, connect } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, startMuster } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { requestFor, unregister } from "../support/world.ts";

const { method } = Platform;

describeReal("discovery on Consul", ({ consul }) => {
  const target = Number(new URL(consul).port);

  /** Muster with its record in a file and Consul behind a proxy. */
  async function open(awayAtFirst = false) {
    const stack = new AsyncDisposableStack();
    const proxy = stack.use(await startTcpProxy({ target }));
    if (awayAtFirst) await proxy.cut();
    const backing = stack.use(await embeddedBacking());
    const muster = stack.use(await startMuster({ ...backing.env, MUSTER_CATALOG: `consul+http://127.0.0.1:${proxy.port}` }));
    const client = stack.adopt(connect(muster.address), (it) => it[Symbol.dispose]());
    const name = `away-${crypto.randomUUID().slice(0, 8)}`;
    return { proxy, muster, client, name, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  }

  test("what others put there is shown too, and marked", async () => {
    await using it = await open();
    const { client, name } = it;
    const put = (path: string, body: object = {}) => fetch(`${consul}/v1/agent/service/${path}`, { method: "PUT", body: JSON.stringify(body) });
    await put("register", { ID: name, Name: name, Address: "10.1.2.3", Port: 80, Tags: ["blue"], Meta: { zone: "b", version: "7" } });
    const find = () => client.unary(method.getService, { lookupKey: { case: "serviceId", value: name } }).catch(() => undefined);
    const found = await eventually(find);
    expect(found).toMatchObject({
      serviceName: name,
      serviceId: name,
      host: "10.1.2.3",
      port: 80,
      version: "7",
      tags: ["blue"],
      metadata: { zone: "b", version: "7", "muster-foreign": "true" },
      isHealthy: true,
    });
    expect(found.registeredAt).toBeUndefined();
    await put(`deregister/${name}`);
    await eventually(async () => ((await find()) === undefined ? true : undefined));
  });

  test("a thousand watchers share its answers: few connections, and all hear of a change", async () => {
    await using it = await open();
    const { client, name, muster } = it;
    const clients = Array.from({ length: 20 }, () => connect(muster.address));
    let heard = 0;
    const watches = clients.flatMap((each) =>
      Array.from({ length: 50 }, () =>
        each.stream(method.watchServices, {}, (list) => {
          if (!list.services.some((service) => service.serviceName === name)) return true;
          heard += 1;
          return false;
        }),
      ),
    );
    await client.unary(method.listServices, {});
    await fetch(`${consul}/v1/agent/service/register`, { method: "PUT", body: JSON.stringify({ ID: name, Name: name, Port: 80 }) });
    await eventually(async () => heard === 1_000 || undefined);
    await Promise.all(watches);
    expect(it.proxy.connections()).toBeLessThan(20);
    await fetch(`${consul}/v1/agent/service/deregister/${name}`, { method: "PUT" });
    for (const each of clients) each[Symbol.dispose]();
  });

  test.each(["cut", "frozen"] as const)("%s: answers go on with the list that was there, which says how old it is; then they catch up", async (how) => {
    await using it = await open();
    const { client, name, proxy } = it;
    await using module = await startFakeModule({ name, version: "1" });
    const { types } = await client.register(requestFor(name, module, { type: ServiceType.SERVICE }));
    expect(types.at(-1)).toBe("COMPLETED");
    const lists: WatchServicesResponse[] = [];
    const watch = client.stream(method.watchServices, {}, (list) => void lists.push(list));
    const has = (list: WatchServicesResponse | undefined) => list?.services.some((service) => service.serviceName === name) ?? false;
    await eventually(async () => has(lists.at(-1)) || undefined);

    if (how === "cut") await proxy.cut();
    else proxy.freeze();
    // Until the list says that it is so old; and long enough for an unanswered query to be given up.
    const oldMs = how === "cut" ? 2_500 : 12_000;
    await eventually(
      async () => {
        const list = await client.unary(method.listServices, {});
        expect(list.services.some((service) => service.serviceName === name)).toBe(true);
        return (list.asOf && Date.now() - timestampMs(list.asOf) > oldMs) || undefined;
      },
      60_000,
      100,
    );
    expect(await client.unary(method.resolveService, { serviceName: name })).toMatchObject({ found: true, port: module.port });
    expect(lists.every(has) || lists.findIndex(has) === lists.findLastIndex((it) => !has(it)) + 1).toBe(true);

    await proxy.restore();
    const back = Date.now();
    await eventually(async () => {
      const { asOf } = await client.unary(method.listServices, {});
      return (asOf && timestampMs(asOf) >= back) || undefined;
    });
    expect(has(lists.at(-1))).toBe(true);
    await unregister(client, name, module);
    await eventually(async () => !has(lists.at(-1)) || undefined);
    it.muster.signal("SIGTERM");
    expect((await watch).status).toMatchObject({ code: 14, reason: "SHUTTING_DOWN" });
  });

  test("from the start: UNAVAILABLE, never an empty list; a watcher gets its list when there is one", async () => {
    await using it = await open(true);
    const { client, proxy } = it;
    const lists: WatchServicesResponse[] = [];
    const watch = client.stream(method.watchServices, {}, (list) => (lists.push(list), false));
    for (const call of [
      client.unary(method.listServices, {}),
      client.unary(method.listModules, {}),
      client.unary(method.resolveService, { serviceName: "x" }),
      client.unary(method.getService, { lookupKey: { case: "serviceName", value: "x" } }),
    ]) {
      const error: unknown = await call.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(CallError);
      expect((error as CallError).status).toMatchObject({ code: 14, reason: "DEPENDENCY_UNAVAILABLE", metadata: { dependency: "catalog" } });
    }
    expect(lists).toEqual([]);
    await proxy.restore();
    expect((await watch).messages).toHaveLength(1);
    expect(await client.unary(method.resolveService, { serviceName: "no-such-name" })).toMatchObject({ found: false });
  });
});
