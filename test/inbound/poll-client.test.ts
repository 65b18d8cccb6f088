/** SourceClient over real sockets: where it goes, how much and how long. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { createSourceHttp } from "../../src/adapters/inbound-poll/client.ts";
import { createHostResolver } from "../../src/adapters/system/resolve-host.ts";
import { startEventServer, type EventServer } from "../support/event-server.ts";

const never = new AbortController().signal;
let server: EventServer;
beforeEach(async () => {
  server = await startEventServer();
});
afterEach(() => server[Symbol.asyncDispose]());

/** A client that finds a host at these addresses, one lookup after the other. */
function client(addresses: readonly string[] = [], limitMs?: number) {
  let lookups = 0;
  const lookUp = async () => [addresses[Math.min(lookups++, addresses.length - 1)] ?? "127.0.0.1"];
  return createSourceHttp({
    resolveHost: createHostResolver({ allowLoopback: true, allowedRanges: [] }, { lookUp }),
    resolveLoopback: createHostResolver({ allowLoopback: true, allowedRanges: ["127.0.0.0/8", "::1/128"] }, { lookUp }),
    ...(limitMs === undefined ? {} : { limitMs }),
  });
}
const ask = (host = "127.0.0.1", by = client()) => by.get(new URL(`http://${host}:${server.port}/e?k=v`), { "x-api-key": "k" }, never);

test("an answer of any status comes back as it is", async () => {
  server.answer((_asked, response) => void response.writeHead(503, { "retry-after": "7" }).end("no"));
  expect(await ask()).toEqual({ is: "answered", status: 503, retryAfter: "7", body: Buffer.from("no") });
  expect(server.asked).toMatchObject([{ path: "/e", headers: { "x-api-key": "k", "accept-encoding": "identity" } }]);
});

test("a redirect is not followed", async () => {
  server.answer((_asked, response) => void response.writeHead(302, { location: server.url }).end());
  expect(await ask()).toMatchObject({ is: "answered", status: 302 });
  expect(server.asked).toHaveLength(1);
});

test("what is not encrypted goes to loopback alone, judged at every request", async () => {
  const rebinding = client(["127.0.0.1", "10.0.0.1"]);
  expect(await ask("core.example", rebinding)).toMatchObject({ is: "answered" });
  expect(await ask("core.example", rebinding)).toEqual({ is: "denied", error: expect.stringContaining("is outside the allowed ranges") });
});

test.each(["169.254.169.254", "0.0.0.0", "fd00:ec2::254"])("nothing goes to %s, also with TLS", async (address) => {
  const denied = await client([address]).get(new URL("https://core.example/"), {}, never);
  expect(denied).toEqual({ is: "denied", error: expect.stringMatching(/^the host core.example is denied/) });
});

test.each([
  ["hangs", undefined, "it does not answer in time"],
  ["trickles", (write: (text: string) => void) => void setInterval(() => write(" "), 20).unref(), "it does not answer in time"],
  ["is too large", (write: (text: string) => void) => write(" ".repeat(5 * 1_048_576)), "its answer is too large"],
])("a source that %s", async (_what, begin, error) => {
  server.answer((_asked, response) => begin?.((text) => void response.write(text)));
  expect(await ask("127.0.0.1", client([], error.includes("in time") ? 500 : undefined))).toEqual({ is: "unanswered", error });
});

test("a source that breaks the connection, speaks no HTTP or is not there", async () => {
  server.answer((_asked, response) => void response.socket?.destroy());
  expect(await ask()).toEqual({ is: "unanswered", error: expect.stringContaining("no connection") });
  server.answer((_asked, response) => void response.socket?.end("nonsense\r\n\r\n"));
  expect(await ask()).toEqual({ is: "unanswered", error: expect.stringContaining("NOT_HTTP") });
  const gone = client().get(new URL("http://127.0.0.1:9/"), {}, never);
  expect(await gone).toEqual({ is: "unanswered", error: expect.stringContaining("ECONNREFUSED") });
});

test("the signal's reason ends a request at once", async () => {
  server.answer(() => undefined);
  const stop = new AbortController();
  const asked = client().get(new URL(server.url), {}, stop.signal);
  await server.askedTimes(1);
  stop.abort(new Error("stopped"));
  await expect(asked).rejects.toThrow("stopped");
});
