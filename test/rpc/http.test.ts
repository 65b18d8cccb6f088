import { createHash } from "node:crypto";
import { createAuthGate } from "../../src/rpc/platform/auth.ts";
import { parseTokenFile } from "../../src/rpc/platform/tokens.ts";
import http2 from "node:http2";
import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/kernel/ports.ts";
import { descriptorRoute } from "../../src/rpc/platform/descriptor.ts";
import { metricsRoutes } from "../../src/rpc/platform/metrics.ts";
import { probeRoutes, type Check } from "../../src/rpc/platform/probes.ts";
import { jsonAnswer, type HttpRoute } from "../../src/rpc/transport/http-route.ts";
import { generatedFiles, servedServices } from "../support/rpc-descriptors.ts";
import { eventually, startTestServer } from "../support/rpc-server.ts";

function manualClock(): Clock & { advance(ms: number): void } {
  let now = 1_000;
  return { now: () => now, sleep: () => Promise.reject(new Error("unused")), advance: (ms) => void (now += ms) };
}

const up: Check = { required: true, ping: async () => undefined };
const down = (required: boolean): Check => ({ required, ping: () => Promise.reject(new TypeError("connect ECONNREFUSED secret.host")) });
const silent: Check = { required: true, ping: () => new Promise(() => undefined) };

function probes(checks: Record<string, Check>, more: { draining?: () => boolean; clock?: Clock; httpRoot?: string } = {}): readonly HttpRoute[] {
  return probeRoutes({ checks, draining: () => false, clock: manualClock(), ...more });
}

async function get(routes: readonly HttpRoute[], path: string): Promise<readonly [number, unknown]> {
  await using server = await startTestServer({}, { http: routes });
  const response = await fetch(server.url + path);
  return [response.status, await response.json()];
}

describe("probes", () => {
  test("all is well", async () => {
    const routes = probes({ store: up, catalog: { ...up, required: false } });
    expect(await get(routes, "/healthz/live")).toEqual([200, { status: "ok" }]);
    expect(await get(routes, "/healthz/ready")).toEqual([200, { status: "ok" }]);
    expect(await get(routes, "/health")).toEqual([200, { status: "ok", dependencies: { store: { status: "ok", ms: 0 }, catalog: { status: "ok", ms: 0 } } }]);
  });

  test("a required dependency that is down makes the server unready, but not dead", async () => {
    const routes = probes({ store: down(true), catalog: up });
    expect(await get(routes, "/healthz/live")).toMatchObject([200, {}]);
    expect(await get(routes, "/healthz/ready")).toEqual([503, { status: "error" }]);
    const [status, body] = await get(routes, "/health");
    expect([status, body]).toMatchObject([
      503,
      { status: "error", dependencies: { store: { status: "error", detail: "TypeError" }, catalog: { status: "ok" } } },
    ]);
    expect(JSON.stringify(body)).not.toContain("secret.host");
  });

  test("another dependency that is down only degrades it", async () => {
    const routes = probes({ store: up, "event sink": down(false) });
    expect(await get(routes, "/healthz/ready")).toEqual([200, { status: "degraded" }]);
    expect(await get(routes, "/health")).toMatchObject([200, { status: "degraded", dependencies: { "event sink": { status: "error" } } }]);
  });

  test("one that does not answer counts as down within a second or so", async () => {
    expect(await get(probes({ store: silent }), "/health")).toMatchObject([
      503,
      { dependencies: { store: { status: "error", detail: "no answer within 1000 ms" } } },
    ]);
  });

  test("a draining server is alive and not ready", async () => {
    const routes = probes({ store: up }, { draining: () => true });
    expect(await get(routes, "/healthz/live")).toMatchObject([200, {}]);
    expect(await get(routes, "/healthz/ready")).toEqual([503, { status: "draining" }]);
  });

  test("dependencies are asked once a second, however many ask", async () => {
    let pings = 0;
    const clock = manualClock();
    const routes = probes({ store: { required: true, ping: async () => void (pings += 1) } }, { clock });
    await using server = await startTestServer({}, { http: routes });
    await Promise.all(Array.from({ length: 20 }, () => fetch(`${server.url}/health`)));
    expect(pings).toBe(1);
    clock.advance(999);
    await fetch(`${server.url}/healthz/ready`);
    expect(pings).toBe(1);
    clock.advance(1);
    await fetch(`${server.url}/healthz/ready`);
    expect(pings).toBe(2);
  });

  test("stand under another root too, with the metrics", async () => {
    const page = async () => ({ contentType: "text/plain; version=0.0.4", body: "up 1\n" });
    await using server = await startTestServer({}, { http: [...probes({ store: up }, { httpRoot: "/platform" }), ...metricsRoutes(page, "/platform")] });
    for (const path of ["/platform/q/health", "/platform/q/health/live", "/platform/q/health/ready", "/platform/q/health/started"]) {
      const response = await fetch(server.url + path);
      expect([path, response.status, await response.json()]).toMatchObject([path, 200, { status: "ok" }]);
    }
    for (const path of ["/metrics", "/platform/q/metrics"]) expect(await (await fetch(server.url + path)).text()).toBe("up 1\n");
  });
});

describe("every route", () => {
  const routes = metricsRoutes(async () => ({ contentType: "text/plain; version=0.0.4", body: "up 1\n" }));

  test("is neither cached nor sniffed, and answers HEAD without a body", async () => {
    await using server = await startTestServer({}, { http: routes });
    for (const method of ["GET", "HEAD"]) {
      const response = await fetch(`${server.url}/metrics`, { method });
      expect(Object.fromEntries(response.headers)).toMatchObject({
        "content-type": "text/plain; version=0.0.4",
        "content-length": "5",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
      });
      expect(await response.text()).toBe(method === "HEAD" ? "" : "up 1\n");
    }
  });

  test("works over HTTP/2", async () => {
    await using server = await startTestServer({}, { http: routes });
    const session = http2.connect(server.url);
    for (const method of ["GET", "HEAD"]) {
      const stream = session.request({ ":path": "/metrics?x=1", ":method": method });
      const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.on("response", resolve));
      expect([headers[":status"], headers["x-content-type-options"]]).toEqual([200, "nosniff"]);
      expect(Buffer.concat(await Array.fromAsync(stream)).toString()).toBe(method === "HEAD" ? "" : "up 1\n");
    }
    session.destroy();
  });

  test("refuses other methods and says which it takes", async () => {
    const submit: HttpRoute = { method: "POST", path: "/metrics", access: "viewer", handle: () => jsonAnswer(202, {}) };
    await using server = await startTestServer({}, { http: [...routes, submit] });
    const refused = await fetch(`${server.url}/metrics`, { method: "DELETE" });
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET, HEAD, POST"]);
    expect((await fetch(`${server.url}/metrics`, { method: "POST" })).status).toBe(202);
  });

  test("that fails is answered 500 without its error, which is logged", async () => {
    const error = new Error("secret");
    const broken: HttpRoute = { method: "GET", path: "/broken", access: "viewer", handle: () => Promise.reject(error) };
    await using server = await startTestServer({}, { http: [broken], ids: { next: () => "request-1" } });
    const response = await fetch(`${server.url}/broken`);
    const text = await response.text();
    expect([response.status, JSON.parse(text)]).toMatchObject([
      500,
      { code: "internal", message: "internal error, see the server's log for request request-1" },
    ]);
    expect(text).not.toContain("secret");
    await eventually(() => server.lines.length > 0);
    expect(server.lines).toMatchObject([{ level: "error", event: "call failed", fields: { route: "GET /broken", code: "INTERNAL", error } }]);
  });
});

describe("/descriptor.binpb", () => {
  test("is for those who may use reflection", async () => {
    const tokens = parseTokenFile(
      JSON.stringify({ tokens: [{ principal: "eve", roles: ["viewer"], sha256: createHash("sha256").update("t").digest("hex") }] }),
    );
    await using server = await startTestServer({}, { http: [descriptorRoute(generatedFiles)], gate: createAuthGate({ mode: "tokens", tokens }) });
    expect((await fetch(`${server.url}/descriptor.binpb`)).status).toBe(401);
    expect((await fetch(`${server.url}/descriptor.binpb`, { headers: { authorization: "Bearer t" } })).status).toBe(200);
  });

  test("describes every service, needs nothing else, and is always the same", async () => {
    const backwards = generatedFiles.toReversed();
    await using server = await startTestServer({}, { http: [descriptorRoute(generatedFiles), { ...descriptorRoute(backwards), path: "/again" }] });
    const bytes = new Uint8Array(await (await fetch(`${server.url}/descriptor.binpb`)).arrayBuffer());
    const set = fromBinary(FileDescriptorSetSchema, bytes);
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: set.file }));
    for (const service of servedServices) expect(registry.getService(service.typeName)?.methods).toHaveLength(service.methods.length);
    const names = set.file.map((file) => file.name);
    for (const [i, file] of set.file.entries()) for (const needed of file.dependency) expect(names.indexOf(needed)).toBeLessThan(i);
    expect(new Uint8Array(await (await fetch(`${server.url}/again`)).arrayBuffer())).toEqual(bytes);
  });
});
