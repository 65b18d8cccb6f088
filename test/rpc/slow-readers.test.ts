import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import http2 from "node:http2";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { create, fromBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import {
  PlatformRegistrationService as Platform,
  WatchServicesResponseSchema,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { createStockClient } from "../support/rpc-client.ts";
import { eventually, startTestServer, type PlatformStub } from "../support/rpc-server.ts";

const path = `/${Platform.typeName}/WatchServices`;
const emptyMessage = Buffer.alloc(5);

/** A watch that always has something new, of `bytes` that cannot be packed; counts what it was asked for. */
function chatty(bytes: number): { readonly stub: PlatformStub; sent: () => number } {
  let sent = 0;
  const message = create(WatchServicesResponseSchema, { services: [{ serviceName: randomBytes(bytes / 2).toString("hex") }] });
  return {
    sent: () => sent,
    stub: {
      async *watchServices(_request, context) {
        while (!context.signal.aborted) {
          sent += 1;
          yield message;
          await pause(1);
        }
      },
      getService: () => ({ serviceName: "a" }),
    },
  };
}

function openStream(session: http2.ClientHttp2Session): http2.ClientHttp2Stream {
  const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc+proto", te: "trailers" });
  stream.end(emptyMessage);
  stream.on("error", () => undefined);
  return stream;
}

/** Rejects when the stream is refused. */
function answered(stream: http2.ClientHttp2Stream): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once("response", () => resolve());
    stream.once("close", () => reject(new Error(`closed with code ${stream.rstCode}`)));
  });
}

describe("a client that does not read", () => {
  test("is cut off with RESOURCE_EXHAUSTED, which is logged too; others on its connection go on", async () => {
    const { stub, sent } = chatty(50_000);
    await using server = await startTestServer(stub, { limits: { slowReaderMs: 4_000 } });
    const session = http2.connect(server.url);
    const deaf = openStream(session);
    const closed = new Promise<number>((resolve) => deaf.once("close", () => resolve(deaf.rstCode ?? 0)));
    const heard = openStream(session);
    let bytes = 0;
    heard.on("data", (chunk: Buffer) => (bytes += chunk.length));
    expect(await closed).toBe(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    const line = await eventually(() => server.lines.find(({ fields }) => fields["reason"] === "SLOW_READER"));
    expect(line).toMatchObject({ level: "warn", event: "call failed", fields: { code: "RESOURCE_EXHAUSTED", rpc: path.slice(1) } });
    const before = bytes;
    await eventually(() => bytes > before + 100_000);
    expect(heard.closed).toBe(false);
    expect(sent()).toBeGreaterThan(2);
    session.destroy();
  });

  test("holds its handler back, so that nothing piles up", async () => {
    const { stub, sent } = chatty(200_000);
    await using server = await startTestServer(stub, { limits: { slowReaderMs: 800 } });
    const session = http2.connect(server.url);
    const deaf = openStream(session);
    await new Promise((resolve) => deaf.once("close", resolve));
    expect(sent()).toBeLessThanOrEqual(2);
    session.destroy();
  });

  test("and cancels, again and again, keeps its connection and the other calls on it", async () => {
    const { stub } = chatty(200_000);
    await using server = await startTestServer(stub);
    const session = http2.connect(server.url);
    const other = openStream(session);
    let bytes = 0;
    other.on("data", (chunk: Buffer) => (bytes += chunk.length));
    // What is cancelled before it was read comes to 100 MB.
    for (let rounds = 0; rounds < 25; rounds += 1) {
      const streams = Array.from({ length: 20 }, () => openStream(session));
      await Promise.all(streams.map((stream) => answered(stream)));
      const closed = streams.map((stream) => new Promise((resolve) => stream.once("close", resolve)));
      for (const stream of streams) stream.close(http2.constants.NGHTTP2_CANCEL);
      await Promise.all(closed);
    }
    const before = bytes;
    await eventually(() => bytes > before + 400_000);
    expect([session.closed, other.closed]).toEqual([false, false]);
    session.destroy();
  });

  test("and reads again in time loses nothing", async () => {
    const { stub } = chatty(50_000);
    await using server = await startTestServer(stub, { limits: { slowReaderMs: 5_000 } });
    const session = http2.connect(server.url);
    const slow = openStream(session);
    const chunks: Buffer[] = [];
    for (let rounds = 0; rounds < 4; rounds += 1) {
      await pause(500);
      slow.on("data", (chunk: Buffer) => chunks.push(chunk));
      slow.resume();
      const before = chunks.length;
      await eventually(() => chunks.length > before + 10);
      slow.pause();
    }
    expect(slow.closed).toBe(false);
    const all = Buffer.concat(chunks);
    const length = all.readUInt32BE(1);
    expect(fromBinary(WatchServicesResponseSchema, all.subarray(5, 5 + length)).services[0]?.serviceName).toHaveLength(50_000);
    session.destroy();
  });

  test("gets RESOURCE_EXHAUSTED also as a stock client", async () => {
    const { stub } = chatty(50_000);
    await using server = await startTestServer(stub, { limits: { slowReaderMs: 500 } });
    const program = new URL("../support/deaf-client.ts", import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(process.execPath, [program, server.address, path, "3000"], { timeout: 60_000 });
    expect(Number(stdout)).toBe(grpc.status.RESOURCE_EXHAUSTED);
  });

  test("does not disturb unary calls", async () => {
    const { stub } = chatty(10);
    await using server = await startTestServer(stub, { limits: { slowReaderMs: 100 } });
    using client = createStockClient(server.address);
    for (let calls = 0; calls < 3; calls += 1) {
      expect(await client.call(Platform, "GetService")).toMatchObject({ code: grpc.status.OK });
      await pause(150);
    }
  });
});
