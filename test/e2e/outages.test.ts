/** A dependency is away or answers 500: the attempt says which, leaves nothing behind, and what is owed comes later. */
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EventType } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { AttemptState, RegistrationService } from "../../gen/muster/registration/v1/registration_service_pb.ts";
import { connect, type MusterClient } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { query, realBacking, startMuster, type Environment, type MusterProcess } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { leftInConsul, moduleSteps, requestFor, unregister, versionsInApicurio } from "../support/world.ts";

describeReal("with a dependency away", (servers) => {
  let backing: Awaited<ReturnType<typeof realBacking>>;
  let muster: MusterProcess;
  let client: MusterClient;
  let proxies: Record<"consul" | "apicurio" | "mysql", TcpProxy>;
  const tag = crypto.randomUUID().slice(0, 8);

  beforeAll(async () => {
    backing = await realBacking(servers);
    const portOf = (url: string) => Number(new URL(url).port);
    proxies = {
      consul: await startTcpProxy({ target: portOf(servers.consul) }),
      apicurio: await startTcpProxy({ target: portOf(servers.apicurio) }),
      mysql: await startTcpProxy({ target: portOf(servers.mysql) }),
    };
    muster = await startMuster({ ...through(backing.env), MUSTER_ATTEMPT_LEASE: "2s" });
    client = connect(muster.address);
  });

  afterAll(async () => {
    client[Symbol.dispose]();
    await muster[Symbol.asyncDispose]();
    for (const proxy of Object.values(proxies)) await proxy[Symbol.asyncDispose]();
    await backing[Symbol.asyncDispose]();
  });

  function through(env: Environment): Environment {
    const via = (url: string | undefined, port: number) => (url ?? "").replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`);
    return {
      MUSTER_STORE: via(env["MUSTER_STORE"], proxies.mysql.port),
      MUSTER_CATALOG: via(env["MUSTER_CATALOG"], proxies.consul.port),
      MUSTER_SCHEMAS: via(env["MUSTER_SCHEMAS"], proxies.apicurio.port),
      MUSTER_EVENTS: env["MUSTER_EVENTS"] ?? "",
    };
  }

  /** Every trace of a failed attempt goes away once its dependency is back. */
  async function nothingLeft(name: string, attemptId: string): Promise<void> {
    await eventually(async () => {
      const { attempt } = await client.unary(RegistrationService.method.getAttempt, { attemptId }).catch(() => ({ attempt: undefined }));
      return attempt?.state === AttemptState.ROLLED_BACK || undefined;
    });
    expect(await leftInConsul(servers, name)).toEqual([]);
    expect((await versionsInApicurio(servers, `${name}-config`)).filter(({ state }) => state === "ENABLED")).toEqual([]);
    expect(await query(backing.databaseUrl, "SELECT id FROM registrations WHERE name = ?", [name])).toEqual([]);
    expect(
      await query(backing.databaseUrl, "SELECT type FROM attempt_events WHERE attempt_id = ? AND type IN ('FAILED','COMPLETED')", [attemptId]),
    ).toHaveLength(1);
  }

  test.each([
    ["Consul refuses", "consul", "cut", "catalog", "VALIDATED"],
    ["Consul hangs", "consul", "freeze", "catalog", "VALIDATED"],
    ["Apicurio refuses", "apicurio", "cut", "schema registry", "DATABASE_SAVED"],
    ["Apicurio hangs", "apicurio", "freeze", "schema registry", "DATABASE_SAVED"],
  ] as const)("%s: FAILED and UNAVAILABLE, naming it", { timeout: 240_000 }, async (what, server, how, dependency, last) => {
    const name = `${what.toLowerCase().replaceAll(" ", "-")}-${tag}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await proxies[server][how]();
    const { types, errorDetail, status, attemptId } = await client.register(requestFor(name, module)).finally(() => proxies[server].restore());
    expect(types.slice(-2)).toEqual([last, "FAILED"]);
    expect(errorDetail).toMatch(new RegExp(`^DEPENDENCY_UNAVAILABLE: ${dependency}`));
    expect(status).toMatchObject({ code: 14, reason: "DEPENDENCY_UNAVAILABLE", metadata: { dependency } });
    await nothingLeft(name, attemptId);
    expect((await client.register(requestFor(name, module))).types).toEqual(moduleSteps);
    await unregister(client, name, module);
  });

  test("Consul goes away in the middle: what was put there is taken back when it returns", async () => {
    const name = `consul-midway-${tag}`;
    await using module = await startFakeModule({ name, version: "1.0.0", status: "NOT_SERVING" });
    const { errorDetail, status, attemptId } = await client
      .register(requestFor(name, module, { healthTimeout: { seconds: 20n } }), ({ eventType }) => {
        if (eventType === EventType.HEALTH_CHECK_CONFIGURED) void proxies.consul.cut();
      })
      .finally(() => proxies.consul.restore());
    expect(errorDetail).toMatch(/^DEPENDENCY_UNAVAILABLE: catalog/);
    expect(status.code).toBe(14);
    await nothingLeft(name, attemptId);
  });

  test("MySQL is away: UNAVAILABLE before anything begins", async () => {
    const name = `mysql-before-${tag}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await proxies.mysql.cut();
    const { events, status } = await client.register(requestFor(name, module)).finally(() => proxies.mysql.restore());
    expect(events).toEqual([]);
    expect(status).toMatchObject({ code: 14, reason: "DEPENDENCY_UNAVAILABLE", metadata: { dependency: "store" } });
    expect((await client.register(requestFor(name, module))).types).toEqual(moduleSteps);
    await unregister(client, name, module);
  });

  test.each(["cut", "freeze"] as const)(
    "MySQL goes away in the middle (%s): FAILED and UNAVAILABLE, and the record agrees when it is back",
    { timeout: 240_000 },
    async (how) => {
      const name = `mysql-midway-${how}-${tag}`;
      await using module = await startFakeModule({ name, version: "1.0.0", status: "NOT_SERVING" });
      const { types, errorDetail, status, attemptId } = await client
        .register(requestFor(name, module), ({ eventType }) => {
          if (eventType !== EventType.HEALTH_CHECK_CONFIGURED) return;
          void proxies.mysql[how]();
          module.setStatus("SERVING");
        })
        .finally(() => proxies.mysql.restore());
      expect(types.at(-1)).toBe("FAILED");
      expect(errorDetail).toMatch(/^DEPENDENCY_UNAVAILABLE: store/);
      expect(status).toMatchObject({ code: 14, metadata: { dependency: "store" } });
      await nothingLeft(name, attemptId);
    },
  );

  test("an Unregister while Consul is away is final, and Consul follows when it is back", async () => {
    const name = `withdraw-later-${tag}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    await client.register(requestFor(name, module));
    await proxies.consul.cut();
    const answer = await unregister(client, name, module).finally(() => proxies.consul.restore());
    expect(answer.success).toBe(true);
    expect(answer.message).toContain("will be updated later");
    await eventually(async () => (await leftInConsul(servers, name)).length === 0 || undefined);
    await eventually(async () => (await versionsInApicurio(servers, `${name}-config`)).every(({ state }) => state === "DISABLED") || undefined);
  });

  test.each([
    ["MUSTER_CATALOG", "consul+", "", "catalog"],
    ["MUSTER_SCHEMAS", "apicurio+", "/apis/registry/v3", "schema registry"],
  ])("%s answers 500 to everything", async (variable, prefix, path, dependency) => {
    const broken = createServer((_request, response) => response.writeHead(500).end("no cluster leader"));
    broken.listen(0, "127.0.0.1");
    await once(broken, "listening");
    const { port } = broken.address() as AddressInfo;
    await using own = await realBacking(servers);
    await using other = await startMuster({ ...own.env, [variable]: `${prefix}http://127.0.0.1:${port}${path}` });
    using toOther = connect(other.address);
    const name = `answers-500-${dependency.replace(" ", "-")}-${tag}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const { types, errorDetail, status } = await toOther.register(requestFor(name, module));
    expect(types.at(-1)).toBe("FAILED");
    expect(errorDetail).toMatch(new RegExp(`^DEPENDENCY_UNAVAILABLE: ${dependency}`));
    expect(status).toMatchObject({ code: 14, metadata: { dependency } });
    expect(await leftInConsul(servers, name)).toEqual([]);
    broken.close();
    broken.closeAllConnections();
  });
});
