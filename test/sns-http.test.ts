/** Requests to Amazon SNS: to the address that was judged, over TLS with its name, and to nobody else. */
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { createSnsHttp, type SnsHttpOptions } from "../src/adapters/sns-http/client.ts";
import { createHostResolver } from "../src/adapters/system/resolve-host.ts";
import type { ResolveHost } from "../src/registration/register.ts";
import { selfSigned, type Certificate } from "./support/certificate.ts";
import { host, startSns, type SnsServer } from "./support/sns.ts";

let genuine: Certificate;
let other: Certificate;
let sns: SnsServer;
beforeAll(async () => {
  [genuine, other] = await Promise.all([selfSigned(host), selfSigned("sns.us-east-1.amazonaws.com")]);
});
beforeEach(async () => {
  sns = await startSns([], { tls: genuine });
  return () => sns[Symbol.asyncDispose]();
});

const url = `https://${host}/?Action=ConfirmSubscription&Token=1`;
const here: ResolveHost = async () => ({ address: "127.0.0.1" });
const client = (more: Partial<SnsHttpOptions> = {}) => createSnsHttp({ resolveHost: here, port: sns.port, tls: { ca: genuine.cert }, ...more });
const away = { kind: "unavailable", reason: "DEPENDENCY_UNAVAILABLE" };

test("an answer comes from the address that was judged", async () => {
  const names: string[] = [];
  let authorization: string | undefined;
  sns.answer = (response) => {
    ({ authorization } = response.req.headers);
    response.end("<ConfirmSubscriptionResponse/>");
  };
  const askSns = client({ resolveHost: async (name) => (names.push(name), { address: "127.0.0.1" }) });
  expect(await askSns(url, undefined)).toBe("<ConfirmSubscriptionResponse/>");
  expect([names, sns.asked]).toEqual([[host], [`GET /?Action=ConfirmSubscription&Token=1 ${host}:${sns.port}`]]);
  expect(authorization).toBeUndefined();
});

test.each([
  [404, undefined],
  [302, undefined],
  [204, undefined],
])("an answer %i is none", async (status, expected) => {
  sns.answer = (response) => void response.writeHead(status, { location: "https://evil.example/" }).end();
  expect(await client()(url, undefined)).toBe(expected);
  expect(sns.connections()).toBe(1);
});

test("whoever has no certificate of its name is not SNS, wherever the name leads", async () => {
  await using impostor = await startSns([], { tls: other });
  await expect(client({ port: impostor.port, tls: { ca: other.cert } })(url, undefined)).rejects.toMatchObject(away);
  await expect(client({ tls: {} })(url, undefined)).rejects.toMatchObject(away);
  await using plain = await startSns([]);
  await expect(client({ port: plain.port })(url, undefined)).rejects.toMatchObject(away);
  expect([...impostor.asked, ...sns.asked, ...plain.asked]).toEqual([]);
});

test.each(["127.0.0.1", "169.254.169.254"])("a name of SNS that leads to %s is not followed", async (address) => {
  const resolveHost = createHostResolver({ allowLoopback: false, allowedRanges: [] }, { lookUp: async () => [address] });
  await expect(client({ resolveHost })(url, undefined)).rejects.toMatchObject({ ...away, message: expect.stringContaining("is denied") });
  expect(sns.connections()).toBe(0);
});

test("who does not answer within the limit is away: silent, or without an end", async () => {
  const limitMs = 200;
  sns.answer = () => undefined;
  await expect(client({ limitMs })(url, undefined)).rejects.toMatchObject({ ...away, message: expect.stringContaining("no answer within") });
  sns.answer = (response) => void response.writeHead(200).write("a");
  await expect(client({ limitMs })(url, undefined)).rejects.toMatchObject({ ...away, message: expect.stringContaining("no answer within") });
  const resolveHost: ResolveHost = (_name, _share, signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  await expect(client({ limitMs, resolveHost })(url, undefined)).rejects.toMatchObject(away);
});

test("a refused connection is away", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  await expect(client({ port })(url, undefined)).rejects.toMatchObject({ ...away, message: expect.stringContaining("ECONNREFUSED") });
});

test("an emulator gets the same request, with the region and service that tell it whom it is for", async () => {
  let authorization: string | undefined;
  await using emulator = await startSns([]);
  emulator.answer = (response) => {
    authorization = response.req.headers.authorization;
    response.end("here");
  };
  const never: ResolveHost = () => Promise.reject(new Error("nothing is looked up"));
  expect(await client({ resolveHost: never })(url, emulator.emulator)).toBe("here");
  expect(authorization).toContain("/eu-west-1/sns/aws4_request,");
  expect([emulator.asked.length, sns.connections()]).toEqual([1, 0]);
});
