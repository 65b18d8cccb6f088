/** Sources that are read: what a round asks for, takes and leaves; over real HTTP, by a clock that the test moves. */
import { describe, expect, test } from "vitest";
import { unavailable } from "../../src/kernel/errors.ts";
import { listSources } from "../../src/inbound/queries.ts";
import { retryEvent } from "../../src/inbound/retry.ts";
import type { MusterStore } from "../../src/store/parts.ts";
import { source } from "../support/inbound-scene.ts";
import { cursor, decisions, openPollScene, type PollScene } from "../support/poll-scene.ts";

describe("a round", () => {
  test("asks with the key, takes what there is, and is due again in its time", async () => {
    await using scene = await openPollScene();
    const ids = await scene.happen(3);
    expect(await scene.poll()).toBe(10_000);
    expect(await decisions(scene, ids)).toEqual(["APPROVED", "APPROVED", "APPROVED"]);
    const [asked] = scene.server.asked;
    expect([asked?.path, asked?.query.toString(), asked?.headers["x-api-key"]]).toEqual(["/api/v1/events", "limit=500", "k"]);
    expect(await scene.state()).toMatchObject({ failures: 0, succeededAt: scene.clock.now(), dueAt: scene.clock.now() + 10_000, isStarved: false, error: "" });
    expect(scene.counted).toContain("inbound_polls_total markets ok");
    expect(scene.logged("inbound.polled").join()).not.toContain("x-api-key");
  });

  test("is not due before its time, by whichever replica; a replica that has not read yet asks the store", async () => {
    await using scene = await openPollScene();
    await scene.poll();
    await scene.clock.pass(4_000);
    expect(await scene.poll()).toBe(6_000);
    expect(await scene.poll(scene.polled, { owner: "two" })).toBe(10_000);
    expect(scene.server.asked).toHaveLength(1);
    await scene.clock.pass(6_000);
    await scene.poll();
    expect(scene.server.asked).toHaveLength(2);
  });

  test("takes a bare list, one under events and one under data", async () => {
    await using scene = await openPollScene();
    const ids = await scene.happen(3);
    const all = [...scene.server.events];
    const bodies = [[all[0]], { events: [all[1]] }, { data: [all[2]] }];
    for (const body of bodies) {
      scene.server.answer((_asked, response) => void response.end(JSON.stringify(body)));
      await scene.poll();
      await scene.clock.pass(10_000);
    }
    expect(await decisions(scene, ids)).toEqual(["APPROVED", "APPROVED", "APPROVED"]);
  });

  test("leaves what is known: a failure is tried by its task alone, and a success is not counted again", async () => {
    await using scene = await openPollScene();
    await scene.happen(1);
    scene.server.events.push(JSON.parse(scene.bodyOf({ id: "lost", market: "nobody-asked" })));
    await scene.poll();
    await scene.clock.pass(1);
    const [tries, counted] = [(await scene.record("lost"))?.tries, scene.counted.filter((line) => line.startsWith("inbound_events_total")).length];
    for (let n = 0; n < 3; n++) {
      await scene.store.tx((tx) => makeDue(tx, scene));
      await scene.poll();
    }
    expect(await scene.record("lost")).toMatchObject({ status: "FAILED", tries });
    expect(scene.counted.filter((line) => line.startsWith("inbound_events_total"))).toHaveLength(counted);
    expect(scene.server.asked).toHaveLength(4);
  });
});

/** Makes the next round due, without time that passes for what else waits. */
async function makeDue(tx: Parameters<Parameters<MusterStore["tx"]>[0]>[0], scene: PollScene): Promise<void> {
  const [state] = await tx.inboundPolls.list();
  if (state) await tx.inboundPolls.save({ ...state, dueAt: scene.clock.now() });
}

describe("a source with a cursor", () => {
  test("is read page by page; what cannot be read is kept, parked, and holds up none of the others", async () => {
    await using scene = await openPollScene({ cursor });
    const ids = await scene.happen(25);
    const poison = { event_id: "poison", event_type: "market.approved", occurred_at: "some day", payload: { market_id: "m12" } };
    scene.server.events[12] = poison;
    const polled = { ...scene.polled, poll: { ...scene.polled.poll, url: `${scene.server.url}?limit=10` } };
    await scene.poll(polled);
    expect(scene.server.asked.map(({ query }) => query.toString())).toEqual(["limit=10", "limit=10&after=10", "limit=10&after=20", "limit=10&after=25"]);
    const made = await decisions(scene, ids);
    expect(made.filter((decision) => decision === "APPROVED")).toHaveLength(24);
    expect(made[12]).toBe("IN_REVIEW");
    expect(await scene.record("poison")).toMatchObject({ status: "PARKED", reason: "UNREADABLE", eventType: "market.approved", body: JSON.stringify(poison) });
    expect(scene.logged("inbound.parked")).toHaveLength(1);
    expect(await scene.state()).toMatchObject({ cursor: "25" });
    await scene.clock.pass(10_000);
    await scene.happen(1, 25);
    await scene.poll(polled);
    expect(scene.server.asked.slice(4).map(({ query }) => query.get("after"))).toEqual(["25", "26"]);
    expect(await scene.record("e25")).toMatchObject({ status: "SUCCEEDED" });
  });

  test("keeps its cursor where an answer has none, and takes it from the last event where it is there", async () => {
    await using scene = await openPollScene({ cursor: { param: "since", from: "/-/event_id" } });
    await scene.happen(2);
    scene.server.answer((asked, response) => void response.end(JSON.stringify(asked.query.has("since") ? [] : scene.server.events)));
    await scene.poll();
    await scene.clock.pass(10_000);
    await scene.poll();
    expect(scene.server.asked.map(({ query }) => query.get("since"))).toEqual([null, "e1", "e1"]);
    expect(await scene.state()).toMatchObject({ cursor: "e1" });
  });

  test("is read from its beginning when it does not know the cursor any more", async () => {
    await using scene = await openPollScene({ cursor });
    await scene.happen(1);
    await scene.poll();
    scene.server.answer((asked, response) => void (asked.query.has("after") ? response.writeHead(410).end() : response.end("[]")));
    await scene.clock.pass(10_000);
    await scene.poll();
    expect(await scene.state()).toMatchObject({ cursor: undefined, failures: 1, error: expect.stringContaining("HTTP 410") });
    await scene.clock.pass(60_000);
    await scene.poll();
    expect(await scene.state()).toMatchObject({ failures: 0 });
  });

  test("has no cursor where its URL is another one", async () => {
    await using scene = await openPollScene({ cursor });
    await scene.happen(1);
    await scene.poll();
    const elsewhere = { ...scene.polled, poll: { ...scene.polled.poll, url: `${scene.server.url}?type=all` } };
    await scene.poll(elsewhere);
    expect(scene.server.asked.at(-2)?.query.toString()).toBe("type=all");
  });

  test("does not move it when an event was not taken: the next round takes the rest, each once", async () => {
    let away = 0;
    const breaking = (store: MusterStore): MusterStore => ({
      ...store,
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
      tx: (work) =>
        store.tx((tx) => {
          const insert: typeof tx.inbound.insert = (event) =>
            away > 0 && (away -= 1) === 0 ? Promise.reject(unavailable("store", "away")) : tx.inbound.insert(event);
          return work({ ...tx, inbound: { ...tx.inbound, insert } });
        }),
    });
    await using scene = await openPollScene({ cursor }, { decorate: breaking });
    const ids = await scene.happen(10);
    away = 5;
    await expect(scene.poll()).rejects.toMatchObject({ kind: "unavailable" });
    expect(await scene.state()).toMatchObject({ cursor: undefined });
    expect((await decisions(scene, ids)).filter((decision) => decision === "APPROVED")).toHaveLength(4);
    await scene.poll();
    expect((await decisions(scene, ids)).filter((decision) => decision === "APPROVED")).toHaveLength(10);
    expect(await scene.state()).toMatchObject({ cursor: "10" });
  });
});

test.each([
  [1, "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b", "unknown"],
  [null, "sha256:74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b", "unknown"],
  [{ event_id: "a b", event_type: "market.approved" }, expect.stringMatching(/^sha256:/), "market.approved"],
  [{ event_id: "large", event_type: "market.approved", payload: "x".repeat(300_000) }, "large", "market.approved"],
])("what is no event is kept once, however often it comes: %j", async (item, eventId, eventType) => {
  await using scene = await openPollScene();
  scene.server.events.push(item, item);
  await scene.poll();
  await scene.clock.pass(10_000);
  await scene.poll();
  const kept = await scene.store.tx((tx) => tx.inbound.list({ tenant: "default", limit: 10 }));
  expect(kept).toMatchObject([{ eventId, eventType, status: "PARKED", reason: "UNREADABLE" }]);
  expect(scene.counted.filter((line) => line === "inbound_parked_total markets")).toHaveLength(1);
});

test("a source and how its reading goes are shown to its tenant alone", async () => {
  await using scene = await openPollScene({ cursor });
  expect(await listSources(scene.inbound.deps, "default")).toEqual([[scene.polled, undefined]]);
  await scene.happen(1);
  await scene.poll();
  expect(await listSources(scene.inbound.deps, "default")).toMatchObject([[scene.polled, { cursor: "1", failures: 0 }]]);
  expect(await listSources(scene.inbound.deps, "other")).toEqual([]);
});

test("what could not be read is tried by hand once its source is configured as it is", async () => {
  const sources = [source];
  await using scene = await openPollScene({}, { sources });
  await scene.happen(1);
  const wrong = { ...scene.polled, subject: { type: "market", id: "/payload/id" } };
  await scene.poll(wrong);
  expect(await scene.record("e0")).toMatchObject({ status: "PARKED", reason: "UNREADABLE", detail: "/payload/id must be the id of what is decided" });
  expect(await retryEvent(scene.inbound.deps, "default", (await scene.record("e0"))?.id ?? "")).toMatchObject({ status: "SUCCEEDED" });
});

describe("a source without a cursor that has more than fits", () => {
  const limited = (scene: PollScene, limit: number) => ({ ...scene.polled, poll: { ...scene.polled.poll, url: `${scene.server.url}?limit=${limit}` } });

  test("is said to be starved once, when its page is full of what is known, and once when it is not any more", async () => {
    await using scene = await openPollScene();
    await scene.happen(12);
    const round = async () => {
      await scene.poll(limited(scene, 10));
      await scene.clock.pass(10_000);
      return (await scene.state())?.isStarved;
    };
    // The first page is full, and new.
    expect([await round(), await round(), await round()]).toEqual([false, true, true]);
    expect(scene.logged("inbound.poll-starved")).toHaveLength(1);
    const gauges: string[] = [];
    const set = ({ name }: { readonly name: string }, labels: object, value: number) => void gauges.push([name, ...Object.values(labels), value].join(" "));
    const meter = { set, count: () => undefined, observe: () => undefined };
    await scene.inbound.measures.collect?.(meter);
    expect(gauges).toContain("inbound_poll_starved markets 1");
    expect(gauges).toContain("inbound_poll_age_seconds markets 10");
    scene.server.events.splice(0, 5);
    expect([await round(), await round()]).toEqual([false, false]);
    expect([scene.logged("inbound.poll-starved").length, scene.logged("inbound.poll-reaches").length]).toEqual([1, 1]);
    expect(await scene.record("e11")).toMatchObject({ status: "SUCCEEDED" });
  });

  test("and begins with the newest, is starved when nothing on a full page is known", async () => {
    await using scene = await openPollScene();
    const round = async (from: number) => {
      for (let n = from; n < from + 4; n++) await scene.happen(1, n);
      scene.server.answer((_asked, response) => void response.end(JSON.stringify(scene.server.events.toReversed().slice(0, 4))));
      await scene.poll(limited(scene, 4));
      await scene.clock.pass(10_000);
      return (await scene.state())?.isStarved;
    };
    expect([await round(0), await round(4), await round(6)]).toEqual([false, true, false]);
  });
});
