/** Muster's own entry in Consul; with the embedded catalog there is none. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { selfSigned } from "../support/certificate.ts";
import { connect } from "../support/client.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, startMuster, type Environment } from "../support/muster.ts";
import { startOwnConsul, type OwnConsul } from "../support/own-consul.ts";
import { describeReal } from "../support/real-servers.ts";

interface Entry {
  readonly Service: { readonly ID: string; readonly Address: string; readonly Port: number; readonly Tags: readonly string[]; readonly CreateIndex: number };
  readonly Checks: readonly { readonly CheckID: string; readonly Status: string; readonly Output: string }[];
}

test("with the embedded catalog there is none", async () => {
  await using backing = await embeddedBacking();
  await using muster = await startMuster({ ...backing.env, MUSTER_SELF_REGISTER: "auto" });
  using client = connect(muster.address);
  const { services } = await client.unary(PlatformRegistrationService.method.listServices, {});
  expect(services).toEqual([]);
});

describeReal("Muster's own entry", (servers) => {
  let consul: OwnConsul;
  beforeAll(async () => {
    consul = await startOwnConsul(servers);
  });
  afterAll(() => consul[Symbol.asyncDispose]());

  const entries = async (name: string) => (await (await fetch(`${consul.url}/v1/health/service/${name}?consistent`)).json()) as readonly Entry[];
  const statusOf = (entry: Entry) => (entry.Checks.every(({ Status }) => Status === "passing") ? "passing" : "critical");
  const replica = (name: string, backing: { readonly env: Environment }, more: Environment = {}) =>
    startMuster({ ...backing.env, MUSTER_CATALOG: `consul+${consul.url}`, MUSTER_SELF_REGISTER: "auto", MUSTER_SELF_NAME: name, ...more });
  /** What Consul's own probe of the entry says, once it has passed. */
  const probed = (id: string) =>
    eventually(async () => {
      const answer = await fetch(`${consul.url}/v1/agent/checks?filter=${encodeURIComponent(`ServiceID == "${id}"`)}`);
      const [check] = Object.values((await answer.json()) as Record<string, { readonly Output: string; readonly Status: string }>);
      return check?.Status === "passing" && check.Output !== "" ? `${check.Status}: ${check.Output}` : undefined;
    });

  test("each replica has one, probed by Consul; it goes at SIGTERM, and one that crashed is not passing any more", async () => {
    await using backings = new AsyncDisposableStack();
    const one = await replica("replicas", backings.use(await embeddedBacking()));
    const two = await replica("replicas", backings.use(await embeddedBacking()));
    await using _one = one;
    await using _two = two;
    const idOf = ({ address }: { readonly address: string }) => `replicas-${address.replace(":", "-")}`;
    const both = await eventually(async () => {
      const found = await entries("replicas");
      return found.length === 2 && found.every((entry) => statusOf(entry) === "passing") ? found : undefined;
    });
    expect(both.map(({ Service }) => Service.ID).toSorted()).toEqual([idOf(one), idOf(two)].toSorted());
    expect(both.map(({ Service }) => Service.Tags)).toEqual([["muster"], ["muster"]]);
    expect(await probed(idOf(one))).toMatch(/^passing: .*success/);

    one.signal("SIGTERM");
    expect(await one.ended).toBe(0);
    expect((await entries("replicas")).map(({ Service }) => Service.ID)).toEqual([idOf(two)]);

    two.signal("SIGKILL");
    await two.ended;
    await eventually(async () => (await entries("replicas")).every((entry) => statusOf(entry) === "critical") || undefined);
  });

  test("it is put back when Consul lost it", async () => {
    await using backing = await embeddedBacking();
    await using muster = await replica("healed", backing);
    const id = `healed-${muster.address.replace(":", "-")}`;
    const [first] = await eventually(async () => {
      const found = await entries("healed");
      return found.length === 1 ? found : undefined;
    });
    await fetch(`${consul.url}/v1/agent/service/deregister/${id}`, { method: "PUT" });
    // Another one than that which went.
    const isNew = (entry: Entry) => entry.Service.CreateIndex > (first?.Service.CreateIndex ?? Infinity);
    await eventually(async () => (await entries("healed")).some((entry) => isNew(entry) && statusOf(entry) === "passing") || undefined);
  });

  test.each([
    ["TLS", "secured", false],
    ["TLS and client certificates that are optional", "asking", true],
  ])("with %s the check uses TLS, and the advertised address is the one shown", async (_what, name, asksClients) => {
    const folder = await mkdtemp(join(tmpdir(), "muster-self-"));
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => rm(folder, { recursive: true, force: true }));
    const { cert, key } = await selfSigned("localhost");
    await writeFile(join(folder, "cert.pem"), cert);
    await writeFile(join(folder, "key.pem"), key);
    await using backing = await embeddedBacking();
    const tls = { MUSTER_TLS_CERT: join(folder, "cert.pem"), MUSTER_TLS_KEY: join(folder, "key.pem"), MUSTER_ADVERTISE: "localhost" };
    const clients = asksClients ? { MUSTER_TLS_CLIENT_CA: join(folder, "cert.pem"), MUSTER_TLS_CLIENT_AUTH: "optional" } : {};
    await using muster = await replica(name, backing, { ...tls, ...clients });
    const port = Number(muster.address.split(":")[1]);
    const [entry] = await eventually(async () => {
      const found = await entries(name);
      return found.length === 1 ? found : undefined;
    });
    expect(entry?.Service).toMatchObject({ ID: `${name}-localhost-${port}`, Address: "localhost", Port: port });
    expect(await probed(`${name}-localhost-${port}`)).toMatch(/^passing: .*success/);
  });
});
