/** Events that come again with another content, or are tried by hand: what is kept, and what decides. */
import { describe, expect, test } from "vitest";
import { receiveAgain } from "../../src/inbound/receive.ts";
import { retryEvent } from "../../src/inbound/retry.ts";
import type { InboundRecord } from "../../src/inbound/types.ts";
import { openInboundScene, source } from "../support/inbound-scene.ts";

describe("an event that comes again with another content", () => {
  test("after a failure is kept as it came last, which is what decides: at once, or when it is tried again", async () => {
    await using scene = await openInboundScene();
    await scene.deliver({ id: "e", market: "wrong" });
    const mended = await scene.deliver({ id: "e", type: "market.rejected", market: "m", digest: "d1" });
    expect(mended.end).toMatchObject({ status: "FAILED", reason: "SUBJECT_UNKNOWN" });
    const kept = await scene.record("e");
    expect(kept).toMatchObject({ eventType: "market.rejected", body: expect.stringContaining('"digest":"d1"') });
    await Promise.all([scene.ask("wrong", "d1"), scene.ask("m", "d1")]);
    await scene.clock.pass(6_000);
    expect(await scene.record("e")).toMatchObject({ status: "SUCCEEDED", tries: 3, body: kept?.body });
    expect((await scene.find((await scene.record("e"))?.approvalId ?? "")).subject.id).toBe("m");

    await scene.deliver({ id: "f", market: "wrong too" });
    const id = await scene.ask("n", "d1");
    expect((await scene.deliver({ id: "f", type: "market.rejected", market: "n", digest: "d1" })).end).toMatchObject({ status: "SUCCEEDED", approvalId: id });
    expect(await scene.record("f")).toMatchObject({ eventType: "market.rejected", body: expect.stringContaining('"market_id":"n"') });
  });

  test("is not what it was before, for a try that had read that", async () => {
    await using scene = await openInboundScene();
    await scene.deliver({ id: "e", market: "m", digest: "d1" });
    const before = await scene.record("e");
    await scene.deliver({ id: "e", type: "market.rejected", market: "n", digest: "d1" });
    const id = await scene.ask("m", "d1");
    for (const by of ["task", "hand"] as const) await receiveAgain(scene.inbound.deps, before as InboundRecord, by);
    expect(await scene.record("e")).toMatchObject({ status: "FAILED", eventType: "market.rejected", tries: 2 });
    expect((await scene.find(id)).votes).toEqual([]);
  });

  test("after a success or a skip is left as it was", async () => {
    await using scene = await openInboundScene();
    await scene.ask("m");
    await scene.clock.pass(1);
    await scene.deliver({ id: "e" });
    await scene.deliver({ id: "s", type: "market.opened" });
    const before = [await scene.record("e"), await scene.record("s")];
    for (const id of ["e", "s"]) expect(await scene.deliver({ id, type: "market.rejected", market: "other" })).toMatchObject({ already: true });
    expect([await scene.record("e"), await scene.record("s")]).toEqual(before);
  });
});

test("an event that was skipped, and fails when it is tried by hand, is parked, which is told once", async () => {
  const sources = [source];
  await using scene = await openInboundScene({ sources });
  await scene.deliver({ id: "e", type: "market.opened" });
  const { id = "" } = (await scene.record("e")) ?? {};
  expect(await retryEvent(scene.inbound.deps, "default", id)).toMatchObject({ status: "SKIPPED", reason: "UNKNOWN_TYPE" });
  sources[0] = { ...source, approve: ["market.opened"] };
  expect(await retryEvent(scene.inbound.deps, "default", id)).toMatchObject({ status: "PARKED", reason: "SUBJECT_UNKNOWN" });
  sources.pop();
  expect(await retryEvent(scene.inbound.deps, "default", id)).toMatchObject({ status: "PARKED", reason: "SOURCE_UNKNOWN" });
  expect(scene.lines.filter((line) => line.includes("inbound.parked"))).toEqual([expect.stringContaining("SUBJECT_UNKNOWN")]);
  expect(scene.counted.filter((line) => line.startsWith("inbound_parked_total"))).toEqual(["inbound_parked_total markets"]);
  sources.push({ ...source, approve: ["market.opened"] });
  const approval = await scene.ask("m");
  expect(await retryEvent(scene.inbound.deps, "default", id)).toMatchObject({ status: "SKIPPED", reason: "STALE_REVISION", approvalId: approval });
});
