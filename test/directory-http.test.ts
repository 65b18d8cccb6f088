/** A directory behind a URL, by a clock that the test moves: what is good is taken, and what is not replaces nothing. */
import type { IncomingHttpHeaders, RequestListener, ServerResponse } from "node:http";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createPolledSource } from "../src/approvals/directory/polled.ts";
import { directoryReader } from "../src/open-directory.ts";
import { startHttpServer, type HttpServer } from "./support/http-server.ts";
import { manualClock } from "./support/manual-clock.ts";

const good = (...names: readonly string[]) => `people:\n${names.map((name) => `  - key: t|${name}\n`).join("")}`;
let answer: (response: ServerResponse) => void;
let sent: IncomingHttpHeaders = {};
let server: HttpServer;
const listener: RequestListener = (request, response) => {
  sent = request.headers;
  answer(response);
};
let url = "";
beforeAll(async () => {
  server = await startHttpServer(listener);
  url = `${server.url}/people`;
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  answer = (response) => void response.end(good("amy"));
});

async function scene(place = url, limitMs = 30_000) {
  const clock = manualClock(1_000_000);
  const logged: string[] = [];
  const failures: (() => void)[] = [];
  const read = await directoryReader({ kind: "http", url: place, secret: "hunter2" });
  let over = Promise.withResolvers<void>();
  const source = createPolledSource({
    place: "there",
    read: (signal) => read(signal).finally(() => setImmediate(() => over.resolve())),
    clock,
    log: (level, event, fields) => void logged.push(`${level} ${event} ${JSON.stringify(fields)}`),
    onFailure: () => void failures.push(() => undefined),
    limitMs,
  });
  /** Looks, and waits for the read that this begins. */
  const look = async () => {
    over = Promise.withResolvers();
    await source.look();
    await over.promise;
  };
  const people = () => [...(source.current()?.documents.get("default")?.members ?? [])].map(({ key }) => key);
  return { clock, source, look, people, logged, failed: () => failures.length };
}

test("its people are there after the first read, for which nobody waits; a change is seen after a minute", async () => {
  const { clock, source, look, people } = await scene();
  const more = Promise.withResolvers<void>();
  answer = (response) => void more.promise.then(() => response.end(good("amy")));
  const first = look();
  await source.look();
  expect(source.current()).toBeUndefined();
  more.resolve();
  await first;
  expect([people(), sent.authorization, source.current()?.asOf]).toEqual([["t|amy"], "Bearer hunter2", 1_000_000]);
  answer = (response) => void response.end(good("amy", "bob"));
  await clock.pass(59_999);
  await source.look();
  expect(people()).toEqual(["t|amy"]);
  await clock.pass(1);
  await look();
  expect([people(), source.current()?.asOf]).toEqual([["t|amy", "t|bob"], 1_060_000]);
});

test("a large document may begin with a byte order mark", async () => {
  const { look, people } = await scene();
  const names = Array.from({ length: 5_000 }, (_, n) => `t|person-of-a-large-directory-${n}`);
  answer = (response) => void response.end(`\ufeff${JSON.stringify({ people: names.map((key) => ({ key })) })}`);
  await look();
  expect(people().toSorted()).toEqual(names.toSorted());
});

test.each([
  ["is an error", (response: ServerResponse) => void response.writeHead(500).end(), "HTTP 500 from /people"],
  ["is elsewhere", (response: ServerResponse) => void response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(), "HTTP 302 from /people"],
  ["has nobody", (response: ServerResponse) => void response.end("people: []"), "must be a list of at least one person"],
  ["is no directory", (response: ServerResponse) => void response.end("<html>"), "the directory file is not valid"],
  ["is not UTF-8", (response: ServerResponse) => void response.end(Buffer.from("people: [{key: t|zoë}]", "latin1")), "the answer is not UTF-8"],
  ["is too large", (response: ServerResponse) => void response.writeHead(200, { "content-length": 17_000_000 }).end("x"), "its answer is too large"],
  ["breaks off", (response: ServerResponse) => void response.destroy(), "no connection (ECONNRESET)"],
  ["hangs", () => undefined, "it does not answer, or not in time"],
])("an answer that %s replaces nothing, and is tried again after ten seconds", async (how, bad, said) => {
  const { clock, source, look, people, logged, failed } = await scene(url, how === "hangs" ? 1_500 : 30_000);
  answer = bad;
  await look();
  expect([source.current(), failed()]).toEqual([undefined, 1]);
  await clock.pass(10_000);
  answer = (response) => void response.end(good("amy"));
  await look();
  await clock.pass(60_000);
  answer = bad;
  await look();
  expect([people(), failed()]).toEqual([["t|amy"], 2]);
  expect(logged.map((line) => line.split(" ", 2).join(" "))).toEqual(["error directory.read-failed", "info directory.read", "error directory.read-failed"]);
  expect(logged.at(-1)).toContain(said);
  expect(logged.at(-1)).toContain("what it had before");
  expect(logged.join()).not.toContain("hunter2");
});

test("a host that leads to a metadata service is not dialled", async () => {
  const { source, look, logged } = await scene("https://169.254.169.254/people");
  await look();
  expect(source.current()).toBeUndefined();
  expect(logged.join()).toContain("is an instance metadata address");
});
