import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { PlatformRegistrationService as Platform } from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.ts";
import { createStockClient, reasonOf } from "../support/rpc-client.ts";
import { aborted, eventually, startTestServer, type PlatformStub } from "../support/rpc-server.ts";

/** A handler that waits until the test lets it go on. */
function held(calls = 1) {
  const entered = Promise.withResolvers<void>();
  let waiting = 0;
  const release = Promise.withResolvers<void>();
  const stub: PlatformStub = {
    async getService(_request, context) {
      if ((waiting += 1) === calls) entered.resolve();
      await Promise.race([release.promise, aborted(context)]);
      context.signal.throwIfAborted();
      return { serviceName: "done" };
    },
    async *watchServices(_request, context) {
      yield { totalCount: 1 };
      await aborted(context);
      throw context.signal.reason;
    },
  };
  return { stub, entered: entered.promise, release: () => release.resolve() };
}

describe("closing", () => {
  test("lets running calls finish, over HTTP/2 and HTTP/1.1, and takes no new ones", async () => {
    const { stub, entered, release } = held(2);
    const server = await startTestServer(stub);
    using client = createStockClient(server.address);
    const running = client.start(Platform, "GetService");
    const h1 = fetch(`${server.url}/${Platform.typeName}/GetService`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    await entered;
    const closed = server.close(10_000);
    using late = createStockClient(server.address);
    expect(await late.call(Platform, "GetService")).toMatchObject({ code: grpc.status.UNAVAILABLE });
    release();
    expect(await running.ended).toMatchObject({ code: grpc.status.OK, messages: [{ serviceName: "done" }] });
    const response = await h1;
    expect([response.status, await response.json()]).toEqual([200, { serviceName: "done" }]);
    await closed;
  });

  test("ends watches at once with UNAVAILABLE, and health watches after NOT_SERVING", async () => {
    const { stub, entered, release } = held();
    const server = await startTestServer(stub);
    using client = createStockClient(server.address);
    const watch = client.start(Platform, "WatchServices");
    const health = client.start(Health, "Watch");
    const running = client.start(Platform, "GetService");
    await Promise.all([entered, eventually(() => watch.messages.length === 1 && health.messages.length === 1)]);
    const closed = server.close(60_000);
    const seen = await watch.ended;
    expect([seen.code, reasonOf(seen)]).toEqual([grpc.status.UNAVAILABLE, "SHUTTING_DOWN"]);
    expect(await health.ended).toMatchObject({ code: grpc.status.UNAVAILABLE, messages: [{ status: Status.SERVING }, { status: Status.NOT_SERVING }] });
    release();
    expect(await running.ended).toMatchObject({ code: grpc.status.OK });
    await closed;
  });

  test("cuts what still runs after the grace time, with the reason SHUTTING_DOWN", async () => {
    const { stub, entered } = held();
    const server = await startTestServer(stub);
    using client = createStockClient(server.address);
    const running = client.start(Platform, "GetService");
    await entered;
    await server.close(100);
    const seen = await running.ended;
    expect([seen.code, reasonOf(seen)]).toEqual([grpc.status.UNAVAILABLE, "SHUTTING_DOWN"]);
  });

  test("cuts a handler that ignores its signal", async () => {
    const entered = Promise.withResolvers<void>();
    const server = await startTestServer({
      getService() {
        entered.resolve();
        return new Promise(() => undefined);
      },
    });
    using client = createStockClient(server.address);
    const running = client.start(Platform, "GetService");
    await entered.promise;
    await server.close(50);
    expect(await running.ended).toMatchObject({ code: grpc.status.UNAVAILABLE });
  });

  test("sends HTTP/2 clients GOAWAY and closes idle and silent connections, long before the grace time", async () => {
    const server = await startTestServer({});
    const session = http2.connect(server.url);
    const goaway = new Promise((resolve) => session.on("goaway", resolve));
    await new Promise((resolve) => session.once("remoteSettings", resolve));
    const agent = new http.Agent({ keepAlive: true });
    const status = await new Promise((resolve) => http.get(`${server.url}/nothing`, { agent }, (res) => resolve(res.resume().statusCode)));
    expect(status).toBe(404);
    const silent = net.connect(server.port, "127.0.0.1");
    await new Promise((resolve) => silent.once("connect", resolve));
    const silentClosed = new Promise((resolve) => silent.once("close", resolve));
    await server.close(60_000);
    expect(await goaway).toBe(http2.constants.NGHTTP2_NO_ERROR);
    await silentClosed;
    agent.destroy();
  });

  test("can be asked for twice", async () => {
    const server = await startTestServer({});
    await Promise.all([server.close(1_000), server.close(1_000)]);
  });
});

describe("draining", () => {
  test("says NOT_SERVING but still takes calls", async () => {
    await using server = await startTestServer({ getService: () => ({ serviceName: "a" }) });
    using client = createStockClient(server.address);
    server.setDraining();
    expect((await client.call(Health, "Check")).messages).toMatchObject([{ status: Status.NOT_SERVING }]);
    expect(await client.call(Platform, "GetService")).toMatchObject({ code: grpc.status.OK });
  });
});

test("a port that is taken rejects with its code", async () => {
  await using server = await startTestServer({});
  const second = startTestServer({}, { listen: { host: "127.0.0.1", port: server.port } });
  await expect(second).rejects.toMatchObject({ code: "EADDRINUSE" });
});
