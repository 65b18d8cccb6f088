import type { ModuleClient } from "../../src/registration/ports.ts";
import { status as codes } from "@grpc/grpc-js";
import { beforeAll, describe, expect, it } from "vitest";
import { CapabilityType } from "../../gen/ai/pipestream/data/module/v1/module_service_pb.ts";
import type { DomainError } from "../../src/kernel/errors.ts";
import type { Endpoint } from "../../src/registration/types.ts";
import { type Certificate, selfSigned } from "../support/certificate.ts";
import { type FakeModule, type FakeModuleOptions, startFakeModule } from "../support/fake-module.ts";
import {
  type HostileModule,
  startHostileModule,
  startHostileSocket,
  startHttp1Server,
  startSilentTlsServer,
  type SocketMischief,
  type StreamMischief,
} from "../support/hostile-module.ts";
import { failed, type Refusal, socketCases, type Status, streamCases, timedOut, unavailable } from "./module-client-cases.ts";

export interface ModuleClientSettings {
  readonly ca?: Buffer;
  readonly clientCertificate?: Certificate;
  readonly describeMs?: number;
  readonly healthMs?: number;
}

export interface ModuleClientUnderTest {
  open(settings: ModuleClientSettings): ModuleClient;
}

const never = new AbortController().signal;
/** For peers that never answer; long enough for a loaded machine to connect. */
const shortMs = 600;
/** For limits that would otherwise be a minute; the machine may stand still for seconds. */
const boundMs = 30_000;
const unlimited = { describeMs: 60_000, healthMs: 60_000 };

/** `ModuleClient` as its port describes it. An unhandled error of the client's fails the whole run. */
export function moduleClientContract(name: string, { open }: ModuleClientUnderTest): void {
  describe(`module client: ${name}`, () => {
    let certificate: Certificate;
    let other: Certificate;
    beforeAll(async () => {
      [certificate, other] = await Promise.all([selfSigned("module.test"), selfSigned("other.test")]);
    });
    const start = (options: Partial<FakeModuleOptions> = {}) => startFakeModule({ name: "parser", version: "1.0.0", ...options });

    describe("with a well-behaved module", () => {
      it("tells what the module says of itself", async () => {
        const all = {
          displayName: "Parser",
          description: "parses",
          owner: "team",
          documentationUrl: "https://example.com",
          tags: ["a", "b"],
          healthCheckPassed: true,
          healthCheckMessage: "fine",
          serverInfo: "linux",
          sdkVersion: "2",
          dependencies: ["tika"],
          metadata: { k: "v" },
        };
        const types = [CapabilityType.SINK, CapabilityType.UNSPECIFIED, CapabilityType.PARSER, 77 as CapabilityType];
        await using module = await start({ schema: '{"type":"object"}', describe: () => ({ ...all, capabilities: { types } }) });
        const description = await open({}).describe(endpointOf(module), never);
        expect(description).toEqual({
          moduleName: "parser",
          version: "1.0.0",
          jsonConfigSchema: '{"type":"object"}',
          ...all,
          capabilities: ["SINK", "PARSER"],
        });
      });

      it("leaves out what the module leaves out", async () => {
        await using module = await start();
        expect(await open({}).describe(endpointOf(module), never)).toEqual({
          moduleName: "parser",
          version: "1.0.0",
          tags: [],
          healthCheckPassed: true,
          healthCheckMessage: "",
          serverInfo: "",
          sdkVersion: "",
          dependencies: [],
          metadata: {},
          capabilities: [],
        });
      });

      it("takes an answer just below the limit", async () => {
        const serverInfo = "x".repeat(1_000_000);
        await using module = await start({ describe: () => ({ serverInfo }) });
        expect((await open({}).describe(endpointOf(module), never)).serverInfo).toBe(serverInfo);
      });

      it("follows the status from call to call", async () => {
        await using module = await start();
        const client = open({});
        const seen: Status[] = [];
        for (const status of ["SERVING", "NOT_SERVING", "none", "SERVING"] as const) {
          module.setStatus(status);
          seen.push((await client.health(endpointOf(module), never)).status);
        }
        expect(seen).toEqual(["serving", "not_serving", "unimplemented", "serving"]);
        expect(module.calls).toEqual({ health: 4, describe: 0 });
      });

      it("asks for the health of a service of the server, and says when the server does not know it", async () => {
        await using module = await start({ knows: ["a.Known"] });
        const client = open({});
        expect(await client.health({ ...endpointOf(module), service: "a.Known" }, never)).toEqual({ status: "serving" });
        expect(await client.health({ ...endpointOf(module), service: "a.Other" }, never)).toMatchObject({
          status: "unknown_service",
          detail: expect.stringContaining("a.Other answers NOT_FOUND"),
        });
        expect(await client.health(endpointOf(module), never)).toMatchObject({ status: "unknown_service" });
        expect([...module.asked]).toEqual(["a.Known", "a.Other", ""]);
      });

      it("calls the checked address under the name that the caller gave", async () => {
        await using module = await start();
        await open({}).describe({ ...endpointOf(module), serverName: "no-such-name.invalid" }, never);
        expect(module.calls.describe).toBe(1);
      });

      it("serves IPv6 addresses", async () => {
        await using module = await start({ host: "::1" });
        expect(await open({}).health(endpointOf(module), never)).toEqual({ status: "serving" });
      });

      it("answers many at once", async () => {
        await using module = await start();
        const client = open({});
        const verdicts = await Promise.all(Array.from({ length: 50 }, () => client.health(endpointOf(module), never)));
        expect(verdicts.every(({ status }) => status === "serving")).toBe(true);
      });

      it("never resolves a name", async () => {
        const endpoint = { address: "localhost", port: 1, tls: false, serverName: "localhost" };
        await expectBoth(open({}), endpoint, "unreachable", unavailable);
      });
    });

    describe("with a module that fails", () => {
      it("says that nothing listens", async () => {
        await expectBoth(open({}), { address: "127.0.0.1", port: 9, tls: false, serverName: "127.0.0.1" }, "refused", unavailable);
      });

      it("says that the callback is not implemented", async () => {
        await using module = await start({ describe: "none", status: "none" });
        await expectBoth(open({}), endpointOf(module), "unimplemented", ["wrong_state", "CALLBACK_UNIMPLEMENTED"]);
      });

      it("tells the module's own error, with its gRPC status", async () => {
        const error = Object.assign(new Error(), { code: codes.FAILED_PRECONDITION, details: "no licence: ünlicensed" });
        await using module = await start({ describe: () => Promise.reject(error) });
        const thrown = await refusalOf(open({}), endpointOf(module));
        expect(thrown).toMatchObject({ kind: "wrong_state", reason: "CALLBACK_FAILED", metadata: { grpc_status: "FAILED_PRECONDITION" } });
        expect(thrown.message).toContain("no licence: ünlicensed");
      });

      it.each(["hang", "trickle"] as const)("waits no longer than its limit for one that does not answer: %s", async (describe) => {
        await using module = await start({ describe });
        const started = performance.now();
        expect(await refusalOf(open({ ...unlimited, describeMs: shortMs }), endpointOf(module))).toMatchObject({ kind: "timeout", reason: "CALLBACK_TIMEOUT" });
        expect(performance.now() - started).toBeLessThan(boundMs);
      });

      it("ends at once, with the signal's reason, when it is aborted", async () => {
        await using module = await start({ describe: "hang" });
        await using silent = await startHostileSocket("accepts and stays silent");
        const client = open({ describeMs: 60_000, healthMs: 60_000 });
        const caller = new AbortController();
        const reason = new Error("enough");
        const calls = [client.describe(endpointOf(module), caller.signal), client.health(endpointOf(silent), caller.signal)];
        await expect.poll(() => [module.calls.describe, silent.connections()]).toEqual([1, 1]);
        caller.abort(reason);
        for (const call of calls) await expect(call).rejects.toBe(reason);
        await expect(client.health(endpointOf(module), AbortSignal.abort(reason))).rejects.toBe(reason);
        await expect.poll(() => silent.open()).toBe(0);
      });
    });

    describe("with something hostile", () => {
      const patient = { describeMs: 20_000, healthMs: 20_000 };
      const hasty = { describeMs: shortMs, healthMs: shortMs };
      const mischiefs = [
        ...Object.entries(socketCases).map(([mischief, expected]) => [mischief, () => startHostileSocket(mischief as SocketMischief), ...expected] as const),
        ...Object.entries(streamCases).map(([mischief, expected]) => [mischief, () => startHostileModule(mischief as StreamMischief), ...expected] as const),
        ["is a web server on HTTP/1.1", () => startHttp1Server(), "wrong_protocol", failed] as const,
      ];

      it.each(mischiefs)("gives a verdict and leaves no connection when it %s", async (_mischief, startPeer, status, refusal) => {
        await using peer = await startPeer();
        const waits = refusal === timedOut;
        const started = performance.now();
        await expectBoth(open(waits ? hasty : patient), endpointOf(peer), status, refusal);
        if (waits) expect(performance.now() - started).toBeLessThan(boundMs);
        // Both may be given up before this process has come to take the connections.
        await expect.poll(() => peer.connections()).toBeGreaterThanOrEqual(2);
        await expect.poll(() => peer.open()).toBe(0);
      });

      it("quotes no more than 200 characters of it, and those escaped", async () => {
        await using peer = await startHostileModule("answers INTERNAL with a long and hostile text");
        const verdict = await open({}).health(endpointOf(peer), never);
        const { message } = await refusalOf(open({}), endpointOf(peer));
        for (const text of [message, "detail" in verdict ? verdict.detail : ""]) {
          expect(text).toContain("\\u001b[31m\\u202e\\u000axxx");
          expect(text).not.toMatch(/[^ -~…]/);
          expect(text.length).toBeLessThan(350);
        }
      });
    });

    describe("about TLS", () => {
      it("talks to a module with any certificate while it knows no authority", async () => {
        await using module = await start({ tls: certificate });
        const endpoint = { ...endpointOf(module), tls: true };
        expect(await open({}).health(endpoint, never)).toEqual({ status: "serving" });
        expect(await open({}).describe(endpoint, never)).toMatchObject({ moduleName: "parser" });
      });

      it("demands a valid certificate for the right name when it knows an authority", async () => {
        await using module = await start({ tls: certificate });
        const endpoint = { ...endpointOf(module), tls: true };
        const trusting = open({ ca: certificate.cert });
        for (const serverName of ["module.test", "127.0.0.1"]) {
          expect(await trusting.health({ ...endpoint, serverName }, never)).toEqual({ status: "serving" });
        }
        await expectBoth(trusting, { ...endpoint, serverName: "other.test" }, "tls_mismatch", failed);
        await expectBoth(open({ ca: other.cert }), { ...endpoint, serverName: "module.test" }, "tls_mismatch", failed);
      });

      it("shows its own certificate to a module that asks for one", async () => {
        await using module = await start({ tls: certificate, clientCa: other.cert });
        const endpoint = { ...endpointOf(module), tls: true };
        expect(await open({ clientCertificate: other }).health(endpoint, never)).toEqual({ status: "serving" });
        await expectBoth(open({}), endpoint, "tls_mismatch", failed);
        expect(await open({}).health(endpoint, never)).toMatchObject({ detail: expect.stringContaining("client certificate") });
      });

      it("says what may be wanted when a module ends the connection right after the TLS handshake", async () => {
        await using closing = await startSilentTlsServer(certificate, (socket) => socket.destroy());
        const endpoint = { ...endpointOf(closing), tls: true };
        await expectBoth(open({}), endpoint, "tls_mismatch", failed);
        expect(await open({}).health(endpoint, never)).toMatchObject({ detail: expect.stringContaining("client certificate") });
      });

      it("says so when the module speaks TLS and should not", async () => {
        await using module = await start({ tls: certificate });
        await expectBoth(open({}), endpointOf(module), "tls_mismatch", failed);
        await using silent = await startSilentTlsServer(certificate);
        await expectBoth(open({}), endpointOf(silent), "tls_mismatch", failed);
        await expect.poll(() => silent.open()).toBe(0);
      });

      it("says so when the module does not speak TLS and should", async () => {
        await using module = await start();
        await expectBoth(open({}), { ...endpointOf(module), tls: true }, "tls_mismatch", failed);
      });

      it("tells a web server from a module behind TLS too", async () => {
        await using server = await startHttp1Server(certificate);
        await expectBoth(open({}), { ...endpointOf(server), tls: true }, "wrong_protocol", failed);
        await expect.poll(() => server.open()).toBe(0);
      });

      it.each(["accepts and stays silent", "closes at once", "resets after the first bytes"] as const)("gives up on a peer that %s", async (mischief) => {
        await using peer = await startHostileSocket(mischief);
        const silent = mischief === "accepts and stays silent";
        const client = open(silent ? { describeMs: shortMs, healthMs: shortMs } : {});
        await expectBoth(client, { ...endpointOf(peer), tls: true }, "unreachable", silent ? timedOut : unavailable);
        await expect.poll(() => peer.open()).toBe(0);
      });
    });
  });
}

function endpointOf(peer: Pick<FakeModule | HostileModule, "host" | "port">): Endpoint {
  return { address: peer.host, port: peer.port, tls: false, serverName: peer.host };
}

/** What both calls make of the peer, made at the same time. */
async function expectBoth(client: ModuleClient, endpoint: Endpoint, status: Status, [kind, reason]: Refusal): Promise<void> {
  const [verdict, refusal] = await Promise.all([client.health(endpoint, never), refusalOf(client, endpoint)]);
  expect(verdict).toEqual({ status, detail: expect.stringMatching(/^.+$/) });
  expect(refusal).toMatchObject({ kind, reason });
}

async function refusalOf(client: ModuleClient, endpoint: Endpoint): Promise<DomainError> {
  return client.describe(endpoint, never).then(
    (description) => {
      throw new Error(`described itself as ${description.moduleName}`);
    },
    (error: DomainError) => error,
  );
}
