/** How many calls a connection may have open, and what becomes of one more. */
import { once } from "node:events";
import http2 from "node:http2";
import * as grpc from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { createStockClient } from "../support/rpc-client.ts";
import { aborted, eventually, startTestServer, type PlatformStub } from "../support/rpc-server.ts";

const path = `/${Platform.typeName}/GetService`;
const watching: PlatformStub = {
  getService: () => ({ serviceName: "a" }),
  async *watchServices(_request, context) {
    yield {};
    await aborted(context);
  },
};
const fields = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };

test("a connection may have 1,000 calls open; one more is refused so that it can be tried again", async () => {
  await using server = await startTestServer(watching);
  const session = http2.connect(server.url);
  const settings = await new Promise<http2.Settings>((resolve) => session.on("remoteSettings", resolve));
  expect(settings).toMatchObject({ maxConcurrentStreams: 2_000, maxHeaderListSize: 16_384 });
  const watch = () => {
    const stream = session.request({ ...fields, ":path": `/${Platform.typeName}/WatchServices` });
    stream.on("error", () => undefined).end(Buffer.alloc(5));
    return stream;
  };
  const watches = Array.from({ length: 1_000 }, watch);
  await Promise.all(watches.map((stream) => once(stream, "response")));
  const refused = watch();
  await new Promise((resolve) => refused.once("close", resolve));
  expect(refused.rstCode).toBe(http2.constants.NGHTTP2_REFUSED_STREAM);
  watches[0]!.close(http2.constants.NGHTTP2_CANCEL);
  const [headers] = (await once(watch(), "response")) as [http2.IncomingHttpHeaders];
  expect(headers[":status"]).toBe(200);
  session.destroy();
});

test("a client that cancels 1,000 watches and calls again at once is answered", async () => {
  await using server = await startTestServer(watching);
  const session = http2.connect(server.url);
  const watches = Array.from({ length: 1_000 }, () => {
    const stream = session.request({ ...fields, ":path": `/${Platform.typeName}/WatchServices` });
    stream.on("error", () => undefined).end(Buffer.alloc(5));
    return stream;
  });
  await Promise.all(watches.map((stream) => once(stream, "response")));
  for (const stream of watches) stream.close(http2.constants.NGHTTP2_CANCEL);
  const calls = Array.from({ length: 500 }, () => {
    const stream = session.request({ ...fields, ":path": path });
    stream.on("error", () => undefined).resume();
    stream.end(Buffer.alloc(5));
    return stream;
  });
  await Promise.all(calls.map((stream) => new Promise((resolve) => stream.once("close", resolve))));
  expect(new Set(calls.map((stream) => stream.rstCode))).toEqual(new Set([http2.constants.NGHTTP2_NO_ERROR]));
  session.destroy();
});

test("a stock client with 1,000 watches is answered UNAVAILABLE, and OK as soon as it has cancelled one", async () => {
  await using server = await startTestServer(watching);
  using client = createStockClient(server.address);
  const watches = Array.from({ length: 1_000 }, () => client.start(Platform, "WatchServices"));
  await eventually(() => watches.every((watch) => watch.messages.length === 1));
  expect(await client.call(Platform, "GetService")).toMatchObject({ code: grpc.status.UNAVAILABLE });
  watches[0]!.cancel();
  expect(await client.call(Platform, "GetService")).toMatchObject({ code: grpc.status.OK });
  for (const watch of watches) watch.cancel();
});
