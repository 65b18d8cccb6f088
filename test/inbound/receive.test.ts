/** What an event from outside brings about, once. */
import { describe, expect, test } from "vitest";
import { principalOf } from "../../src/kernel/caller.ts";
import { unavailable } from "../../src/kernel/errors.ts";
import { retryEvent } from "../../src/inbound/retry.ts";
import { pruneEvents } from "../../src/inbound/queries.ts";
import type { MusterStore } from "../../src/store/parts.ts";
import { openInboundScene, source } from "../support/inbound-scene.ts";

const minute = 60_000;
const hour = 60 * minute;

/** The store, in which votes fail as long as `isBroken` says so: in the middle of the transaction that keeps the event. */
function breaking(isBroken: () => Error | undefined) {
  return (store: MusterStore): MusterStore => ({
    ...store,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    tx: (work) =>
      store.tx((tx) => {
        const standing: typeof tx.approvals.standing = (...args) => {
          const error = isBroken();
          return error ? Promise.reject(error) : tx.approvals.standing(...args);
        };
        return work({ ...tx, approvals: { ...tx.approvals, standing } });
      }),
  });
}

describe("an event that decides", () => {
  test("is a vote of the source's principal; who it names is recorded and has no part in it", async () => {
    await using scene = await openInboundScene();
    const id = await scene.ask("m");
    await scene.clock.pass(1);
    const { end } = await scene.deliver({ id: "e1", reason: "fine" });
    expect(end).toMatchObject({ status: "SUCCEEDED", reason: "", approvalId: id });
    const approval = await scene.find(id);
    expect(approval.decision).toBe("APPROVED");
    expect(approval.votes).toMatchObject([
      { voter: { key: "service|markets" }, verdict: "approve", comment: "fine (event e1 of markets, which names someone)" },
    ]);
    expect(await scene.record("e1")).toMatchObject({ status: "SUCCEEDED", claimedActor: "someone", tries: 1, eventType: "market.approved" });
  });

  test("rejects by its type, with a comment also when it gives no reason", async () => {
    await using scene = await openInboundScene();
    const id = await scene.ask("m");
    await scene.clock.pass(1);
    await scene.deliver({ type: "market.rejected" });
    expect((await scene.find(id)).decision).toBe("REJECTED");
  });

  test("a type that approves and rejects rejects", async () => {
    await using scene = await openInboundScene();
    const id = await scene.ask("m");
    await scene.clock.pass(1);
    await scene.deliver({ type: "market.rejected" }, { ...source, approve: ["market.*"] });
    expect((await scene.find(id)).decision).toBe("REJECTED");
  });

  test("of a type that nobody knows is recorded and skipped", async () => {
    await using scene = await openInboundScene();
    expect((await scene.deliver({ id: "e", type: "market.opened" })).end).toMatchObject({ status: "SKIPPED", reason: "UNKNOWN_TYPE" });
    expect(await scene.record("e")).toMatchObject({ status: "SKIPPED" });
  });

  test("of another tenant's subject finds nothing", async () => {
    await using scene = await openInboundScene();
    await scene.ask("m");
    await scene.clock.pass(1);
    expect((await scene.deliver({}, { ...source, tenant: "other" })).end).toMatchObject({ status: "FAILED", reason: "SUBJECT_UNKNOWN" });
  });

  test("of a principal that may not vote fails, and changes nothing", async () => {
    await using scene = await openInboundScene();
    const id = await scene.ask("m");
    await scene.clock.pass(1);
    const { end } = await scene.deliver({}, { ...source, voter: { ...source.voter, groups: [] } });
    expect(end).toMatchObject({ status: "FAILED", reason: "NOT_ELIGIBLE", approvalId: id });
    expect((await scene.find(id)).votes).toEqual([]);
  });

  test("about a request that is decided is skipped", async () => {
    await using scene = await openInboundScene();
    await scene.ask("m");
    await scene.clock.pass(1);
    await scene.deliver({ id: "first" });
    expect((await scene.deliver({ id: "second", type: "market.rejected" })).end).toMatchObject({ status: "SKIPPED", reason: "REQUEST_CLOSED" });
  });
});

describe("the revision that an event is about", () => {
  test("is that of its digest", async () => {
    await using scene = await openInboundScene();
    const id = await scene.ask("m", "d1");
    await scene.revise(id, "d2");
    await scene.clock.pass(1);
    expect((await scene.deliver({ digest: "d1" })).end).toMatchObject({ status: "SKIPPED", reason: "SUBJECT_CHANGED" });
    // The digest says it, whatever the time.
    expect((await scene.deliver({ digest: "d2", at: -hour })).end).toMatchObject({ status: "SUCCEEDED" });
    expect((await scene.find(id)).decision).toBe("APPROVED");
  });

  test.each([
    [-1, "STALE_REVISION"],
    [0, "STALE_REVISION"],
    [1, ""],
  ])("without a digest is the one before it: %i ms after the revision: %j", async (at, reason) => {
    await using scene = await openInboundScene();
    const id = await scene.ask("m", "d1");
    await scene.clock.pass(minute);
    await scene.revise(id, "d2");
    expect((await scene.deliver({ at })).end.reason).toBe(reason);
  });

  test("is not one that came later than the event, however late its clock says it occurred", async () => {
    await using scene = await openInboundScene();
    const { end } = await scene.deliver({ id: "e", at: hour });
    expect(end.reason).toBe("SUBJECT_UNKNOWN");
    const id = await scene.ask("m");
    await scene.clock.pass(10_000);
    expect(await scene.record("e")).toMatchObject({ status: "SKIPPED", reason: "STALE_REVISION" });
    expect((await scene.find(id)).decision).toBe("IN_REVIEW");
  });
});

describe("an event that comes again", () => {
  test("a thousand times at once is one vote", async () => {
    await using scene = await openInboundScene();
    const id = await scene.ask("m");
    await scene.clock.pass(1);
    const all = await Promise.all(Array.from({ length: 1_000 }, () => scene.deliver({ id: "e" })));
    expect(all.filter(({ already }) => !already)).toHaveLength(1);
    expect((await scene.find(id)).votes).toHaveLength(1);
    expect(scene.counted.filter((line) => line === "inbound_events_total markets duplicate")).toHaveLength(999);
  });

  test("never changes a success, also when its content would fail", async () => {
    await using scene = await openInboundScene();
    await scene.ask("m");
    await scene.clock.pass(1);
    await scene.deliver({ id: "e" });
    expect(await scene.deliver({ id: "e", market: "unknown" })).toMatchObject({ already: true, end: { status: "SUCCEEDED" } });
    expect(await scene.record("e")).toMatchObject({ status: "SUCCEEDED", tries: 1 });
  });

  test("after a failure is tried at once", async () => {
    await using scene = await openInboundScene();
    await scene.deliver({ id: "e", at: 2 });
    await scene.ask("m");
    await scene.clock.pass(1);
    expect((await scene.deliver({ id: "e", digest: "d1" })).end.status).toBe("SUCCEEDED");
    await scene.clock.pass(hour);
    expect(await scene.record("e")).toMatchObject({ status: "SUCCEEDED", tries: 2 });
  });
});

describe("an event that fails", () => {
  test("is tried again, and succeeds when its subject has come", async () => {
    await using scene = await openInboundScene();
    const { end } = await scene.deliver({ id: "e", digest: "d1" });
    expect(end).toMatchObject({ status: "FAILED", reason: "SUBJECT_UNKNOWN" });
    await scene.clock.pass(4_000);
    const id = await scene.ask("m", "d1");
    await scene.clock.pass(2_000);
    expect(await scene.record("e")).toMatchObject({ status: "SUCCEEDED", tries: 2 });
    expect((await scene.find(id)).decision).toBe("APPROVED");
  });

  test("is parked after an hour, with an alert, and is tried by hand then", async () => {
    await using scene = await openInboundScene();
    await scene.deliver({ id: "e", digest: "d1" });
    await scene.clock.pass(hour - minute);
    expect(await scene.record("e")).toMatchObject({ status: "FAILED" });
    await scene.clock.pass(6 * minute);
    expect(await scene.record("e")).toMatchObject({ status: "PARKED", reason: "SUBJECT_UNKNOWN" });
    expect(scene.lines.filter((line) => line.includes("inbound.parked") && line.includes('"error"'))).toHaveLength(1);
    expect(scene.counted.filter((line) => line.startsWith("inbound_parked_total"))).toEqual(["inbound_parked_total markets"]);
    const record = await scene.record("e");
    // Each try is counted once.
    expect(record?.tries).toBe(scene.counted.filter((line) => line === "inbound_events_total markets failed").length);
    await scene.clock.pass(2 * hour);
    expect(await scene.record("e")).toEqual(record);
    expect(await retryEvent(scene.inbound.deps, "default", record?.id ?? "")).toMatchObject({ status: "PARKED" });
    await scene.ask("m", "d1");
    expect(await retryEvent(scene.inbound.deps, "default", record?.id ?? "")).toMatchObject({ status: "SUCCEEDED" });
    await expect(retryEvent(scene.inbound.deps, "default", record?.id ?? "")).rejects.toMatchObject({ reason: "INBOUND_EVENT_SUCCEEDED" });
    await expect(retryEvent(scene.inbound.deps, "other", record?.id ?? "")).rejects.toMatchObject({ reason: "INBOUND_EVENT_NOT_FOUND" });
  });

  test("does not hold the others back: one among twenty-five", async () => {
    let poison = false;
    await using scene = await openInboundScene({ decorate: breaking(() => (poison ? new Error("a bug") : undefined)) });
    const ids: string[] = [];
    for (let n = 0; n < 25; n++) ids.push(await scene.ask(`m${n}`));
    await scene.clock.pass(1);
    for (let n = 0; n < 25; n++) {
      poison = n === 12;
      const { end } = await scene.deliver({ id: `e${n}`, market: `m${n}` });
      expect(end.status).toBe(n === 12 ? "FAILED" : "SUCCEEDED");
    }
    poison = false;
    expect(await scene.record("e12")).toMatchObject({ status: "FAILED", reason: "INTERNAL", detail: "internal error" });
    await scene.clock.pass(6_000);
    const approvals = await Promise.all(ids.map((id) => scene.find(id)));
    expect(approvals.map(({ decision }) => decision)).toEqual(ids.map(() => "APPROVED"));
  });

  test("because the store is away was not taken: the sender is told, and sends it again", async () => {
    let away = false;
    await using scene = await openInboundScene({ decorate: breaking(() => (away ? unavailable("store", "away") : undefined)) });
    const id = await scene.ask("m");
    await scene.clock.pass(1);
    away = true;
    await expect(scene.deliver({ id: "e" })).rejects.toMatchObject({ kind: "unavailable" });
    expect(await scene.record("e")).toBeUndefined();
    away = false;
    expect((await scene.deliver({ id: "e" })).end.status).toBe("SUCCEEDED");
    expect((await scene.find(id)).decision).toBe("APPROVED");
  });

  test("of a source that is gone says so, and is parked", async () => {
    const sources = [source];
    await using scene = await openInboundScene({ sources });
    await scene.deliver({ id: "e" });
    sources.pop();
    await scene.clock.pass(6_000);
    expect(await scene.record("e")).toMatchObject({ status: "FAILED", reason: "SOURCE_UNKNOWN" });
    await scene.clock.pass(hour + 5 * minute);
    const record = await scene.record("e");
    expect(record).toMatchObject({ status: "PARKED" });
    expect(record?.tries).toBe(scene.counted.filter((line) => line === "inbound_events_total markets failed").length);
  });
});

test("events are deleted after their retention, but for those that wait to be tried again", async () => {
  await using scene = await openInboundScene();
  await scene.ask("m");
  await scene.clock.pass(1);
  await scene.deliver({ id: "old" });
  await scene.clock.leap(31 * 24 * hour);
  await scene.deliver({ id: "failed", market: "unknown" });
  expect(await scene.inbound.prune()).toBe(false);
  expect(await scene.record("old")).toBeUndefined();
  expect(await scene.record("failed")).toBeDefined();
  expect(await pruneEvents(scene.inbound.deps, 0, principalOf("open", "root", ["admin"]))).toBe(0);
});

test("deleting by hand is in the audit of the tenant, for its callers alone", async () => {
  await using scene = await openInboundScene();
  const admin = principalOf("open", "root", ["admin"]);
  const [audit] = scene.inbound.audits;
  await expect(audit?.chain("default", "default")).rejects.toMatchObject({ reason: "INBOUND_EVENT_NOT_FOUND" });
  for (const id of ["a", "b"]) await scene.deliver({ id, type: "market.opened" });
  await scene.clock.leap(2 * hour);
  expect(await pruneEvents(scene.inbound.deps, hour, admin)).toBe(2);
  expect(await pruneEvents(scene.inbound.deps, hour, admin)).toBe(0);
  const detail = { tenant: "default", deleted: "2", older_than_ms: `${hour}` };
  expect(await audit?.chain("default", "default")).toMatchObject([{ sequence: 1, actor: admin.key, action: "INBOUND_PRUNED", detail }]);
  await expect(audit?.chain("default", "other")).rejects.toMatchObject({ kind: "not_found" });
});
