/** HTTP routes of domains: what holds for an RPC holds for them. */
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { DomainError, unavailable, type ErrorKind } from "../../src/kernel/errors.ts";
import { createAuthGate, type Gate } from "../../src/rpc/platform/auth.ts";
import { generateToken, parseTokenFile } from "../../src/rpc/platform/tokens.ts";
import { jsonAnswer, publicGet, type HttpRoute, type RouteRequest } from "../../src/rpc/transport/http-route.ts";
import { eventually, startTestServer, type TestServer } from "../support/rpc-server.ts";

const ci = generateToken();
const tokens = parseTokenFile(JSON.stringify({ tokens: [{ principal: "ci", roles: ["registrar"], sha256: ci.sha256 }] }));
const template = "/api/v1/webhooks/{source}";

/** A POST under the template that answers with what `of` makes of the request. */
function webhook(of: (request: RouteRequest) => unknown, more: Partial<HttpRoute> = {}): HttpRoute {
  return { method: "POST", path: template, access: "registrar", handle: async (request) => jsonAnswer(202, await of(request)), ...more };
}

function post(server: TestServer, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(server.url + path, { method: "POST", headers: { authorization: `Bearer ${ci.token}` }, ...init });
}

/** What a failed request says: status, code, reason. */
async function failureOf(response: Response): Promise<readonly unknown[]> {
  const body = (await response.json()) as { code: string; details?: readonly { type: string; value: string }[] };
  const info = body.details?.find(({ type }) => type === "google.rpc.ErrorInfo");
  return [response.status, body.code, info && fromBinary(ErrorInfoSchema, Buffer.from(info.value, "base64")).reason];
}

const never = () => new Promise<never>(() => undefined);

describe("the path", () => {
  const say = (path: string, method: HttpRoute["method"] = "GET"): HttpRoute => ({
    method,
    path,
    access: "viewer",
    handle: ({ params, query }) => jsonAnswer(200, { path, params, query: [...query] }),
  });
  const routes = [say("/a/{x}"), say("/a/b"), say("/a/{x}/c"), say("/a/b/{y}"), say("/a/{x}", "POST")];

  test.each([
    ["/a/one?q=1&q=%2f", { path: "/a/{x}", params: { x: "one" }, query: [["q", "1"], ["q", "/"]] }], // prettier-ignore
    ["/a/b", { path: "/a/b", params: {} }],
    ["/a/b/c", { path: "/a/b/{y}", params: { y: "c" } }],
    ["/a/o/c", { path: "/a/{x}/c", params: { x: "o" } }],
    ["/a/one%2Ftwo%20%C3%A9", { path: "/a/{x}", params: { x: "one/two é" } }],
    ["/a/..%2f..", { path: "/a/{x}", params: { x: "../.." } }],
  ])("%s", async (path, expected) => {
    await using server = await startTestServer({}, { http: routes });
    const response = await fetch(server.url + path);
    expect([response.status, await response.json()]).toMatchObject([200, expected]);
  });

  test.each([
    ["GET", "/a/", 404, "not_found"],
    ["GET", "/a/b/c/d", 404, "not_found"],
    ["GET", "/%61/b", 404, "not_found"],
    ["GET", "/a/%zz", 400, "invalid_argument"],
    ["GET", "/a/%ff", 400, "invalid_argument"],
    ["DELETE", "/a/one", 405, "unimplemented"],
    ["POST", "/a/b", 405, "unimplemented"],
  ])("%s %s is answered with %i", async (method, path, status, code) => {
    await using server = await startTestServer({}, { http: routes });
    const response = await fetch(server.url + path, { method });
    expect([response.status, await response.json()]).toMatchObject([status, { code }]);
    if (path === "/a/one") expect(response.headers.get("allow")).toBe("GET, HEAD, POST");
  });

  test("a table that is wrong does not start a server", async () => {
    for (const wrong of [[say("a")], [say("/a/{x")], [say("/{x}/{x}")], [say("/a/{x}"), say("/a/{y}", "POST")], [say("/a"), say("/a")]]) {
      await expect(startTestServer({}, { http: wrong }), wrong[0]?.path).rejects.toThrow(TypeError);
    }
  });
});

describe("the gate", () => {
  const options = {
    http: [webhook(({ params, body, caller }) => ({ ...params, body: Buffer.from(body).toString(), caller }))],
    gate: createAuthGate({ mode: "tokens", tokens }),
  };

  test("admits whom the rule admits; the handler has body and caller", async () => {
    await using server = await startTestServer({}, options);
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const response = await post(server, "/api/v1/webhooks/github", { body: "{}", headers: { authorization: `Bearer ${ci.token}`, traceparent } });
    expect([response.status, await response.json()]).toMatchObject([202, { source: "github", body: "{}", caller: { key: "tokens|ci", traceparent } }]);
    await eventually(() => server.ends.length > 0);
    expect([server.ends, server.lines]).toMatchObject([[{ rpc: `POST ${template}`, code: "OK" }], []]);
  });

  test("refuses others, in JSON, and the log names the route and who it was", async () => {
    await using server = await startTestServer({}, { ...options, http: [...options.http, webhook(() => ({}), { path: "/admins", access: "admin" })] });
    const stranger = await post(server, "/api/v1/webhooks/github", { headers: {} });
    expect(stranger.headers.get("www-authenticate")).toBe("Bearer");
    expect(await failureOf(stranger)).toEqual([401, "unauthenticated", "UNAUTHENTICATED"]);
    expect(await failureOf(await post(server, "/admins"))).toEqual([403, "permission_denied", "PERMISSION_DENIED"]);
    await eventually(() => server.lines.length === 2);
    expect(server.lines[1]).toMatchObject({ event: "call failed", fields: { route: "POST /admins", code: "PERMISSION_DENIED", principal: "ci" } });
  });

  test.each([
    ["later", async () => ({ principal: tokens.find(ci.token)!.principal, refusal: undefined }), [202]],
    ["with UNAVAILABLE", () => Promise.reject(unavailable("store", "no keys")), [503, "unavailable", "DEPENDENCY_UNAVAILABLE"]],
    ["with a fault", () => Promise.reject(new Error("secret")), [500, "internal", "INTERNAL"]],
    ["never", never, [504, "deadline_exceeded", "DEADLINE_EXCEEDED"]],
  ] as const)("may answer %s", async (_how, gate: Gate, expected) => {
    await using server = await startTestServer({}, { http: options.http, gate, limits: { unaryMs: 500 } });
    const response = await post(server, "/api/v1/webhooks/x", { body: "y" });
    expect((await failureOf(response)).slice(0, expected.length)).toEqual(expected);
  });

  test("does not have to read a body to refuse it", async () => {
    await using server = await startTestServer({}, options);
    const socket = net.connect(server.port, "127.0.0.1");
    socket.write(`POST /api/v1/webhooks/x HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n`);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 401 /);
    socket.destroy();
  });
});

describe("a handler that throws", () => {
  const kinds: readonly (readonly [ErrorKind, number, string])[] = [
    ["invalid", 400, "invalid_argument"],
    ["not_found", 404, "not_found"],
    ["already_exists", 409, "already_exists"],
    ["wrong_state", 400, "failed_precondition"],
    ["conflict", 409, "aborted"],
    ["exhausted", 429, "resource_exhausted"],
    ["unavailable", 503, "unavailable"],
    ["timeout", 504, "deadline_exceeded"],
    ["unimplemented", 501, "unimplemented"],
  ];

  test.each(kinds)("%s is answered with %i, its code and its reason, and logged", async (kind, status, code) => {
    const failing = webhook(() => Promise.reject(new DomainError({ kind, reason: "INVALID_FIELDS", message: "it is so" })));
    await using server = await startTestServer({}, { http: [failing] });
    expect(await failureOf(await post(server, "/api/v1/webhooks/x"))).toEqual([status, code, "INVALID_FIELDS"]);
    await eventually(() => server.lines.length > 0);
    expect(server.lines).toMatchObject([{ event: "call failed", fields: { route: `POST ${template}`, reason: "INVALID_FIELDS" } }]);
    expect(server.ends).toMatchObject([{ rpc: `POST ${template}`, code: code.toUpperCase() }]);
  });

  test("an answer that cannot be written is a fault of ours, and not the end of the server", async () => {
    const odd = webhook(() => ({}), { handle: () => jsonAnswer(200, {}, { "x-odd": "a\nb" }) });
    await using server = await startTestServer({}, { http: [odd] });
    for (let i = 0; i < 2; i++) expect(await failureOf(await post(server, "/api/v1/webhooks/x"))).toEqual([500, "internal", "INTERNAL"]);
  });

  test("an error status that it returns is counted, not logged", async () => {
    const gone = webhook(() => ({}), { handle: () => jsonAnswer(503, { status: "draining" }) });
    await using server = await startTestServer({}, { http: [gone] });
    expect((await post(server, "/api/v1/webhooks/x")).status).toBe(503);
    await eventually(() => server.ends.length > 0);
    expect([server.ends, server.lines]).toMatchObject([[{ code: "UNAVAILABLE" }], []]);
  });
});

describe("limits", () => {
  test("a body of too many bytes is refused with 413, whether it says so or not", async () => {
    await using server = await startTestServer({}, { http: [webhook(({ body }) => body.length, { limits: { bodyBytes: 10 } })] });
    expect(await (await post(server, "/api/v1/webhooks/x", { body: "0123456789" })).json()).toBe(10);
    expect((await failureOf(await post(server, "/api/v1/webhooks/x", { body: "0123456789a" }))).slice(0, 2)).toEqual([413, "resource_exhausted"]);
    const session = http2.connect(server.url);
    const stream = session.request({ ":method": "POST", ":path": "/api/v1/webhooks/x" });
    stream.on("error", () => undefined);
    stream.write("0123456789a");
    const [headers] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
    expect(headers[":status"]).toBe(413);
    session.destroy();
    await eventually(() => server.ends.length === 3);
    expect(server.ends.map(({ code }) => code)).toEqual(["OK", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"]);
  });

  test("a body that does not come is not waited for", async () => {
    await using server = await startTestServer({}, { http: [webhook(() => ({}))], limits: { headersMs: 300, requestMs: 300 } });
    const session = http2.connect(server.url);
    const stream = session.request({ ":method": "POST", ":path": "/api/v1/webhooks/x" }, { endStream: false });
    const [headers] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
    expect(headers[":status"]).toBe(504);
    session.destroy();
  });

  test("a handler that is stuck is answered for at the deadline, and its signal aborts", async () => {
    const reasons: unknown[] = [];
    const stuck = webhook(({ signal }) => (signal.addEventListener("abort", () => reasons.push(signal.reason)), never()), { limits: { deadlineMs: 300 } });
    await using server = await startTestServer({}, { http: [stuck] });
    expect(await failureOf(await post(server, "/api/v1/webhooks/x"))).toEqual([504, "deadline_exceeded", "DEADLINE_EXCEEDED"]);
    expect(reasons).toMatchObject([{ name: "TimeoutError" }]);
  });

  test("a client that goes away aborts the handler, and is reported as cancelled", async () => {
    const entered = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const route = webhook(
      async (request) => (entered.resolve(), await new Promise<void>((resolve) => request.signal.addEventListener("abort", () => resolve())), left.resolve()),
    );
    await using server = await startTestServer({}, { http: [route] });
    const request = http.request(`${server.url}/api/v1/webhooks/x`, { method: "POST" });
    request.on("error", () => undefined);
    request.end("body");
    await entered.promise;
    request.destroy();
    await left.promise;
    await eventually(() => server.ends.length > 0);
    expect(server.ends).toMatchObject([{ code: "CANCELLED" }]);
  });

  test("counts among the open calls, but for probes", async () => {
    const entered = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const http = [webhook(async () => (entered.resolve(), await release.promise, {})), publicGet("/alive", () => jsonAnswer(200, {}))];
    await using server = await startTestServer({ getService: () => ({}) }, { http, limits: { calls: 1 } });
    const running = post(server, "/api/v1/webhooks/x");
    await entered.promise;
    expect((await failureOf(await post(server, "/api/v1/webhooks/y"))).slice(0, 2)).toEqual([429, "resource_exhausted"]);
    const rpc = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
    expect((await fetch(`${server.url}/${Platform.typeName}/GetService`, rpc)).status).toBe(429);
    expect((await fetch(`${server.url}/alive`)).status).toBe(200);
    release.resolve();
    expect((await running).status).toBe(202);
  });

  test("a server that stops lets it finish, and cuts it after the grace time", async () => {
    const entered = Promise.withResolvers<void>();
    const server = await startTestServer({}, { http: [webhook(() => (entered.resolve(), never()))] });
    const running = post(server, "/api/v1/webhooks/x").then(failureOf);
    await entered.promise;
    await server.close(50);
    expect(await running).toEqual([503, "unavailable", "SHUTTING_DOWN"]);
  });
});

describe("a client that does not read", () => {
  const big = publicGet("/big", () => ({ status: 200, contentType: "text/plain", body: "x".repeat(30_000_000) }));

  test.each(["/big", "/nothing"])("%s over HTTP/2 is cut off like a stream", async (path) => {
    await using server = await startTestServer({}, { http: [big], limits: { slowReaderMs: 400, unaryMs: 60_000 } });
    const session = http2.connect(server.url, { settings: { initialWindowSize: 0 } });
    const stream = session.request({ ":path": path });
    stream.on("error", () => undefined);
    await new Promise((resolve) => stream.once("close", resolve));
    expect(stream.rstCode).toBe(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    session.destroy();
    if (path === "/nothing") return;
    await eventually(() => server.ends.length > 0);
    expect([server.ends, server.lines]).toMatchObject([[{ code: "RESOURCE_EXHAUSTED" }], [{ fields: { reason: "SLOW_READER", route: "GET /big" } }]]);
  });

  test("over HTTP/1.1 loses its connection", async () => {
    await using server = await startTestServer({}, { http: [big], limits: { slowReaderMs: 400, unaryMs: 60_000 } });
    const socket = net.connect(server.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write("GET /big HTTP/1.1\r\nhost: a\r\n\r\n");
    await eventually(() => server.ends.length > 0);
    expect(server.ends).toMatchObject([{ code: "RESOURCE_EXHAUSTED" }]);
    socket.destroy();
  });
});
