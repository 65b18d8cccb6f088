/** A client that goes away ends its watch at once, however it goes and whatever it speaks, and that is no failure. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import net, { type Socket } from "node:net";
import tls from "node:tls";
import { create } from "@bufbuild/protobuf";
import { afterAll, describe, expect, test } from "vitest";
import {
  PlatformRegistrationService as Platform,
  WatchServicesResponseSchema,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { callHeaders, h2Frame, opening, resetFrame } from "../support/raw-http2.ts";
import { makeCertificates } from "../support/rpc-certs.ts";
import { aborted, eventually, startTestServer, type PlatformStub, type TestServer } from "../support/rpc-server.ts";

const path = `/${Platform.typeName}/WatchServices`;
const certs = makeCertificates();
afterAll(() => certs[Symbol.dispose]());

/** A watch of one message that then stays quiet. */
const quiet: PlatformStub = {
  async *watchServices(_request, context) {
    yield create(WatchServicesResponseSchema, { services: [{ serviceName: "a" }] });
    await aborted(context);
  },
};

/** Within a second, so that neither a ping nor a timeout has ended it. */
async function expectGone(server: TestServer): Promise<void> {
  await eventually(() => server.ends.length === 1, 1_000);
  expect(server.ends).toMatchObject([{ rpc: path.slice(1), code: "CANCELLED" }]);
  expect(server.lines.filter(({ level, event }) => level === "warn" || level === "error" || event === "call failed")).toEqual([]);
}

/** Resolves when the first message of a watch is there. */
const speakers = {
  async gRPC(socket: Socket) {
    await overHttp2(socket, "application/grpc+proto");
  },
  async "gRPC-Web over HTTP/2"(socket: Socket) {
    await overHttp2(socket, "application/grpc-web+proto");
  },
  async "Connect over HTTP/1.1"(socket: Socket) {
    const request = http.request({ method: "POST", path, createConnection: () => socket, headers: { "content-type": "application/connect+proto" } });
    request.on("error", () => undefined).end(Buffer.alloc(5));
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    await once(
      response.on("error", () => undefined),
      "data",
    );
  },
};

async function overHttp2(socket: Socket, contentType: string): Promise<void> {
  const session = http2.connect("http://127.0.0.1", { createConnection: () => socket });
  session.on("error", () => undefined);
  const stream = session.request({ ":method": "POST", ":path": path, "content-type": contentType, te: "trailers" });
  stream.on("error", () => undefined).end(Buffer.alloc(5));
  await once(stream, "data");
}

const ways = {
  "closes its connection": (socket: Socket) => socket.destroy(),
  "resets its connection": (socket: Socket) => socket.resetAndDestroy(),
};

for (const [spoken, speak] of Object.entries(speakers)) {
  for (const [way, leave] of Object.entries(ways)) {
    describe(`${spoken}: a client that ${way}`, () => {
      test("in plaintext", async () => {
        await using server = await startTestServer(quiet);
        const socket = net.connect(server.port, "127.0.0.1");
        await speak(socket);
        leave(socket);
        await expectGone(server);
      });

      test("through TLS", async () => {
        await using server = await startTestServer(quiet, { tls: certs.server });
        const raw = net.connect(server.port, "127.0.0.1");
        const socket = tls.connect({ socket: raw, ca: certs.ca, host: "127.0.0.1", ALPNProtocols: [spoken.includes("1.1") ? "http/1.1" : "h2"] });
        await once(socket, "secureConnect");
        await speak(socket);
        // Without a TLS farewell, as for a process that was killed.
        leave(raw);
        await expectGone(server);
      });
    });
  }
}

test("a client that takes its calls back right after them, or goes away in the midst of them", async () => {
  const call = (id: number) => [callHeaders(id, `/${Platform.typeName}/GetService`), h2Frame(0, 1, id, Buffer.alloc(5))];
  const ids = Array.from({ length: 200 }, (_, index) => 2 * index + 1);
  await using server = await startTestServer({ getService: () => ({ serviceName: "a" }) });
  for (const takenBack of [true, false]) {
    const before = server.ends.length;
    const socket = net.connect(server.port, "127.0.0.1").on("error", () => undefined);
    const frames = ids.flatMap((id) => [...call(id), ...(takenBack ? [resetFrame(id, http2.constants.NGHTTP2_CANCEL)] : [])]);
    socket.write(Buffer.concat([opening, ...frames]), () => takenBack || socket.resetAndDestroy());
    await eventually(() => server.ends.length - before === ids.length);
    socket.destroy();
  }
  expect(server.lines.filter(({ level, event }) => level === "warn" || level === "error" || event === "call failed")).toEqual([]);
});

test("probes that make room for others are not answered any more, and no error", async () => {
  await using server = await startTestServer({}, { limits: { probeCalls: 1 } });
  const socket = net.connect(server.port, "127.0.0.1").on("error", () => undefined);
  const frames = Array.from({ length: 100 }, (_, index) => 2 * index + 1).flatMap((id) => [
    callHeaders(id, "/grpc.health.v1.Health/Check"),
    h2Frame(0, 1, id, Buffer.alloc(5)),
  ]);
  socket.write(Buffer.concat([opening, ...frames]));
  await eventually(() => server.ends.length === 100);
  expect(server.lines.filter(({ level }) => level === "error")).toEqual([]);
  socket.destroy();
});

test.each(["SIGKILL", "SIGINT"] as const)("a stock client whose process ends by %s", async (signal) => {
  const began = Promise.withResolvers<void>();
  await using server = await startTestServer({
    async *watchServices(_request, context) {
      yield create(WatchServicesResponseSchema, {});
      began.resolve();
      await aborted(context);
    },
  });
  const client = spawn(process.execPath, [new URL("../support/deaf-client.ts", import.meta.url).pathname, server.address, path, "0"], { stdio: "ignore" });
  const closed = once(client, "close");
  await began.promise;
  client.kill(signal);
  await closed;
  await expectGone(server);
});
