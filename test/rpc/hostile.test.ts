import http2 from "node:http2";
import net from "node:net";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { createStockClient } from "../support/rpc-client.ts";
import { aborted, eventually, startTestServer, type PlatformStub } from "../support/rpc-server.ts";

const stub: PlatformStub = {
  getService: () => ({ serviceName: "a" }),
  async *register() {
    yield { event: { message: "one" } };
  },
};

const frame = (body: Uint8Array, flags = 0): Buffer => {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
};

interface Raw {
  readonly status: number | undefined;
  readonly grpcStatus: number | undefined;
  readonly text: string;
}

/** One request on its own HTTP/2 session, sent as it is. */
async function send(url: string, headers: http2.OutgoingHttpHeaders, body: Uint8Array): Promise<Raw> {
  const session = http2.connect(url);
  session.on("error", () => undefined);
  const stream = session.request({ ":method": "POST", ...headers });
  let status: number | undefined;
  let grpcStatus: unknown;
  stream.on("response", (head) => {
    status = head[":status"];
    grpcStatus = head["grpc-status"];
  });
  stream.on("trailers", (trailers: http2.IncomingHttpHeaders) => (grpcStatus ??= trailers["grpc-status"]));
  stream.on("error", () => undefined);
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  // A GET has ended with its headers.
  if (headers[":method"] !== "GET") stream.end(body);
  await new Promise((resolve) => stream.once("close", resolve));
  session.destroy();
  return { status, grpcStatus: grpcStatus === undefined ? undefined : Number(grpcStatus), text: Buffer.concat(chunks).toString() };
}

const empty = frame(new Uint8Array(0));
const grpcType = { "content-type": "application/grpc" };
const { INVALID_ARGUMENT, OK, RESOURCE_EXHAUSTED, UNIMPLEMENTED, DEADLINE_EXCEEDED } = grpc.status;

describe.each(["GetService", "Register"])("no bytes on the wire make %s fail as if it were our fault", (name) => {
  const path = `/${Platform.typeName}/${name}`;
  test.each<[string, http2.OutgoingHttpHeaders, Uint8Array, readonly number[]]>([
    ["an empty message", grpcType, empty, [OK]],
    ["no message", grpcType, new Uint8Array(0), [UNIMPLEMENTED]],
    ["two messages", grpcType, Buffer.concat([empty, empty]), [UNIMPLEMENTED]],
    ["half a frame head", grpcType, Buffer.from([0, 0]), [INVALID_ARGUMENT]],
    ["a frame cut short", grpcType, frame(Buffer.alloc(9)).subarray(0, 8), [INVALID_ARGUMENT]],
    ["a frame that announces 4 GiB", grpcType, Buffer.from([0, 255, 255, 255, 255]), [RESOURCE_EXHAUSTED]],
    ["bytes that are no protobuf", grpcType, frame(Buffer.from([255, 255])), [INVALID_ARGUMENT]],
    ["deeply nested groups", grpcType, frame(Buffer.alloc(100_000, 0x0b)), [INVALID_ARGUMENT]],
    ["text that is not UTF-8", grpcType, frame(Buffer.from([0x0a, 2, 0xc3, 0x28])), [OK, INVALID_ARGUMENT]],
    ["a compressed frame without an encoding", grpcType, frame(Buffer.alloc(3), 1), [INVALID_ARGUMENT]],
    ["a compressed frame that is not gzip", { ...grpcType, "grpc-encoding": "gzip" }, frame(Buffer.alloc(30, 7), 1), [INVALID_ARGUMENT]],
    ["an unknown compression", { ...grpcType, "grpc-encoding": "snappy" }, frame(Buffer.alloc(3), 1), [UNIMPLEMENTED]],
    ["reserved frame flags", grpcType, frame(new Uint8Array(0), 0x7c), [OK, INVALID_ARGUMENT]],
    ["a deadline that is none", { ...grpcType, "grpc-timeout": "soon" }, empty, [INVALID_ARGUMENT]],
    ["a negative deadline", { ...grpcType, "grpc-timeout": "-1S" }, empty, [INVALID_ARGUMENT]],
    ["a deadline of nothing", { ...grpcType, "grpc-timeout": "0m" }, empty, [DEADLINE_EXCEEDED]],
    ["a deadline of a fraction of a millisecond", { ...grpcType, "grpc-timeout": "5n" }, empty, [OK, DEADLINE_EXCEEDED]],
    ["a deadline of millennia", { ...grpcType, "grpc-timeout": "99999999H" }, empty, [OK]],
    ["JSON that is none", { "content-type": "application/grpc+json" }, frame(Buffer.from("{")), [INVALID_ARGUMENT]],
    ["an unknown enum value in JSON", { "content-type": "application/grpc+json" }, frame(Buffer.from('{"type":"NO_SUCH"}')), [OK, INVALID_ARGUMENT]],
  ])("%s", async (_what, headers, body, expected) => {
    await using server = await startTestServer(stub);
    const seen = await send(server.url, { ":path": path, ...headers }, body);
    expect(expected).toContain(seen.grpcStatus);
    await eventually(() => server.ends.length === 1);
    expect(server.lines.filter((line) => line.level === "error")).toEqual([]);
  });

  test.each([
    ["an unknown content type", { "content-type": "text/plain" }, 415, "takes the content types application/grpc, "],
    ["a gRPC content type of no kind", { "content-type": "application/grpc+\u00e9" }, 415, "takes the content types"],
    ["no content type", {}, 415, "takes the content types"],
    ["a stream as if it had one answer", { ":path": `/${Platform.typeName}/Register`, "content-type": "application/json" }, 415, "Register is a stream: "],
    ["GET", { ":method": "GET", ...grpcType }, 405, " is called with POST"],
  ])("%s is refused, and told how it is called", async (_what, headers, status, message) => {
    await using server = await startTestServer(stub);
    const seen = await send(server.url, { ":path": path, ...headers }, empty);
    expect(seen).toMatchObject({ status, text: expect.stringContaining(message) });
    expect(server.lines.filter((line) => line.level === "error")).toEqual([]);
  });
});

test("HTTP/1.1 that is none is refused, and the server lives on", async () => {
  await using server = await startTestServer(stub);
  for (const text of [
    "GET\r\n\r\n",
    "PRX * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "POST /a.b/c HTTP/1.1\r\nhost: [\r\ncontent-length: -1\r\n\r\n",
    "\0".repeat(64),
  ]) {
    const socket = net.connect(server.port, "127.0.0.1", () => socket.end(text));
    socket.on("error", () => undefined);
    const answer = Buffer.concat(await Array.fromAsync(socket)).toString();
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
  }
  const noHost = net.connect(server.port, "127.0.0.1", () =>
    noHost.end(`POST /${Platform.typeName}/GetService HTTP/1.0\r\ncontent-type: application/json\r\n\r\n`),
  );
  expect(Buffer.concat(await Array.fromAsync(noHost)).toString()).toContain("no valid host");
  using client = createStockClient(server.address);
  expect(await client.call(Platform, "GetService")).toMatchObject({ code: OK });
});

test("garbage after the HTTP/2 preface closes that connection only", async () => {
  await using server = await startTestServer(stub);
  using client = createStockClient(server.address);
  await client.call(Platform, "GetService");
  const socket = net.connect(server.port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.resume();
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  socket.write(Buffer.alloc(200, 0xff));
  await new Promise((resolve) => socket.once("close", resolve));
  expect(await client.call(Platform, "GetService")).toMatchObject({ code: OK });
});

test("a client that does not read its stream is cut off after the deadline", async () => {
  const stopped = Promise.withResolvers<void>();
  const server = await startTestServer(
    {
      async *watchServices(_request, context) {
        const big = { serviceName: "x".repeat(100_000) };
        try {
          while (!context.signal.aborted) yield { services: [big] };
        } finally {
          stopped.resolve();
        }
      },
    },
    { limits: { watchMs: 1_500 } },
  );
  await using _ = server;
  const session = http2.connect(server.url, { settings: { initialWindowSize: 1_000 } });
  session.on("error", () => undefined);
  const stream = session.request({ ":method": "POST", ":path": `/${Platform.typeName}/WatchServices`, ...grpcType });
  stream.on("error", () => undefined);
  stream.end(empty);
  await stopped.promise;
  await eventually(() => server.ends.length === 1);
  session.destroy();
});

test("beyond the limit of open calls new ones are refused, but not health checks", async () => {
  await using server = await startTestServer(
    {
      ...stub,
      async *watchServices(_request, context) {
        yield {};
        await aborted(context);
      },
    },
    { limits: { calls: 2 } },
  );
  using client = createStockClient(server.address);
  const watches = [client.start(Platform, "WatchServices"), client.start(Platform, "WatchServices")];
  await eventually(() => watches.every((watch) => watch.messages.length === 1));
  expect(await client.call(Platform, "GetService")).toMatchObject({
    code: RESOURCE_EXHAUSTED,
    details: expect.stringContaining("2 calls are open here for this caller"),
  });
  const { Health } = await import("../../gen/grpc/health/v1/health_pb.ts");
  expect(await client.call(Health, "Check")).toMatchObject({ code: OK });
  for (const watch of watches) watch.cancel();
  await eventually(() => server.ends.filter((end) => end.code === "CANCELLED").length === 2);
  expect(await client.call(Platform, "GetService")).toMatchObject({ code: OK });
});
