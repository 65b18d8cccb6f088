/** The HTTP client of webhooks, against receivers of every kind of ill will, by hosts of the test's own. */
import { describe, expect, test } from "vitest";
import { createWebhookHttp } from "../src/adapters/webhook-http/client.ts";
import { isLoopback } from "../src/config/server.ts";
import { judgeAddress } from "../src/registration/address.ts";
import type { ResolveHost } from "../src/registration/register.ts";
import type { WebhookPost } from "../src/webhooks/ports.ts";
import { ownPort } from "./support/own-port.ts";
import { startWebhookReceiver } from "./support/webhook-receiver.ts";

const never = new AbortController().signal;
const post = (url: string, isLoopbackOnly = false): WebhookPost => ({ url, headers: { "webhook-id": "1" }, body: '{"a":1}', share: "e", isLoopbackOnly });

/** Each host by its addresses, one lookup after another; judged as the product judges. */
function hosts(table: Readonly<Record<string, readonly string[]>>): ResolveHost {
  const looked = new Map<string, number>();
  return async (host) => {
    const its = table[host] ?? [host];
    const times = looked.get(host) ?? 0;
    looked.set(host, times + 1);
    const address = its[Math.min(times, its.length - 1)] ?? "";
    if (address === "") return { violation: "cannot be resolved", reason: "HOST_UNRESOLVABLE" };
    const verdict = judgeAddress(address, { allowLoopback: true, allowedRanges: [] });
    return verdict ? { violation: `is denied: ${verdict}`, reason: "HOST_DENIED" } : { address };
  };
}

function clientOf(table: Readonly<Record<string, readonly string[]>> = {}, limitMs = 10_000) {
  return createWebhookHttp({ resolveHost: hosts(table), isLoopback, limitMs });
}

/** A receiver that was there, and is not any more. */
async function freshlyGone(): Promise<{ readonly url: string }> {
  await using receiver = await startWebhookReceiver("127.0.0.1", await ownPort());
  return { url: receiver.url };
}

describe("a receiver that", () => {
  test("answers: status, body, Retry-After, and the address that was dialled; it was sent the body under its own name", async () => {
    await using receiver = await startWebhookReceiver();
    receiver.answer((_received, response) => response.writeHead(429, { "retry-after": "7" }).end("wait"));
    const result = await clientOf({ "hook.example": ["127.0.0.1"] }).post(post(`http://hook.example:${receiver.port}/a/b?c=d`), never);
    expect(result).toEqual({ is: "answered", status: 429, retryAfter: "7", answer: "wait", address: "127.0.0.1" });
    expect(receiver.received).toMatchObject([{ path: "/a/b?c=d", body: '{"a":1}', headers: { host: `hook.example:${receiver.port}`, "webhook-id": "1" } }]);
  });

  test("redirects, is not followed", async () => {
    await using inner = await startWebhookReceiver();
    await using receiver = await startWebhookReceiver();
    receiver.answer((_received, response) => response.writeHead(307, { location: inner.url }).end());
    expect(await clientOf().post(post(receiver.url), never)).toMatchObject({ is: "answered", status: 307 });
    expect(inner.received).toEqual([]);
  });

  test.each([
    ["hangs", () => undefined],
    ["hangs after its head", (response: { write(text: string): unknown }) => response.write("a")],
    [
      "trickles",
      (response: { write(text: string): unknown; on(event: "close", listener: () => void): unknown }) => {
        const timer = setInterval(() => response.write("."), 20);
        response.on("close", () => clearInterval(timer));
      },
    ],
  ])("%s, is left after the limit", async (_how, answer) => {
    await using receiver = await startWebhookReceiver();
    receiver.answer((_received, response) => answer(response));
    expect(await clientOf({}, 200).post(post(receiver.url), never)).toEqual({
      is: "unanswered",
      error: "no complete answer within 0.2 s",
      address: "127.0.0.1",
    });
  });

  test("answers without end, is left after 64 KiB", async () => {
    await using receiver = await startWebhookReceiver();
    receiver.answer((_received, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write("a".repeat(16_384)));
      };
      response.on("drain", more);
      more();
    });
    expect(await clientOf().post(post(receiver.url), never)).toMatchObject({ is: "unanswered", error: "the answer has more than 65536 bytes" });
  });

  test("is not there, or speaks no HTTP", async () => {
    await using receiver = await startWebhookReceiver();
    receiver.answer((_received, response) => response.socket?.end("no HTTP\r\n\r\n"));
    expect(await clientOf().post(post(receiver.url), never)).toMatchObject({ is: "unanswered", error: "the connection failed (NOT_HTTP)" });
    const { url } = await freshlyGone();
    expect(await clientOf().post(post(url), never)).toMatchObject({ is: "unanswered", error: "the connection failed (ECONNREFUSED)" });
    expect(await clientOf({ "none.example": [""] }).post(post("https://none.example/"), never)).toEqual({
      is: "unanswered",
      error: "the host cannot be resolved",
      address: "",
    });
  });

  test.each([
    ["103 Early Hints\r\nlink: </a>", { is: "answered", status: 200, answer: "ok" }],
    ["102 Processing", { is: "answered", status: 200, answer: "ok" }],
    ["100 Continue", { is: "unanswered", error: "the connection failed (ECONNRESET)" }],
    ["101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade", { is: "unanswered", error: "the connection failed (ECONNRESET)" }],
  ])("first answers %j", async (first, result) => {
    await using receiver = await startWebhookReceiver();
    receiver.answer((_received, response) => response.socket?.end(`HTTP/1.1 ${first}\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`));
    expect(await clientOf().post(post(receiver.url), never)).toMatchObject(result);
  });

  test("has no valid certificate, is sent nothing", async () => {
    await using receiver = await startWebhookReceiver();
    const result = await clientOf().post(post(receiver.url.replace("http:", "https:")), never);
    expect(result).toMatchObject({ is: "unanswered" });
    expect(receiver.received).toEqual([]);
  });
});

describe("an address", () => {
  test.each(["169.254.169.254", "0.0.0.0", "224.0.0.1", "::ffff:169.254.169.254", "fe80::1"])("%s is denied, and nothing is dialled", async (address) => {
    const result = await clientOf({ "hook.example": [address] }).post(post("https://hook.example/"), never);
    expect(result).toMatchObject({ is: "denied", address: "" });
  });

  test("that changes between attempts is judged for each", async () => {
    await using receiver = await startWebhookReceiver();
    const client = clientOf({ "hook.example": ["127.0.0.1", "169.254.169.254"] });
    const url = `http://hook.example:${receiver.port}/`;
    expect((await client.post(post(url), never)).is).toBe("answered");
    expect((await client.post(post(url), never)).is).toBe("denied");
    expect(receiver.received).toHaveLength(1);
  });

  test("that is not loopback gets nothing that is not signed or not encrypted", async () => {
    const client = clientOf({ "hook.example": ["192.0.2.1"] });
    for (const [url, isUnsigned] of [
      ["https://hook.example/", true],
      ["http://hook.example/", false],
      ["HTTP://hook.example/", false],
    ] as const)
      expect(await client.post(post(url, isUnsigned), never)).toMatchObject({ is: "denied", address: "" });
  });
});

test("an attempt that is aborted rejects with its reason", async () => {
  await using receiver = await startWebhookReceiver();
  const stop = new AbortController();
  receiver.answer(() => stop.abort(new Error("the server is stopping")));
  await expect(clientOf().post(post(receiver.url), stop.signal)).rejects.toThrow("the server is stopping");
});
