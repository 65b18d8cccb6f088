import http2 from "node:http2";
import { create } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { GetServiceRequestSchema, PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { DomainError } from "../../src/kernel/errors.ts";
import { createStockClient, reasonOf } from "../support/rpc-client.ts";
import { aborted, eventually, startTestServer, type PlatformStub } from "../support/rpc-server.ts";

const path = `/${Platform.typeName}`;

const stub: PlatformStub = {
  getService(request) {
    if (request.lookupKey.value === "none") {
      throw new DomainError({
        kind: "not_found",
        reason: "REGISTRATION_NOT_FOUND",
        message: "no service: 100% of a/b? é\n",
        metadata: { service_name: "none" },
      });
    }
    return { serviceName: request.lookupKey.value ?? "", port: 7 };
  },
  async *register(request) {
    for (const message of ["one", "two", "three"]) yield { event: { message: `${request.name} ${message}` } };
    if (request.name === "broken") throw new DomainError({ kind: "conflict", reason: "ATTEMPT_IN_FLIGHT", message: "in flight" });
  },
  async *watchServices(_request, context) {
    yield { totalCount: 1 };
    await aborted(context);
  },
};

describe("a stock gRPC client", () => {
  test("makes unary and streaming calls", async () => {
    await using server = await startTestServer(stub);
    using client = createStockClient(server.address);
    const one = await client.call(Platform, "GetService", { lookupKey: { case: "serviceName", value: "a" } });
    expect(one).toMatchObject({ code: grpc.status.OK, messages: [{ serviceName: "a", port: 7 }] });
    const many = await client.call(Platform, "Register", { name: "m" });
    expect(many.code).toBe(grpc.status.OK);
    expect(many.messages).toMatchObject([{ event: { message: "m one" } }, { event: { message: "m two" } }, { event: { message: "m three" } }]);
    await eventually(() => server.ends.length === 2);
    expect(server.ends.map(({ rpc, code }) => [rpc, code])).toEqual([
      [`${Platform.typeName}/GetService`, "OK"],
      [`${Platform.typeName}/Register`, "OK"],
    ]);
  });

  test("sees the message text of an error as it was written", async () => {
    await using server = await startTestServer(stub);
    using client = createStockClient(server.address);
    const seen = await client.call(Platform, "GetService", { lookupKey: { case: "serviceName", value: "none" } });
    expect(seen).toMatchObject({ code: grpc.status.NOT_FOUND, details: "no service: 100% of a/b? é\\u000a" });
    expect(reasonOf(seen)).toBe("REGISTRATION_NOT_FOUND");
  });

  test("gets the messages before an error in mid-stream, and the error", async () => {
    await using server = await startTestServer(stub);
    using client = createStockClient(server.address);
    const seen = await client.call(Platform, "Register", { name: "broken" });
    expect(seen).toMatchObject({ code: grpc.status.ABORTED, details: "in flight" });
    expect(seen.messages).toHaveLength(3);
    const [line] = await eventually(() => server.lines.length > 0 && server.lines);
    expect(line).toMatchObject({
      level: "info",
      event: "call failed",
      fields: { rpc: `${Platform.typeName}/Register`, code: "ABORTED", reason: "ATTEMPT_IN_FLIGHT", principal: "anonymous" },
    });
    expect(server.lines).toHaveLength(1);
  });

  test("cancels a call: the handler's signal aborts", async () => {
    const gone = Promise.withResolvers<void>();
    const server = await startTestServer({
      async *watchServices(_request, context) {
        yield {};
        await aborted(context);
        gone.resolve();
      },
    });
    await using _ = server;
    using client = createStockClient(server.address);
    const call = client.start(Platform, "WatchServices");
    await eventually(() => call.messages.length === 1);
    call.cancel();
    await gone.promise;
    await eventually(() => server.ends.some((end) => end.code === "CANCELLED"));
  });

  test("sets a deadline that the handler sees and that is kept for it", async () => {
    const left = Promise.withResolvers<number | undefined>();
    await using server = await startTestServer({
      getService(_request, context) {
        left.resolve(context.timeoutMs());
        return new Promise(() => undefined); // ignores its signal
      },
    });
    using client = createStockClient(server.address);
    const seen = await client.call(Platform, "GetService", {}, { deadlineMs: 2_000 });
    expect(seen.code).toBe(grpc.status.DEADLINE_EXCEEDED);
    expect(await left.promise).toBeGreaterThan(0);
    expect(await left.promise).toBeLessThanOrEqual(2_000);
    await eventually(() => server.ends.length === 1);
  });

  test("gets UNIMPLEMENTED for a method or service that is not there", async () => {
    await using server = await startTestServer(stub);
    using client = createStockClient(server.address);
    for (const unknown of [`${path}/Nothing`, "/no.such.Service/Method", `${path}/GetService/`, "/"]) {
      expect(await client.raw(unknown, new Uint8Array(3))).toMatchObject({ code: grpc.status.UNIMPLEMENTED, details: "this server has no such method" });
    }
    expect(await client.call(Platform, "GetConnectorSchema")).toMatchObject({ code: grpc.status.UNIMPLEMENTED });
  });

  test.each(["application/grpc", "application/grpc-web+proto"])("is shown what it may use instead of an unknown encoding (%s)", async (type) => {
    await using server = await startTestServer(stub);
    const session = http2.connect(server.url);
    const stream = session.request({ ":method": "POST", ":path": `${path}/GetService`, "content-type": type, "grpc-encoding": "snappy" });
    stream.end(Buffer.alloc(5));
    const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.on("response", resolve));
    expect(headers).toMatchObject({ ":status": 200, "grpc-accept-encoding": "identity,gzip" });
    session.destroy();
  });

  test("gets INVALID_ARGUMENT for bytes that are no such message", async () => {
    await using server = await startTestServer(stub);
    using client = createStockClient(server.address);
    const deep = new Uint8Array(5_000).fill(0x0b);
    for (const method of ["GetService", "Register"]) {
      for (const bytes of [new Uint8Array([0xff]), deep]) {
        expect(await client.raw(`${path}/${method}`, bytes)).toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
      }
    }
    await eventually(() => server.lines.length === 4);
    expect(server.lines.map((line) => line.level)).toEqual(["info", "info", "info", "info"]);
  });
});

describe.each([
  ["gRPC-Web over HTTP/1.1", createGrpcWebTransport, "1.1"],
  ["gRPC-Web over HTTP/2", createGrpcWebTransport, "2"],
  ["Connect over HTTP/1.1", createConnectTransport, "1.1"],
  ["Connect over HTTP/2", createConnectTransport, "2"],
  ["gRPC over HTTP/2", createGrpcTransport, "2"],
] as const)("%s", (_name, transport, httpVersion) => {
  test.each([true, false])("serves unary and streaming calls and errors (binary: %s)", async (useBinaryFormat) => {
    await using server = await startTestServer(stub);
    const client = createClient(Platform, transport({ baseUrl: server.url, httpVersion: httpVersion as "2", useBinaryFormat }));
    expect(await client.getService({ lookupKey: { case: "serviceName", value: "a" } })).toMatchObject({ serviceName: "a" });
    const messages: (string | undefined)[] = [];
    for await (const { event } of client.register({ name: "m" })) messages.push(event?.message);
    expect(messages).toEqual(["m one", "m two", "m three"]);
    const missing = await client.getService({ lookupKey: { case: "serviceName", value: "none" } }).catch((error: unknown) => ConnectError.from(error));
    expect(missing).toMatchObject({ code: grpc.status.NOT_FOUND, rawMessage: "no service: 100% of a/b? é\\u000a" });
    const broken = await Array.fromAsync(client.register({ name: "broken" })).catch((error: unknown) => ConnectError.from(error));
    expect(broken).toMatchObject({ code: grpc.status.ABORTED });
  });

  test("refuses bytes that are no such message as INVALID_ARGUMENT", async () => {
    await using server = await startTestServer(stub);
    const client = createClient(Platform, transport({ baseUrl: server.url, httpVersion: httpVersion as "2", useBinaryFormat: true }));
    // A field that promises five bytes and has none.
    const $unknown = [{ no: 1, wireType: 2, data: new Uint8Array([5]) }];
    const request = Object.assign(create(GetServiceRequestSchema), { $unknown });
    expect(await client.getService(request).catch((error: unknown) => ConnectError.from(error))).toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
  });

  test("gets UNIMPLEMENTED for an unknown method", async () => {
    await using server = await startTestServer(stub, { services: [] });
    const client = createClient(Platform, transport({ baseUrl: server.url, httpVersion: httpVersion as "2" }));
    const error = await client.getService({}).catch((thrown: unknown) => ConnectError.from(thrown));
    expect(error).toMatchObject({ code: grpc.status.UNIMPLEMENTED });
  });
});

describe("plain HTTP", () => {
  test("calls an RPC with JSON", async () => {
    await using server = await startTestServer(stub);
    const response = await post(`${server.url}${path}/GetService`, { serviceName: "a" });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ serviceName: "a", port: 7 });
  });

  test("gets errors, also of bad JSON, as JSON", async () => {
    await using server = await startTestServer(stub);
    const bad = await post(`${server.url}${path}/GetService`, "{");
    expect([bad.status, await bad.json()]).toMatchObject([400, { code: "invalid_argument" }]);
    const missing = await post(`${server.url}${path}/GetService`, { serviceName: "none" });
    expect([missing.status, await missing.json()]).toMatchObject([
      404,
      { code: "not_found", details: [{ type: "google.rpc.ErrorInfo" }, { type: "google.rpc.ResourceInfo" }] },
    ]);
    await eventually(() => server.lines.length === 2);
    expect(server.lines.map((line) => line.fields["code"])).toEqual(["INVALID_ARGUMENT", "NOT_FOUND"]);
  });

  test("answers unknown paths with 404 in JSON, over HTTP/1.1 and HTTP/2", async () => {
    await using server = await startTestServer(stub);
    const h1 = await fetch(`${server.url}/nothing?x=1`);
    expect([h1.status, await h1.json()]).toMatchObject([404, { code: "not_found" }]);
    const session = http2.connect(server.url);
    const stream = session.request({ ":path": "/nothing" });
    const status = await new Promise((resolve) => stream.on("response", (headers) => resolve(headers[":status"])));
    expect(status).toBe(404);
    expect(JSON.parse(Buffer.concat(await Array.fromAsync(stream)).toString())).toMatchObject({ code: "not_found" });
    session.destroy();
  });

  test("a host that is no host is refused, and the server lives on", async () => {
    await using server = await startTestServer(stub);
    const session = http2.connect(server.url);
    const stream = session.request({ ":method": "POST", ":path": `${path}/GetService`, ":authority": "[bad", "content-type": "application/proto" });
    const status = await new Promise((resolve) => stream.on("response", (headers) => resolve(headers[":status"])));
    expect(status).toBe(400);
    session.destroy();
    expect((await post(`${server.url}${path}/GetService`, { serviceName: "a" })).status).toBe(200);
  });
});

function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: typeof body === "string" ? body : JSON.stringify(body) });
}
