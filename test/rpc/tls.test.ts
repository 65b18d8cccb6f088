import { once } from "node:events";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import tls from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import { afterAll, describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { makeCertificates } from "../support/rpc-certs.ts";
import { createStockClient } from "../support/rpc-client.ts";
import { eventually, startTestServer, type PlatformStub } from "../support/rpc-server.ts";

const certs = makeCertificates();
afterAll(() => certs[Symbol.dispose]());

const stub: PlatformStub = {
  getService: () => ({ serviceName: "a" }),
  async *register() {
    yield { event: { message: "one" } };
    yield { event: { message: "two" } };
  },
};
const withTls = { tls: certs.server };
const withClients = { tls: { ...certs.server, clients: { ca: certs.ca, areRequired: true } } };

function credentials(pair?: { readonly cert: string; readonly key: string }): grpc.ChannelCredentials {
  const [key, cert] = pair ? [Buffer.from(pair.key), Buffer.from(pair.cert)] : [null, null];
  return grpc.credentials.createSsl(Buffer.from(certs.ca), key, cert);
}

describe("with TLS", () => {
  test("a stock gRPC client calls", async () => {
    await using server = await startTestServer(stub, withTls);
    using client = createStockClient(server.address, credentials());
    expect(await client.call(Platform, "GetService")).toMatchObject({ code: grpc.status.OK });
    expect((await client.call(Platform, "Register")).messages).toHaveLength(2);
  });

  test.each(["1.1", "2"] as const)("Connect and gRPC-Web work over HTTP/%s", async (httpVersion) => {
    await using server = await startTestServer(stub, withTls);
    for (const transport of [createConnectTransport, createGrpcWebTransport]) {
      const client = createClient(Platform, transport({ baseUrl: server.url, httpVersion, nodeOptions: { ca: certs.ca } }));
      expect(await client.getService({})).toMatchObject({ serviceName: "a" });
      expect(await Array.fromAsync(client.register({}))).toHaveLength(2);
    }
  });

  test("ALPN decides between HTTP/2 and HTTP/1.1; without it HTTP/1.1 is spoken", async () => {
    await using server = await startTestServer(stub, withTls);
    for (const [offered, spoken] of [
      [["h2", "http/1.1"], "h2"],
      [["http/1.1"], "http/1.1"],
      [undefined, false],
    ] as const) {
      const socket = tls.connect({ port: server.port, host: "127.0.0.1", ca: certs.ca, ...(offered ? { ALPNProtocols: [...offered] } : {}) });
      await new Promise((resolve) => socket.once("secureConnect", resolve));
      expect(socket.alpnProtocol).toBe(spoken);
      socket.destroy();
    }
    const response = await new Promise<number | undefined>((resolve, reject) => {
      https.get(`${server.url}/nothing`, { ca: certs.ca }, (res) => resolve(res.resume().statusCode)).on("error", reject);
    });
    expect(response).toBe(404);
  });

  test("a request over HTTP/1.1 may arrive before the large answer to the former one has left", async () => {
    await using server = await startTestServer({ ...stub, listServices: () => ({ services: [{ serviceName: "x".repeat(32 << 20) }] }) }, withTls);
    const socket = tls.connect({ port: server.port, host: "127.0.0.1", ca: certs.ca, ALPNProtocols: ["http/1.1"] });
    const call = (method: string, body: string, connection = "keep-alive") => {
      const fields = `host: a\r\nconnection: ${connection}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
      // Two TLS records, which the server reads at once.
      socket.write(`POST /${Platform.typeName}/${method} HTTP/1.1\r\n${fields}\r\n\r\n`);
      socket.write(body);
    };
    call("ListServices", "{}");
    await once(socket, "readable");
    call("GetService", '{"serviceName":"a"}', "close");
    const answers = Buffer.concat(await Array.fromAsync<Buffer>(socket)).toString("latin1");
    expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200"]);
    expect(answers).toMatch(/\{"serviceName":"a"\}$/);
  });

  test("plaintext is refused, in words to HTTP/1.1, and logged", async () => {
    await using server = await startTestServer(stub, withTls);
    const refusal = await fetch(`http://${server.address}/health`);
    expect([refusal.status, await refusal.text()]).toEqual([400, "this port speaks only TLS"]);
    using client = createStockClient(server.address);
    expect(await client.call(Platform, "GetService")).toMatchObject({ code: grpc.status.UNAVAILABLE });
    const refused = await eventually(() => server.lines.length >= 2 && server.lines);
    expect(refused[0]).toMatchObject({
      level: "warn",
      event: "connection refused",
      fields: { why: expect.stringContaining("requires TLS"), peer: "127.0.0.1" },
    });
  });

  test("a refused client that does not hang up is cut off", async () => {
    await using server = await startTestServer(stub, { ...withTls, limits: { firstByteMs: 150 } });
    const socket = net.connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
    socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    socket.on("error", () => undefined);
    const drip = setInterval(() => socket.write("x"), 20);
    socket.resume();
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(drip);
  });

  test("a handshake that stalls is cut", async () => {
    await using server = await startTestServer(stub, { ...withTls, limits: { firstByteMs: 150 } });
    const socket = net.connect(server.port, "127.0.0.1");
    socket.write(Buffer.from([0x16, 0x03, 0x01, 0x00]));
    const drip = setInterval(() => socket.write(Buffer.from([1])), 20);
    socket.on("error", () => undefined);
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(drip);
  });

  test("a TLS session outlives the time to open a connection", async () => {
    await using server = await startTestServer(stub, { ...withTls, limits: { firstByteMs: 2_000 } });
    const session = http2.connect(server.url, { ca: certs.ca });
    const ready = await new Promise<http2.Settings>((resolve) => session.once("remoteSettings", resolve));
    expect(ready.maxConcurrentStreams).toBe(2_000);
    const outlived = AbortSignal.timeout(2_500);
    await new Promise((resolve) => outlived.addEventListener("abort", resolve, { once: true }));
    expect(session.closed).toBe(false);
    session.destroy();
  });
});

describe("with client certificates", () => {
  test("a client of the authority calls", async () => {
    await using server = await startTestServer(stub, withClients);
    using client = createStockClient(server.address, credentials(certs.client));
    expect(await client.call(Platform, "GetService")).toMatchObject({ code: grpc.status.OK });
  });

  test.each([
    ["no certificate", undefined],
    ["a stranger's certificate", certs.stranger],
  ])("a client with %s is refused", async (_name, pair) => {
    await using server = await startTestServer(stub, withClients);
    using client = createStockClient(server.address, credentials(pair));
    expect(await client.call(Platform, "GetService")).toMatchObject({ code: grpc.status.UNAVAILABLE });
    await eventually(() => server.lines.some((line) => line.event === "TLS handshake failed"));
    expect(server.ends).toEqual([]);
  });
});

describe("with client certificates that are optional", () => {
  const withOptional = { tls: { ...certs.server, clients: { ca: certs.ca, areRequired: false } } };

  test.each([
    ["no certificate", undefined],
    ["a certificate of the authority", certs.client],
  ])("a client with %s calls", async (_name, pair) => {
    await using server = await startTestServer(stub, withOptional);
    using client = createStockClient(server.address, credentials(pair));
    expect(await client.call(Platform, "GetService")).toMatchObject({ code: grpc.status.OK });
    const transport = createConnectTransport({ baseUrl: server.url, httpVersion: "1.1", nodeOptions: { ca: certs.ca, ...pair } });
    expect(await createClient(Platform, transport).getService({})).toMatchObject({ serviceName: "a" });
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)("a client with a stranger's certificate is refused, and not taken for one without, by %s", async (version) => {
    await using server = await startTestServer(stub, withOptional);
    const only = { minVersion: version, maxVersion: version } as const;
    const socket = tls.connect({ port: server.port, host: "127.0.0.1", ca: certs.ca, ...certs.stranger, ...only });
    socket.on("error", () => undefined);
    socket.on("secureConnect", () => socket.write("GET /healthz/live HTTP/1.1\r\nhost: a\r\n\r\n"));
    const answered: Buffer[] = [];
    socket.on("data", (bytes: Buffer) => answered.push(bytes));
    await new Promise((resolve) => socket.once("close", resolve));
    expect(Buffer.concat(answered).toString()).toBe("");
    const refused = await eventually(() => server.lines.find((line) => line.event === "TLS handshake failed"));
    expect(refused?.fields).toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT", peer: "127.0.0.1" });
    expect(server.ends).toEqual([]);
  });
});

test("without TLS a TLS client is refused and the log says why", async () => {
  await using server = await startTestServer(stub);
  using client = createStockClient(server.address, credentials());
  expect(await client.call(Platform, "GetService")).toMatchObject({ code: grpc.status.UNAVAILABLE });
  const refused = await eventually(() => server.lines[0]);
  expect(refused).toMatchObject({ level: "warn", fields: { why: "client speaks TLS, this listener is plaintext" } });
});
