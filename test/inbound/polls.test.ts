/** Which sources are read when: as they are configured, each for itself. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { startLoop } from "../../src/delivery/loop.ts";
import { createPolls } from "../../src/inbound/polls.ts";
import type { Source } from "../../src/inbound/types.ts";
import { startEventServer, type EventServer } from "../support/event-server.ts";
import { openInboundScene, source, type InboundScene } from "../support/inbound-scene.ts";
import { eventually } from "../support/instances.ts";

let server: EventServer;
let scene: InboundScene;
let stack: AsyncDisposableStack;
const sources: Source[] = [];

const polled = (name: string, everyMs = 10_000): Source => ({
  ...source,
  name,
  poll: { url: `${server.url}/${name}`, headers: { authorization: "Bearer s3cret" }, everyMs, cursor: undefined },
});
const askedOf = (name: string) => server.asked.filter(({ path }) => path.endsWith(`/${name}`)).length;
const logged = (event: string) => scene.lines.filter((line) => line.includes(`"${event}"`));

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  server = stack.use(await startEventServer());
  scene = stack.use(await openInboundScene({ sources }));
});
afterEach(async () => {
  sources.length = 0;
  await stack[Symbol.asyncDispose]();
});

/** Starts what reads the sources, as the process does. */
function start(owner = "one") {
  const polls = createPolls({ ...scene.inbound.deps, owner });
  stack.use(startLoop({ ...polls.loop, clock: scene.clock, log: scene.inbound.deps.log }));
  return polls;
}

/** Rounds in the store, once as many have ended. */
const rounds = (count: number) =>
  eventually(async () => {
    await scene.clock.pass(0);
    return scene.counted.filter((line) => line.startsWith("inbound_polls_total")).length >= count || undefined;
  });

test("each source is read in its own time, and said so; one that does not answer is asked once, and holds up no other", async () => {
  sources.push(polled("slow"), polled("quick"));
  server.answer(({ path }, response) => void (path.endsWith("quick") && response.end("[]")));
  start();
  await rounds(1);
  for (let n = 2; n <= 4; n++) {
    await scene.clock.pass(10_000);
    await rounds(n);
  }
  expect([askedOf("slow"), askedOf("quick")]).toEqual([1, 4]);
  expect(logged("inbound.polling")).toHaveLength(2);
  expect(scene.lines.join()).not.toContain("s3cret");
});

test("sources are those that are configured now: a new one is read, a former one is not any more, a changed one at once", async () => {
  server.answer((_asked, response) => void response.end("[]"));
  sources.push(polled("hourly", 3_600_000));
  start();
  await rounds(1);
  await scene.clock.pass(10_000);
  expect(askedOf("hourly")).toBe(1);
  sources.splice(0, 1, polled("hourly", 20_000), polled("new"));
  await scene.clock.pass(1_000);
  await rounds(3);
  expect([askedOf("hourly"), askedOf("new")]).toEqual([2, 1]);
  sources.splice(1, 1);
  await scene.clock.pass(20_000);
  await rounds(4);
  expect([askedOf("hourly"), askedOf("new")]).toEqual([3, 1]);
  expect(logged("inbound.polling-ended")).toHaveLength(1);
});

test("a change while a source is being asked is tried when that is over, also after another change of something else", async () => {
  const hung = Promise.withResolvers<() => void>();
  server.answer((_asked, response) => hung.resolve(() => response.writeHead(503).end()));
  sources.push(polled("a", 3_600_000));
  start();
  await scene.clock.pass(0);
  const answer = await hung.promise;
  for (const change of [polled("a", 1_800_000), { ...polled("a", 1_800_000), approve: ["approved"] }]) {
    sources.splice(0, 1, change);
    await scene.clock.pass(1_000);
  }
  server.answer((_asked, response) => void response.end("[]"));
  answer();
  await rounds(1);
  await scene.clock.pass(2_000);
  await rounds(2);
  expect(askedOf("a")).toBe(2);
});

test("a replica that stops ends its rounds, and another one reads at once", async () => {
  sources.push(polled("held"));
  server.answer(() => undefined);
  const one = start();
  await eventually(async () => {
    await scene.clock.pass(0);
    return server.asked.length > 0 || undefined;
  });
  await one.drain(1_000);
  server.answer((_asked, response) => void response.end("[]"));
  start("two");
  await rounds(1);
  expect(askedOf("held")).toBe(2);
  await scene.clock.pass(10_000);
  await rounds(2);
  expect(askedOf("held")).toBe(3);
});

test("while the store is away a source is not asked, which is counted and said once; then it goes on by itself", async () => {
  let away = true;
  sources.push(polled("a"));
  server.answer((_asked, response) => void response.end("[]"));
  const { store } = scene.inbound.deps;
  const failing: typeof store = { ...store, tx: (work) => (away ? Promise.reject(new Error("away")) : store.tx(work)) };
  const polls = createPolls({ ...scene.inbound.deps, store: { ...failing, [Symbol.asyncDispose]: async () => undefined } });
  stack.use(startLoop({ ...polls.loop, clock: scene.clock, log: scene.inbound.deps.log }));
  await scene.clock.pass(60_000);
  expect(scene.counted.filter((line) => line === "inbound_polls_total a failed").length).toBeGreaterThan(1);
  expect(logged("inbound.poll-failed")).toHaveLength(1);
  expect(server.asked).toEqual([]);
  away = false;
  await scene.clock.pass(60_000);
  await eventually(async () => {
    await scene.clock.pass(0);
    return scene.counted.includes("inbound_polls_total a ok") || undefined;
  });
});
