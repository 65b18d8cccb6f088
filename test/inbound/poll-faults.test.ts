/** Sources that answer nonsense, or not; and two replicas that read one. */
import { describe, expect, test } from "vitest";
import { retryEvent } from "../../src/inbound/retry.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import type { MusterStore } from "../../src/store/parts.ts";
import { cursor, decisions, openPollScene } from "../support/poll-scene.ts";

describe("what fails", () => {
  test.each([
    [401, "HTTP 401: the key is not accepted"],
    [302, "HTTP 302: redirects are not followed"],
    [304, "HTTP 304"],
    [500, "HTTP 500"],
  ])("a status %i", async (status, error) => {
    await using scene = await openPollScene();
    scene.server.answer((_asked, response) => void response.writeHead(status, { location: scene.server.url }).end());
    await scene.poll();
    expect(scene.server.asked).toHaveLength(1);
    expect(await scene.state()).toMatchObject({ failures: 1, error, failedAt: scene.clock.now(), succeededAt: undefined });
    expect(scene.counted).toContain("inbound_polls_total markets refused");
  });

  test.each([
    ["{", "the answer is not JSON in UTF-8"],
    ["{}", "the answer has no list of events: bare, or as events or data"],
    ['{"events": {}}', "the answer has no list of events: bare, or as events or data"],
    [Buffer.from([0x5b, 0xff, 0x5d]), "the answer is not JSON in UTF-8"],
    [JSON.stringify(Array.from({ length: 5_001 }, () => 1)), "the answer has more than 5000 events"],
    ['{"events": [], "next": {}}', "/next of the answer is no cursor: text of at most 1024 characters"],
    [JSON.stringify({ events: [], next: "x".repeat(1_025) }), "/next of the answer is no cursor: text of at most 1024 characters"],
  ])("an answer that is no page: %s", async (body, error) => {
    await using scene = await openPollScene({ cursor });
    scene.server.answer((_asked, response) => void response.end(body));
    await scene.poll();
    expect(await scene.state()).toMatchObject({ failures: 1, error, cursor: undefined });
    expect(scene.counted).toContain("inbound_polls_total markets unreadable");
  });

  test("is tried again later and later, up to five minutes, not before Retry-After, and said once", async () => {
    await using scene = await openPollScene();
    scene.server.answer((_asked, response) => void response.writeHead(503).end());
    const pauses: number[] = [];
    for (let n = 0; n < 7; n++) {
      const pause = await scene.poll();
      pauses.push(pause);
      await scene.clock.pass(pause);
    }
    const least = [20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000];
    pauses.forEach((pause, n) => {
      expect(pause).toBeGreaterThanOrEqual(least[n] ?? 0);
      expect(pause).toBeLessThanOrEqual((least[n] ?? 0) * 1.1);
    });
    expect(scene.logged("inbound.poll-failed")).toHaveLength(1);
    scene.server.answer((_asked, response) => void response.writeHead(429, { "retry-after": "1800" }).end());
    expect(await scene.poll()).toBe(1_800_000);
    // A source does not decide for how long it is not asked.
    await scene.clock.pass(1_800_000);
    scene.server.answer((_asked, response) => void response.writeHead(503, { "retry-after": "999999" }).end());
    expect(await scene.poll()).toBe(3_600_000);
    scene.server.answer(undefined);
    await scene.clock.pass(3_600_000);
    expect(await scene.poll()).toBe(10_000);
    expect(scene.logged("inbound.poll-recovered")).toHaveLength(1);
    expect(await scene.state()).toMatchObject({ failures: 0, error: "HTTP 503" });
  });
});

test("the query of a URL and the key are not in the log", async () => {
  await using scene = await openPollScene();
  const polled = { ...scene.polled, poll: { ...scene.polled.poll, url: `${scene.server.url}?token=s3cret`, headers: { "x-api-key": "s3cret" } } };
  scene.server.answer((_asked, response) => void response.writeHead(401).end("s3cret"));
  await scene.poll(polled);
  expect(scene.server.asked[0]?.query.get("token")).toBe("s3cret");
  expect(scene.logged("inbound.poll-failed")).toEqual([expect.stringContaining(`"url":"${scene.server.url}"`)]);
  expect([scene.lines.join(), (await scene.state())?.error].join()).not.toContain("s3cret");
});

/** A clock by which time passes whenever somebody looks. */
const hurried = (clock: Clock, ms: number): Clock => {
  let looks = 0;
  return { ...clock, now: () => clock.now() + ms * (looks += 1) };
};

test("a source that never ends is left after some pages, and is due at once", async () => {
  await using scene = await openPollScene({ cursor });
  scene.server.answer(({ query }, response) => {
    const next = Number(query.get("after") ?? 0) + 1;
    response.end(JSON.stringify({ events: [{ next }], next: `${next}` }));
  });
  expect(await scene.poll(scene.polled, { clock: hurried(scene.clock, 1_000) })).toBe(0);
  expect(scene.server.asked.length).toBeGreaterThan(1);
  expect(scene.server.asked.length).toBeLessThan(10);
});

test.each([
  ["one page again and again, under a new cursor each time", 1],
  ["two pages in turns", 2],
])("a source that shows %s is asked again in its time", async (_how, pages) => {
  await using scene = await openPollScene({ cursor });
  const ids = await scene.happen(pages);
  const all = [...scene.server.events];
  scene.server.answer((_asked, response) => {
    const shown = scene.server.asked.length;
    response.end(JSON.stringify({ events: [all[shown % pages]], next: `now-${shown}` }));
  });
  expect(await scene.poll()).toBe(10_000);
  expect(scene.server.asked).toHaveLength(pages + 1);
  await scene.clock.pass(10_000);
  expect(await scene.poll()).toBe(10_000);
  expect(scene.server.asked.slice(-pages - 1).map(({ query }) => query.get("after"))).toEqual(
    scene.server.asked.slice(-pages - 1).map((_, n) => `now-${pages + 1 + n}`),
  );
  expect(await decisions(scene, ids)).toEqual(ids.map(() => "APPROVED"));
});

test("an event that is nested too deep to be written again is parked under its id, or one made of what it shows, and holds up no other", async () => {
  await using scene = await openPollScene();
  const ids = await scene.happen(2);
  const [first, second] = scene.server.events.map((event) => JSON.stringify(event));
  const deep = "[".repeat(200_000) + "]".repeat(200_000);
  scene.server.answer(
    (_asked, response) => void response.end(`[${first}, {"event_id": "deep", "event_type": "a.opened", "x": ${deep}}, {"y": ${deep}}, ${second}]`),
  );
  expect(await scene.poll()).toBe(10_000);
  expect(await decisions(scene, ids)).toEqual(["APPROVED", "APPROVED"]);
  const detail = "it is nested more than 200 levels deep";
  const body = '{"event_id":"deep","event_type":"a.opened","x":null}…';
  expect(await scene.record("deep")).toMatchObject({ status: "PARKED", reason: "UNREADABLE", eventType: "a.opened", detail, body });
  await scene.clock.pass(10_000);
  await scene.poll();
  expect(scene.logged("inbound.parked")).toHaveLength(2);
  // Without what was left out it would be another event.
  expect(await retryEvent(scene.inbound.deps, "default", (await scene.record("deep"))?.id ?? "")).toMatchObject({ status: "PARKED", reason: "UNREADABLE" });
});

test("a full page of events whose times are anything is a page like others", async () => {
  await using scene = await openPollScene();
  const polled = { ...scene.polled, poll: { ...scene.polled.poll, url: `${scene.server.url}?limit=1` } };
  scene.server.events.push({ event_id: "odd", occurred_at: { toString: null, valueOf: null } });
  expect(await scene.poll(polled)).toBe(10_000);
  expect(await scene.record("odd")).toMatchObject({ status: "PARKED", reason: "UNREADABLE" });
});

test("a replica that loses the lease in the middle of a page takes no more of it, and moves nothing", async () => {
  let renewals = 0;
  const losing = (store: MusterStore): MusterStore => ({
    ...store,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    tx: (work) =>
      store.tx((tx) => work({ ...tx, leases: { ...tx.leases, acquire: async (...args) => (renewals += 1) < 4 && (await tx.leases.acquire(...args)) } })),
  });
  await using scene = await openPollScene({ cursor }, { decorate: losing });
  const ids = await scene.happen(10);
  // Each event takes so long that the lease is renewed before the next.
  await scene.poll(scene.polled, { clock: hurried(scene.clock, 11_000) });
  expect((await decisions(scene, ids)).filter((decision) => decision === "APPROVED")).toHaveLength(2);
  expect(await scene.state()).toMatchObject({ cursor: undefined });
});

describe("two replicas", () => {
  test("one reads; the other one when the lease has ended, and then what the first has found moves nothing", async () => {
    await using scene = await openPollScene({ cursor });
    await scene.happen(2);
    const held = Promise.withResolvers<void>();
    scene.server.answer((_asked, response) => void held.promise.then(() => response.end(JSON.stringify({ events: [scene.server.events[0]], next: "1" }))));
    const first = scene.poll();
    await scene.server.askedTimes(1);
    expect(await scene.poll(scene.polled, { owner: "two" })).toBe(10_000);
    // However seldom it is read: when the first one dies now, it is looked in time.
    expect(await scene.poll({ ...scene.polled, poll: { ...scene.polled.poll, everyMs: 3_600_000 } }, { owner: "two" })).toBe(30_000);
    expect(scene.server.asked).toHaveLength(1);
    await scene.clock.leap(31_000);
    scene.server.answer(undefined);
    await scene.poll(scene.polled, { owner: "two" });
    expect(await scene.state()).toMatchObject({ cursor: "2" });
    held.resolve();
    await first;
    expect(await scene.state()).toMatchObject({ cursor: "2" });
    expect([await scene.record("e0"), await scene.record("e1")]).toMatchObject([{ status: "SUCCEEDED" }, { status: "SUCCEEDED" }]);
  });

  test("and its webhook at the same time: each event is one vote", async () => {
    await using scene = await openPollScene({ cursor });
    const ids = await scene.happen(40);
    const reading = [scene.poll(), scene.poll(scene.polled, { owner: "two" })];
    const sending = scene.server.events.map((_event, n) => scene.deliver({ id: `e${n}`, market: `m${n}` }));
    await Promise.all([...reading, ...sending]);
    await scene.clock.pass(10_000);
    await scene.poll(scene.polled, { owner: "two" });
    expect((await decisions(scene, ids)).filter((decision) => decision === "APPROVED")).toHaveLength(40);
  });
});
