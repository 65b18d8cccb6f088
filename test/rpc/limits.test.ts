import http2 from "node:http2";
import net from "node:net";
import { gzipSync } from "node:zlib";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { callHeaders, opening, resetFrame } from "../support/raw-http2.ts";
import { createStockClient } from "../support/rpc-client.ts";
import { eventually, startTestServer, type PlatformStub, type TestServer } from "../support/rpc-server.ts";

const path = `/${Platform.typeName}/GetService`;
const stub: PlatformStub = { getService: () => ({ serviceName: "a" }) };

async function works(server: TestServer): Promise<boolean> {
  using client = createStockClient(server.address);
  return (await client.call(Platform, "GetService")).code === grpc.status.OK;
}

/** Connects and writes `bytes`; resolves with what came back once the server has closed the connection. */
async function talk(server: TestServer, bytes: string | Uint8Array, drip?: string): Promise<string> {
  const socket = net.connect(server.port, "127.0.0.1");
  socket.write(bytes);
  const dripping = drip === undefined ? undefined : setInterval(() => socket.write(drip), 20);
  socket.on("error", () => undefined);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => socket.once("close", resolve));
  clearInterval(dripping);
  return Buffer.concat(chunks).toString("latin1");
}

describe("messages", () => {
  test("above 1 MiB are refused with RESOURCE_EXHAUSTED, and the connection lives on", async () => {
    await using server = await startTestServer(stub);
    using client = createStockClient(server.address);
    for (let i = 0; i < 3; i++) {
      const seen = await client.call(Platform, "GetService", { lookupKey: { case: "serviceName", value: "x".repeat(2 << 20) } });
      expect(seen.code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    }
    expect(await client.call(Platform, "GetService", { lookupKey: { case: "serviceName", value: "x".repeat(1_000_000) } })).toMatchObject({
      code: grpc.status.OK,
    });
    await eventually(() => server.ends.length === 4);
    expect(server.ends.map((end) => end.code)).toEqual(["RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED", "OK"]);
  });

  test("that grow above 1 MiB when unpacked are refused too", async () => {
    await using server = await startTestServer(stub);
    const response = await fetch(`${server.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "content-encoding": "gzip" },
      body: gzipSync(JSON.stringify({ serviceName: "x".repeat(50 << 20) })),
    });
    expect([response.status, await response.json()]).toMatchObject([429, { code: "resource_exhausted" }]);
  });

  test("above 1 MiB over HTTP/1.1 are refused with an answer", async () => {
    await using server = await startTestServer(stub);
    const response = await fetch(`${server.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ serviceName: "x".repeat(2 << 20) }),
    });
    expect([response.status, await response.json()]).toMatchObject([429, { code: "resource_exhausted" }]);
  });

  test.each([
    ["application/grpc-web+proto", "GetService", /grpc-status: ?8/],
    ["application/grpc-web+proto", "Register", /grpc-status: ?8/],
    ["application/grpc-web-text", "GetService", /grpc-status: ?8/],
    ["application/connect+proto", "Register", /resource_exhausted/],
    ["application/proto", "GetService", /resource_exhausted/],
  ])("above 1 MiB over HTTP/1.1 do not keep the next request of the connection from being read: %s, %s", async (type, method, refused) => {
    await using server = await startTestServer(stub);
    const head = (contentType: string, to: string, connection: string, length: number) =>
      Buffer.from(`POST ${to} HTTP/1.1\r\nhost: a\r\nconnection: ${connection}\r\ncontent-type: ${contentType}\r\ncontent-length: ${length}\r\n\r\n`);
    const large = Buffer.alloc((2 << 20) + 5);
    large.writeUInt32BE(2 << 20, 1);
    const body = type === "application/proto" ? large : type.includes("text") ? Buffer.from(large.toString("base64")) : large;
    const requests = [
      head(type, path.replace("GetService", method), "keep-alive", body.length),
      body,
      head("application/grpc-web+proto", path, "close", 5),
      Buffer.alloc(5),
    ];
    const answers = (await talk(server, Buffer.concat(requests))).split("HTTP/1.1 ");
    expect(answers).toHaveLength(3);
    expect(
      type.includes("text")
        ? Buffer.from(answers[1]!.split("\r\n\r\n")[1]!.replace(/^[0-9a-f]+\r\n/, ""), "base64").toString("latin1") + answers[1]
        : answers[1],
    ).toMatch(refused);
    expect(answers[2]).toMatch(/grpc-status: ?0/);
  });
});

describe("headers", () => {
  test.each(["before", "after"])("above 16 KiB are refused cleanly on HTTP/2, %s the client knows the limit", async (when) => {
    await using server = await startTestServer(stub);
    const session = http2.connect(server.url);
    if (when === "after") await new Promise((resolve) => session.once("remoteSettings", resolve));
    const big = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", "x-big": "x".repeat(17_408) });
    const outcome = await new Promise((resolve) => {
      big.on("response", (headers) => resolve(headers["grpc-status"]));
      big.on("error", () => resolve(big.rstCode));
    });
    expect(outcome).toBe(when === "before" ? String(grpc.status.RESOURCE_EXHAUSTED) : http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    const next = session.request({ ":path": "/nothing" });
    expect(await new Promise((resolve) => next.on("response", (headers) => resolve(headers[":status"])))).toBe(404);
    session.destroy();
    expect(await works(server)).toBe(true);
  });

  test("above 16 KiB reach a stock gRPC client as an error", async () => {
    await using server = await startTestServer(stub);
    using client = createStockClient(server.address);
    const seen = await client.call(Platform, "GetService", {}, { headers: { "x-big": "x".repeat(17_408) } });
    expect(seen.code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    expect(await client.call(Platform, "GetService")).toMatchObject({ code: grpc.status.OK });
  });

  test("above 16 KiB are refused with 431 on HTTP/1.1", async () => {
    await using server = await startTestServer(stub);
    expect(await talk(server, `GET / HTTP/1.1\r\nhost: a\r\nx-big: ${"x".repeat(17_408)}\r\n\r\n`)).toContain("431 Request Header Fields Too Large");
  });

  test("of 12 KiB pass", async () => {
    await using server = await startTestServer(stub);
    using client = createStockClient(server.address);
    expect(await client.call(Platform, "GetService", {}, { headers: { "x-big": "x".repeat(12_288) } })).toMatchObject({ code: grpc.status.OK });
  });
});

describe("slow connections are closed", () => {
  /** Each with only the limit in question short: on a slow machine another one may be over first. */
  const opening = { firstByteMs: 150 };
  const asking = { headersMs: 300, requestMs: 300 };

  test("that send nothing", async () => {
    await using server = await startTestServer(stub, { limits: opening });
    expect(await talk(server, "")).toBe("");
  });

  test("that send half an HTTP/2 preface", async () => {
    await using server = await startTestServer(stub, { limits: opening });
    expect(await talk(server, "PRI * HTTP/2.0\r\n")).toBeDefined();
    expect(await talk(server, "PR")).toBe("");
  });

  test("that send HTTP/2 settings byte by byte", async () => {
    await using server = await startTestServer(stub, { limits: opening });
    expect(await talk(server, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\0")).toBeDefined();
  });

  test("that send HTTP/1.1 headers line by line", async () => {
    await using server = await startTestServer(stub, { limits: asking });
    expect(await talk(server, "GET / HTTP/1.1\r\nhost: a\r\n", "x-a: b\r\n")).toContain("408 Request Timeout");
  });

  test("that send an HTTP/1.1 body byte by byte", async () => {
    await using server = await startTestServer(stub, { limits: asking });
    const head = `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n`;
    expect(await talk(server, head, " ")).toContain("HTTP/1.1 4");
  });

  test("an HTTP/2 call that never sends its message is answered DEADLINE_EXCEEDED and leaves", async () => {
    await using server = await startTestServer(stub, { limits: asking });
    const session = http2.connect(server.url);
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" }, { endStream: false });
    stream.write(Buffer.from([0, 0]));
    stream.resume();
    // Nothing but a status: it may come with the headers.
    const status = await new Promise<http2.IncomingHttpHeaders>((resolve) => {
      stream.on("response", (headers) => "grpc-status" in headers && resolve(headers));
      stream.on("trailers", resolve);
    });
    expect(status["grpc-status"]).toBe(String(grpc.status.DEADLINE_EXCEEDED));
    await new Promise((resolve) => stream.on("close", resolve));
    await eventually(() => server.ends.length === 1);
    session.destroy();
  });
});

describe("silent connections", () => {
  const limits = { pingAfterMs: 80, pingTimeoutMs: 10_000, idleMs: 80 * 1_000 };

  test("that do not answer a ping are dropped", async () => {
    await using server = await startTestServer(stub, { limits: { ...limits, pingTimeoutMs: 80 } });
    // A preface and empty settings, then nothing: the server's ping stays unanswered.
    const hello = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]);
    expect(await talk(server, hello)).toBeDefined();
  });

  test("that answer stay, also with a quiet watch", async () => {
    let pings = 0;
    await using server = await startTestServer(
      {
        async *watchServices(_request, context) {
          yield { totalCount: 1 };
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        },
      },
      { limits },
    );
    const session = http2.connect(server.url);
    session.on("ping", () => (pings += 1));
    const stream = session.request({ ":method": "POST", ":path": `/${Platform.typeName}/WatchServices`, "content-type": "application/grpc" });
    stream.end(Buffer.alloc(5));
    stream.resume();
    await eventually(() => pings >= 4);
    expect([session.destroyed, stream.closed]).toEqual([false, false]);
    session.destroy();
  });

  test("without calls get GOAWAY after the idle time", async () => {
    await using server = await startTestServer(stub, { limits: { ...limits, idleMs: 160 } });
    const session = http2.connect(server.url);
    const code = await new Promise((resolve) => session.on("goaway", resolve));
    expect(code).toBe(http2.constants.NGHTTP2_NO_ERROR);
  });
});

describe("too much at once", () => {
  test("2,000 calls cancelled at once hurt no other connection, nor their own", async () => {
    const server = await startTestServer({
      ...stub,
      async *watchServices(_request, context) {
        yield {};
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      },
    });
    await using _ = server;
    using bystander = createStockClient(server.address);
    const watch = bystander.start(Platform, "WatchServices");
    await eventually(() => watch.messages.length === 1);
    const session = http2.connect(server.url);
    for (let round = 0; round < 5; round++) {
      const streams = Array.from({ length: 100 }, () => {
        const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" }, { endStream: false });
        stream.on("error", () => undefined);
        stream.close(http2.constants.NGHTTP2_CANCEL);
        return stream;
      });
      await Promise.all(streams.map((stream) => stream.closed || new Promise((resolve) => stream.once("close", resolve))));
    }
    const same = session.request({ ":path": "/nothing" });
    expect(await new Promise((resolve) => same.on("response", (headers) => resolve(headers[":status"])))).toBe(404);
    expect(await bystander.call(Platform, "GetService")).toMatchObject({ code: grpc.status.OK });
    watch.cancel();
    session.destroy();
  });

  test("a rapid reset closes the offender soon after as many calls as a client may cancel at once, and nobody else", async () => {
    await using server = await startTestServer(stub);
    using bystander = createStockClient(server.address);
    await bystander.call(Platform, "GetService");
    const socket = net.connect(server.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.resume();
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.write(opening);
    let asked = 0;
    for (; asked < 20_000 && !socket.destroyed; asked += 1) {
      const id = 2 * asked + 1;
      await new Promise((resolve) => socket.write(Buffer.concat([callHeaders(id, path), resetFrame(id, http2.constants.NGHTTP2_CANCEL)]), resolve));
    }
    await closed;
    expect(server.ends.length).toBeGreaterThan(300);
    expect(server.ends.length).toBeLessThan(3_000);
    expect(await bystander.call(Platform, "GetService")).toMatchObject({ code: grpc.status.OK });
  });
});
