/** Modules that take no connection without a client certificate: what Muster shows them, and what the catalog's check needs. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PlatformRegistrationService } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { selfSigned, type Certificate } from "../support/certificate.ts";
import { connect, type Registration } from "../support/client.ts";
import { startFakeModule, type FakeModule } from "../support/fake-module.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, realBacking, startMuster, type Environment } from "../support/muster.ts";
import { startOwnConsul } from "../support/own-consul.ts";
import { describeReal } from "../support/real-servers.ts";
import { moduleSteps, requestFor } from "../support/world.ts";

let folder = "";
let certificates: { readonly ofModule: Certificate; readonly ofMuster: Certificate; readonly ofConsul: Certificate; readonly other: Certificate };
const file = (name: string): string => join(folder, name);
const shown = () => ({ MUSTER_MODULE_CERT: file("ofMuster.crt"), MUSTER_MODULE_KEY: file("ofMuster.key") });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-client-certificate-"));
  const names = ["ofModule", "ofMuster", "ofConsul", "other"] as const;
  const made = await Promise.all(names.map(async (name) => [name, await selfSigned(name)] as const));
  certificates = Object.fromEntries(made) as unknown as typeof certificates;
  for (const [name, { cert, key }] of made) {
    await writeFile(file(`${name}.crt`), cert);
    await writeFile(file(`${name}.key`), key);
  }
});
afterAll(() => rm(folder, { recursive: true }));

const startModule = (name: string, ...accepted: readonly Certificate[]): Promise<FakeModule> =>
  startFakeModule({ name, version: "1.0.0", tls: certificates.ofModule, clientCa: Buffer.concat(accepted.map(({ cert }) => cert)) });

/** Registers the module at a Muster of its own; `then` has that Muster while it runs. */
async function registerAt(
  env: Environment,
  name: string,
  module: FakeModule,
  then?: (client: ReturnType<typeof connect>) => Promise<void>,
): Promise<Registration> {
  await using muster = await startMuster(env);
  using client = connect(muster.address);
  const patience = { startupGrace: { seconds: 0n, nanos: 0 }, healthTimeout: { seconds: 6n, nanos: 0 } };
  const registered = await client.register(requestFor(name, module, patience, { tlsEnabled: true }));
  await then?.(client);
  return registered;
}

test("a module is shown Muster's certificate, by the health check and the callback; another one, or none, it refuses", async () => {
  await using backing = await embeddedBacking();
  await using module = await startModule("guarded", certificates.ofMuster);
  for (const env of [{}, { MUSTER_MODULE_CERT: file("other.crt"), MUSTER_MODULE_KEY: file("other.key") }]) {
    const { errorDetail } = await registerAt({ ...backing.env, ...env }, "guarded", module);
    expect(errorDetail).toMatch(/^HEALTH_TLS_MISMATCH: .*client certificate/);
  }
  const { types, errorDetail } = await registerAt({ ...backing.env, ...shown() }, "guarded", module);
  expect(types, errorDetail).toEqual(moduleSteps);
});

describeReal("with Consul", (servers) => {
  test("the agent's check passes where the agent shows its own certificate, and else the failure says so", { timeout: 180_000 }, async () => {
    await using backing = await realBacking(servers);
    await using module = await startModule("guarded", certificates.ofMuster, certificates.ofConsul);
    {
      await using consul = await startOwnConsul(servers);
      const { errorDetail } = await registerAt({ ...backing.env, MUSTER_CATALOG: `consul+${consul.url}`, ...shown() }, "guarded", module);
      expect(errorDetail).toMatch(/^HEALTH_TIMEOUT: .*SERVING.*can the catalog reach it, without a client certificate/);
    }
    const tls = `enable_agent_tls_for_checks = true ca_file = "${file("ofConsul.crt")}" cert_file = "${file("ofConsul.crt")}" key_file = "${file("ofConsul.key")}"`;
    await using consul = await startOwnConsul(servers, { hcl: [tls] });
    const { types, errorDetail } = await registerAt(
      { ...backing.env, MUSTER_CATALOG: `consul+${consul.url}`, ...shown() },
      "guarded",
      module,
      async (client) => {
        const before = module.calls.health;
        await eventually(async () => (module.calls.health > before ? true : undefined));
        const { isHealthy } = await client.unary(PlatformRegistrationService.method.getModule, { lookupKey: { case: "moduleName", value: "guarded" } });
        expect(isHealthy).toBe(true);
      },
    );
    expect(types, errorDetail).toEqual(moduleSteps);
  });
});
