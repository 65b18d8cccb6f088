/** The bounded HTTP client: what bounds it, whom it connects to, and what it repeats. */
import { once } from "node:events";
import type { RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { expect, test } from "vitest";
import { createHttpClient, type HttpClient, type HttpClientOptions, type HttpFailure } from "../src/adapters/http/client.ts";
import { startHttpServer } from "./support/http-server.ts";
import { selfSigned } from "./support/certificate.ts";

const get = { method: "GET", path: "/" } as const;
const never = new AbortController().signal;
const roomy = { connections: 4, limitMs: 60_000, maxAnswerBytes: 1_000 } as const;

interface Scene extends AsyncDisposable {
  readonly client: HttpClient;
  /** Connections that were made. */
  readonly sockets: readonly Socket[];
}

async function against(listener: RequestListener, options: Partial<HttpClientOptions> = {}): Promise<Scene> {
  const http = await startHttpServer(listener);
  const sockets: Socket[] = [];
  http.server.on("connection", (socket) => sockets.push(socket));
  const origin = new URL(http.url);
  const client = createHttpClient({ origin, ...roomy, ...options });
  return {
    client,
    sockets,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await http[Symbol.asyncDispose]();
    },
  };
}

const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: HttpFailure) => error,
  );

test("a request is sent as it is, and the answer comes whole, whatever its status", async () => {
  await using it = await against(async (request, response) => {
    const chunks = await request.toArray();
    response.writeHead(404, { "x-index": "7" }).end(`${request.method} ${request.url} ${request.headers["x-token"]} ${Buffer.concat(chunks).toString()}`);
  });
  const answer = await it.client.send({ method: "PUT", path: "/a%20b?c=d", headers: { "x-token": "t" }, body: "é" }, never);
  expect([answer.status, answer.headers["x-index"], answer.body.toString()]).toEqual([404, "7", "PUT /a%20b?c=d t é"]);
});

test("a redirect is an answer", async () => {
  let asked = 0;
  await using it = await against((_request, response) => response.writeHead(302, { location: `/${(asked += 1)}` }).end());
  expect([(await it.client.send(get, never)).status, asked]).toEqual([302, 1]);
});

test("without a whole answer within the limit it is late, without one at all, after the head, and in the queue", async () => {
  await using it = await against((request, response) => request.url === "/head" && response.writeHead(200).flushHeaders(), { limitMs: 200, connections: 1 });
  for (const path of ["/", "/head"]) {
    const both = await Promise.all([failureOf(it.client.send({ ...get, path }, never)), failureOf(it.client.send({ ...get, path }, never))]);
    expect(both.map((failure) => failure?.kind)).toEqual(["late", "late"]);
  }
});

test("the time a server is asked to hold its answer is added to the limit", async () => {
  await using it = await against((_request, response) => void setTimeout(() => response.end("held"), 600), { limitMs: 300 });
  expect((await it.client.send({ ...get, holdMs: 60_000 }, never)).body.toString()).toBe("held");
});

test("there are never more connections than allowed, and they are kept", async () => {
  await using it = await against((_request, response) => void setImmediate(() => response.end()), { connections: 3 });
  await Promise.all(Array.from({ length: 50 }, () => it.client.send(get, never)));
  expect(it.sockets.length).toBe(3);
});

test("an answer above the limit is not kept, announced or not", async () => {
  const body = "x".repeat(1_001);
  await using it = await against((request, response) => {
    if (request.url === "/announced") response.writeHead(200, { "content-length": body.length }).flushHeaders();
    else response.writeHead(200).write(body);
  });
  for (const path of ["/announced", "/endless"]) expect((await failureOf(it.client.send({ ...get, path }, never)))?.kind).toBe("too large");
  await using exact = await against((_request, response) => response.end("x".repeat(1_000)));
  expect((await exact.client.send(get, never)).body.length).toBe(1_000);
});

test("what judge throws is what the call rejects with, before the body has come, and its connection is ended", async () => {
  await using it = await against((_request, response) => response.writeHead(201, { "content-length": 10 }).flushHeaders());
  const judge = ({ status }: { readonly status: number }) => {
    throw new Error(`not ${status}`);
  };
  await expect(it.client.send({ ...get, judge }, never)).rejects.toThrow("not 201");
  await expect.poll(() => it.sockets[0]?.closed).toBe(true);
});

test("an aborted call rejects at once with the reason, in the queue, on the wire and in the body, and its connection is ended", async () => {
  await using it = await against((request, response) => request.url === "/body" && response.writeHead(200).flushHeaders(), { connections: 1 });
  const abort = new AbortController();
  const calls = ["/body", "/queued"].map((path) => it.client.send({ ...get, path }, abort.signal).catch((error: unknown) => error));
  await expect.poll(() => it.sockets.length).toBe(1);
  abort.abort("enough");
  expect(await Promise.all(calls)).toEqual(["enough", "enough"]);
  await expect.poll(() => it.sockets[0]?.closed).toBe(true);
  await expect(it.client.send(get, AbortSignal.abort("before"))).rejects.toBe("before");
});

test("a connection that ends while it is used is broken; only what is repeatable is sent once more", async () => {
  const asked: string[] = [];
  await using it = await against((request, response) => {
    asked.push(request.url ?? "");
    if (asked.length === 1 || (request.url === "/twice" && asked.filter((path) => path === "/twice").length > 1)) response.end();
    else request.socket.destroy();
  });
  await it.client.send(get, never);
  expect(await failureOf(it.client.send({ ...get, path: "/once" }, never))).toMatchObject({ kind: "broken", code: "ECONNRESET" });
  await it.client.send({ ...get, path: "/twice", repeatable: true }, never);
  expect(await failureOf(it.client.send({ ...get, path: "/never", repeatable: true }, never))).toMatchObject({ kind: "broken" });
  expect(asked).toEqual(["/", "/once", "/twice", "/twice", "/never", "/never"]);
});

test("nothing listening, half an answer and no HTTP are broken", async () => {
  await using it = await against((request, response) => {
    if (request.url === "/half") response.writeHead(200, { "content-length": 100 }).write("x", () => response.destroy());
    else request.socket.end("hello\r\n\r\n");
  });
  const failures = [await failureOf(it.client.send({ ...get, path: "/half" }, never)), await failureOf(it.client.send(get, never))];
  using gone = createHttpClient({ origin: new URL("http://127.0.0.1:9"), ...roomy });
  expect([...failures, await failureOf(gone.send(get, never))].map((failure) => [failure?.kind, failure?.code])).toEqual([
    ["broken", "ECONNRESET"],
    ["broken", "NOT_HTTP"],
    ["broken", "ECONNREFUSED"],
  ]);
});

test("disposing ends the calls in progress", async () => {
  await using it = await against(() => undefined);
  const call = failureOf(it.client.send(get, never));
  await expect.poll(() => it.sockets.length).toBe(1);
  it.client[Symbol.dispose]();
  expect((await call)?.kind).toBe("broken");
});

test("a checked address is connected to under the name of its host, which the certificate must be valid for; a client certificate is shown", async () => {
  const [server, caller] = [await selfSigned("docs.example"), await selfSigned("caller")];
  const seen: string[] = [];
  const listening = createTlsServer({ ...server, requestCert: true, ca: caller.cert }, (request, response) => {
    const socket = request.socket as Socket & { readonly servername: string | false; readonly authorized: boolean };
    seen.push(`${request.headers.host} ${socket.servername} ${socket.authorized}`);
    response.end();
  }).listen(0, "127.0.0.1");
  await once(listening, "listening");
  try {
    const { port } = listening.address() as AddressInfo;
    const origin = new URL(`https://127.0.0.1:${port}`);
    const tls = { ca: server.cert, cert: caller.cert, key: caller.key };
    using client = createHttpClient({ origin, host: `docs.example:${port}`, ...roomy, tls });
    await client.send(get, never);
    expect(seen).toEqual([`docs.example:${port} docs.example true`]);
    using other = createHttpClient({ origin, host: "other.example", ...roomy, tls });
    expect(await failureOf(other.send(get, never))).toMatchObject({ kind: "broken", code: "ERR_TLS_CERT_ALTNAME_INVALID" });
    using stranger = createHttpClient({ origin, host: `docs.example:${port}`, ...roomy });
    expect((await failureOf(stranger.send(get, never)))?.code).toMatch(/SELF_SIGNED/);
  } finally {
    listening.closeAllConnections();
    listening.close();
  }
});

test("a user and password in the origin are sent, unless the request has its own authorization", async () => {
  const seen: unknown[] = [];
  await using it = await against((request, response) => {
    seen.push(request.headers.authorization);
    response.end();
  });
  const { localPort } = { localPort: (await it.client.send(get, never), it.sockets[0]?.localPort) };
  using client = createHttpClient({ origin: new URL(`http://us%40er:p@127.0.0.1:${localPort}`), ...roomy });
  await client.send(get, never);
  await client.send({ ...get, headers: { authorization: "Bearer t" } }, never);
  expect(seen).toEqual([undefined, `Basic ${Buffer.from("us@er:p").toString("base64")}`, "Bearer t"]);
});
