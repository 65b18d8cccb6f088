/** A request that changes nothing, which every instance makes each 30 seconds: what was committed through another replica counts for it at once. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  PlatformRegistrationService,
  RegistrationOutcome,
  type RegisterRequestSchema,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { connect, type MusterClient } from "../support/client.ts";
import { startFakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { startHttpProxy, type HttpProxy } from "../support/http-proxy.ts";
import { runCli } from "../support/muster-cli.ts";
import { embeddedBacking, query, realBacking, startMuster, type Backing, type MusterProcess } from "../support/muster.ts";
import { principals } from "../support/principals.ts";
import { describeReal, type RealServers } from "../support/real-servers.ts";
import { passingInConsul, requestFor, unregister } from "../support/world.ts";

type Request = MessageInitShape<typeof RegisterRequestSchema>;
type Who = "ours" | "theirs" | "root";

const { ACTIVE, UNCHANGED } = RegistrationOutcome;
const { getService, updateTags } = PlatformRegistrationService.method;

/** Real: two replicas, of which the first learns of no change of the catalog while a test says so. Embedded there is only one. */
function suite(back: () => Promise<Backing & { readonly databaseUrl?: string }>, real?: RealServers): void {
  const tag = crypto.randomUUID().slice(0, 8);
  const all = new AsyncDisposableStack();
  let databaseUrl: string | undefined;
  let servers: readonly MusterProcess[];
  let clients: Readonly<Record<Who, MusterClient>>;
  let there: Readonly<Record<Who, MusterClient>>;
  let token: Readonly<Record<Who, string>>;
  let proxy: HttpProxy | undefined;

  beforeAll(async () => {
    const backing = all.use(await back());
    databaseUrl = backing.databaseUrl;
    const callers = all.use(await principals({ ours: "registrar", theirs: "registrar", root: "admin" }));
    token = callers.token;
    proxy = real && all.use(await startHttpProxy(real.consul));
    const ways = proxy ? [{ MUSTER_CATALOG: `consul+${proxy.url}` }, {}] : [{}];
    servers = await Promise.all(ways.map((way) => startMuster({ ...backing.env, ...callers.env, ...way })));
    for (const server of servers) all.use(server);
    const clientsOf = (server: MusterProcess | undefined) => {
      const client = (who: Who) => all.use(connect(server?.address ?? "", { token: token[who] }));
      return { ours: client("ours"), theirs: client("theirs"), root: client("root") };
    };
    clients = clientsOf(servers[0]);
    there = clientsOf(servers.at(-1));
  });
  afterAll(() => all.disposeAsync());

  /** Until disposed, no news of the catalog reaches the first replica. */
  function blind(): Disposable {
    const over = Promise.withResolvers<void>();
    if (proxy) proxy.until = (path) => (/[?&]index=/.test(path) ? over.promise : undefined);
    return { [Symbol.dispose]: () => over.resolve() };
  }

  const register = async (client: MusterClient, request: Request) => (await client.register(request)).events.at(-1)?.outcome;

  /** A registered module of `ours` that the replica `here` answers for by its view of the catalog. */
  async function steady(base: string, tags: readonly string[] = []) {
    const name = `${base}-${tag}`;
    const module = await startFakeModule({ name, version: "1.0.0" });
    const request = requestFor(name, module, { tags: [...tags] });
    const serviceId = `${name}-127.0.0.1-${module.port}`;
    expect(await register(clients.ours, request)).toBe(ACTIVE);
    const shown = async () => (await clients.ours.unary(getService, { lookupKey: { case: "serviceId", value: serviceId } }).catch(() => undefined))?.isHealthy;
    await eventually(async () => (await shown()) || undefined);
    expect(await register(clients.ours, request)).toBe(UNCHANGED);
    return { name, module, request, serviceId, [Symbol.asyncDispose]: () => module[Symbol.asyncDispose]() };
  }

  test("an Unregister: it is registered anew", async () => {
    await using it = await steady("ended");
    using _ = blind();
    await unregister(there.ours, it.name, it.module);
    expect(await register(clients.ours, it.request)).toBe(ACTIVE);
    if (databaseUrl) expect(await query(databaseUrl, "SELECT id FROM attempts WHERE name = ?", [it.name])).toHaveLength(2);
  });

  test("a registration with other tags: the one before it is a change", async () => {
    await using it = await steady("replaced", ["blue"]);
    using _ = blind();
    expect(await register(there.ours, { ...it.request, tags: ["green"] })).toBe(ACTIVE);
    expect(await register(clients.ours, it.request)).toBe(ACTIVE);
  });

  test("an UpdateTags: what it set stays, and is no change", async () => {
    await using it = await steady("tagged", ["blue"]);
    await there.ours.unary(updateTags, { serviceId: it.serviceId, tags: ["green"] });
    expect(await register(clients.ours, it.request)).toBe(UNCHANGED);
    const tags = async () => (await clients.ours.unary(getService, { lookupKey: { case: "serviceId", value: it.serviceId } })).tags;
    await expect.poll(tags).toEqual(["green"]);
    if (real) expect((await passingInConsul(real, it.name))[0]?.Tags).toEqual(["green", "module"]);
    expect(await register(clients.ours, { ...it.request, tags: ["red"] })).toBe(ACTIVE);
    await expect.poll(tags).toEqual(["red"]);
  });

  test("a transfer to another owner: who had it is refused, and what it asked for is unchanged for the other", async () => {
    await using it = await steady("moved");
    expect((await clients.theirs.register(it.request)).status).toMatchObject({ code: 7, reason: "NAME_OWNED_BY_ANOTHER" });
    const address = servers.at(-1)?.address ?? "";
    const transfer = (owner: string) => runCli(["names", "transfer", it.name, owner], { MUSTER_ADDRESS: address, MUSTER_TOKEN: token.root });
    expect(await transfer("tokens|theirs")).toMatchObject({ code: 0 });
    expect((await clients.ours.register(it.request)).status).toMatchObject({ code: 7, reason: "NAME_OWNED_BY_ANOTHER" });
    for (const client of [clients.theirs, clients.root]) expect(await register(client, it.request)).toBe(UNCHANGED);
    expect(await transfer("tokens|ours")).toMatchObject({ code: 0 });
    expect(await register(clients.ours, it.request)).toBe(UNCHANGED);
    expect((await clients.theirs.register(it.request)).status).toMatchObject({ reason: "NAME_OWNED_BY_ANOTHER" });
  });
}

describe("a request that changes nothing, after (embedded)", () => suite(embeddedBacking));
describeReal("a request that changes nothing, after, through another replica (real servers)", (servers) => suite(() => realBacking(servers), servers));
