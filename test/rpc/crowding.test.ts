/** One caller takes as much as it gets; the others must not notice. */
import { createHash } from "node:crypto";
import http2 from "node:http2";
import net from "node:net";
import type { HandlerContext } from "@connectrpc/connect";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { shareOf } from "../../src/kernel/caller.ts";
import { createAuthGate, type AuthMode } from "../../src/rpc/platform/auth.ts";
import { callerOf } from "../../src/rpc/platform/caller.ts";
import { parseTokenFile } from "../../src/rpc/platform/tokens.ts";
import { jsonAnswer, publicGet } from "../../src/rpc/transport/http-route.ts";
import type { Limits } from "../../src/rpc/transport/limits.ts";
import { createStockClient, reasonOf, richStatus } from "../support/rpc-client.ts";
import { aborted, eventually, startTestServer, type TestServer } from "../support/rpc-server.ts";

const { OK, RESOURCE_EXHAUSTED } = grpc.status;
const sha256 = (token: string) => createHash("sha256").update(token).digest("hex");
const tokens = parseTokenFile(JSON.stringify({ tokens: ["a", "b"].map((name) => ({ principal: name, roles: ["admin"], sha256: sha256(`token-${name}`) })) }));
const as = (name: "a" | "b") => ({ headers: { authorization: `Bearer token-${name}` } });

function start(limits: Partial<Limits>, fastLane = true): Promise<TestServer> {
  return startTestServer(
    {
      getService: () => ({ serviceName: "a" }),
      async *watchServices(_request, context) {
        yield {};
        await aborted(context);
      },
    },
    {
      limits,
      fastLane,
      gate: createAuthGate({ mode: "tokens", tokens }),
      http: [publicGet("/alive", () => jsonAnswer(200, {})), publicGet("/page", () => ({ status: 200, contentType: "text/plain", body: "x".repeat(50_000) }))],
    },
  );
}

/** A connection as it is, and whether it is still open. */
async function openSocket(server: TestServer, bytes = ""): Promise<net.Socket> {
  const socket = net.connect(server.port, "127.0.0.1");
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.once("connect", resolve));
  if (bytes !== "") socket.write(bytes);
  socket.resume();
  return socket;
}

const isOpen = (socket: net.Socket): boolean => !socket.closed && !socket.readableEnded && !socket.destroyed;

async function works(server: TestServer): Promise<void> {
  using client = createStockClient(server.address);
  expect(await client.call(Platform, "GetService", {}, as("b"))).toMatchObject({ code: OK });
  expect(await client.call(Health, "Check")).toMatchObject({ code: OK });
  expect((await fetch(`${server.url}/alive`)).status).toBe(200);
}

describe.each([true, false])("calls, with the short way %s", (fastLane) => {
  test("of public methods take no place of those with a token", async () => {
    await using server = await start({ calls: 20, publicCalls: 20 }, fastLane);
    using client = createStockClient(server.address);
    const watches = Array.from({ length: 60 }, () => client.start(Health, "Watch"));
    const refused = await Promise.all(watches.slice(20).map(({ ended }) => ended));
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set([RESOURCE_EXHAUSTED]));
    await works(server);
    for (const watch of watches) watch.cancel();
  });

  test("that are refused take no place either", async () => {
    await using server = await start({ calls: 1, publicCalls: 1, streamsPerConnection: 1_000 }, fastLane);
    const session = http2.connect(server.url);
    const headers = { ":method": "POST", ":path": `/${Platform.typeName}/WatchServices`, "content-type": "application/grpc" };
    const answers = Array.from({ length: 200 }, async () => {
      const stream = session.request(headers, { endStream: false });
      stream.on("error", () => undefined);
      stream.resume();
      return new Promise((resolve) => {
        stream.once("response", (head) => "grpc-status" in head && resolve(head["grpc-status"]));
        stream.once("trailers", (trailers: http2.IncomingHttpHeaders) => resolve(trailers["grpc-status"]));
      });
    });
    expect(new Set(await Promise.all(answers))).toEqual(new Set([String(grpc.status.UNAUTHENTICATED)]));
    await works(server);
    session.destroy();
  });

  test("of one principal leave places to another", async () => {
    await using server = await start({ calls: 200, streamsPerConnection: 1_000 }, fastLane);
    using client = createStockClient(server.address);
    const watches = Array.from({ length: 220 }, () => client.start(Platform, "WatchServices", {}, as("a")));
    const refused = await Promise.all(watches.slice(180).map(({ ended }) => ended));
    const text = "the share of a is full: 180 calls are open here for this caller, and 180 in all";
    expect(new Set(refused.map(({ code, details }) => `${code} ${details}`))).toEqual(new Set([`${RESOURCE_EXHAUSTED} ${text}`]));
    const details = richStatus(refused[0]!).details.map(({ typeUrl }) => typeUrl.split(".").at(-1));
    expect([reasonOf(refused[0]!), ...details]).toEqual(["TOO_MANY_REQUESTS", "ErrorInfo", "QuotaFailure", "RetryInfo"]);
    await eventually(() => watches.filter(({ messages }) => messages.length > 0).length === 180);
    await works(server);
    for (const watch of watches) watch.cancel();
  });
});

describe.each([
  ["with a token", { mode: "tokens", tokens } as AuthMode, "tokens|a"],
  ["where there are none", { mode: "open" } as AuthMode, "127.0.0.1"],
])("the share of a caller %s", (_who, auth, share) => {
  test.each([true, false])("with the short way %s", async (fastLane) => {
    const stub = { getService: (_request: unknown, context: HandlerContext) => ({ serviceName: shareOf(callerOf(context)) }) };
    await using server = await startTestServer(stub, { fastLane, gate: createAuthGate(auth) });
    using client = createStockClient(server.address);
    expect((await client.call(Platform, "GetService", {}, as("a"))).messages).toMatchObject([{ serviceName: share }]);
    if (auth.mode === "tokens") return;
    const claimed = await client.call(Platform, "GetService", {}, { headers: { "muster-principal": "somebody" } });
    expect(claimed.messages).toMatchObject([{ serviceName: share }]);
  });
});

test.each([
  ["probes", "/page"],
  ["what there is not", "/nothing"],
])("%s that nobody reads make room for the next one", async (_what, path) => {
  await using server = await start({ probeCalls: 20, pendingCalls: 20, slowReaderMs: 600_000, unaryMs: 600_000 });
  const session = http2.connect(server.url, { settings: { initialWindowSize: 0 } });
  let open = 0;
  const closed: Promise<number | undefined>[] = [];
  for (let i = 0; i < 90; i += 1) {
    const stream = session.request({ ":path": path });
    stream.on("error", () => undefined);
    open += 1;
    const close = new Promise<number | undefined>((resolve) => stream.once("close", () => ((open -= 1), resolve(stream.rstCode))));
    closed.push(close);
  }
  const codes = await Promise.all(closed.slice(0, 70));
  expect(new Set(codes)).toEqual(new Set([http2.constants.NGHTTP2_ENHANCE_YOUR_CALM]));
  expect(open).toBe(20);
  await works(server);
  session.destroy();
});

describe("connections", () => {
  test("without a call make room for new ones, those with a call stay", async () => {
    await using server = await start({ connections: 40 });
    using registrar = createStockClient(server.address);
    expect(await registrar.call(Platform, "GetService", {}, as("a"))).toMatchObject({ code: OK });
    const watch = registrar.start(Platform, "WatchServices", {}, as("a"));
    const idle: net.Socket[] = [];
    for (let i = 0; i < 150; i += 1) idle.push(await openSocket(server, i % 2 === 0 ? "GET /alive HTTP/1.1\r\nhost: a\r\n\r\n" : ""));
    await eventually(() => idle.filter(isOpen).length <= 40);
    for (let i = 0; i < 5; i += 1) await works(server);
    await eventually(() => watch.messages.length === 1);
    watch.cancel();
    expect((await watch.ended).code).toBe(grpc.status.CANCELLED);
    expect(server.lines.filter(({ event }) => event === "connections closed")).toMatchObject([{ level: "warn" }]);
    for (const socket of idle) socket.destroy();
  });

  test("that are in use, as many as may be, leave room for probes", async () => {
    await using server = await start({ connections: 3, spareConnections: 2 });
    const clients = Array.from({ length: 3 }, () => createStockClient(server.address));
    const watches = clients.map((client) => client.start(Platform, "WatchServices", {}, as("a")));
    await eventually(() => watches.every(({ messages }) => messages.length === 1));
    const idle = [await openSocket(server), await openSocket(server), await openSocket(server)];
    expect((await fetch(`${server.url}/alive`)).status).toBe(200);
    using another = createStockClient(server.address);
    expect(await another.call(Health, "Check")).toMatchObject({ code: OK });
    expect(await another.call(Platform, "GetService", {}, as("b"))).toMatchObject({ code: RESOURCE_EXHAUSTED });
    for (const watch of watches) watch.cancel();
    await Promise.all(watches.map(({ ended }) => ended));
    await eventually(() => server.ends.filter(({ code }) => code === "CANCELLED").length === 3);
    expect(await another.call(Platform, "GetService", {}, as("b"))).toMatchObject({ code: OK });
    for (const client of clients) client.close();
    for (const socket of idle) socket.destroy();
  });
});
