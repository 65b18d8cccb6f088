/** Clients that know nothing of us: grpcurl with reflection, buf curl, curl with JSON, gRPC health. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFakeModule } from "../support/fake-module.ts";
import { describeReal } from "../support/real-servers.ts";
import { connect } from "../support/client.ts";
import { embeddedBacking, realBacking, startMuster, type Backing, type MusterProcess } from "../support/muster.ts";
import { moduleSteps, unregister } from "../support/world.ts";

const run = promisify(execFile);
const root = new URL("../..", import.meta.url).pathname;
const platform = "ai.pipestream.platform.registration.v1.PlatformRegistrationService";

function register(name: string, port: number): string {
  return JSON.stringify({ name, type: "SERVICE_TYPE_MODULE", version: "1.0.0", connectivity: { advertised_host: "127.0.0.1", advertised_port: port } });
}

describe("clients that every machine with the project has", () => {
  let backing: Backing;
  let muster: MusterProcess;
  beforeAll(async () => {
    backing = await embeddedBacking();
    muster = await startMuster(backing.env);
  });
  afterAll(async () => {
    await muster[Symbol.asyncDispose]();
    await backing[Symbol.asyncDispose]();
  });

  test.each(["grpc", "grpcweb", "connect"])("buf curl over %s, with reflection", async (protocol) => {
    const name = `buf-${protocol}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const { stdout } = await run(join(root, "node_modules/.bin/buf"), [
      "curl",
      "--http2-prior-knowledge",
      "--protocol",
      protocol,
      "-d",
      register(name, module.port),
      `http://${muster.address}/${platform}/Register`,
    ]);
    expect([...stdout.matchAll(/"EVENT_TYPE_([A-Z_]+)"/g)].map(([, type]) => type)).toEqual(moduleSteps);
  });

  test("fetch with JSON, as curl does it", async () => {
    const answer = await fetch(`http://${muster.address}/${platform}/Unregister`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "nobody", host: "127.0.0.1", port: 1 }),
    });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ code: "not_found" });
  });

  test("the probes, the metrics and the descriptor set over HTTP/1.1", async () => {
    for (const path of ["/healthz/live", "/healthz/ready", "/health", "/metrics", "/descriptor.binpb"]) {
      const answer = await fetch(`http://${muster.address}${path}`);
      expect([path, answer.status]).toEqual([path, 200]);
      expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(5);
    }
  });
});

describeReal("the operator", (servers) => {
  let backing: Awaited<ReturnType<typeof realBacking>>;
  let muster: MusterProcess;
  beforeAll(async () => {
    backing = await realBacking(servers);
    muster = await startMuster(backing.env);
  });
  afterAll(async () => {
    await muster[Symbol.asyncDispose]();
    await backing[Symbol.asyncDispose]();
  });

  test("grpcurl finds and calls everything by reflection, and shows error details", async () => {
    const grpcurl = (...args: string[]) => run(`${servers.bin}/grpcurl`, ["-plaintext", ...args]);
    const { stdout: listed } = await grpcurl(muster.address, "list");
    expect(listed.split("\n")).toEqual(expect.arrayContaining([platform, "muster.registration.v1.RegistrationService", "grpc.health.v1.Health"]));
    const { stdout: described } = await grpcurl(muster.address, "describe", `${platform}.Register`);
    expect(described).toContain("returns ( stream .ai.pipestream.platform.registration.v1.RegisterResponse )");
    const { stdout: healthy } = await grpcurl("-d", JSON.stringify({ service: platform }), muster.address, "grpc.health.v1.Health/Check");
    expect(JSON.parse(healthy)).toEqual({ status: "SERVING" });

    const name = `grpcurl-${crypto.randomUUID().slice(0, 8)}`;
    await using module = await startFakeModule({ name, version: "1.0.0" });
    const { stdout } = await grpcurl("-d", register(name, module.port), muster.address, `${platform}/Register`);
    expect([...stdout.matchAll(/"EVENT_TYPE_([A-Z_]+)"/g)].map(([, type]) => type)).toEqual(moduleSteps);
    using client = connect(muster.address);
    await unregister(client, name, module);

    const refused = await grpcurl("-d", "{}", muster.address, `${platform}/Register`).catch((error: { stderr: string }) => error);
    expect(refused.stderr).toContain("InvalidArgument");
    expect(refused.stderr).toContain("connectivity.advertised_host");
  });
});
