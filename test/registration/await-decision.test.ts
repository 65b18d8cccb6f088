/** Streams that wait for an approval, by a clock that the test moves. */
import { expect, test } from "vitest";
import type { DecisionNews } from "../../src/registration/gate/approvals.ts";
import { awaitDecision, type AwaitDeps } from "../../src/registration/gate/await-decision.ts";
import type { Ask } from "../../src/registration/gate/gate-records.ts";
import type { ProgressEvent } from "../../src/registration/types.ts";
import { manualClock } from "../support/manual-clock.ts";
import { openWorkshop } from "../support/workshop.ts";
import * as fixtures from "../contract/store/fixtures.ts";

const held = { serviceId: "s", approvalId: "r", digest: "d", generation: 0, actor: "tokens|ci", requestHash: "h" };
const open: DecisionNews = {
  at: 1,
  message: "it waits",
  decision: "open",
  digest: "d",
  by: "",
  reason: "",
  shown: { approval_id: "r", who_can_decide: "team" },
};

async function scene() {
  const clock = manualClock(1_000_000);
  const workshop = await openWorkshop({ clock });
  const { store } = workshop;
  const { request } = fixtures.attempt("a");
  const what = { name: "s", version: "1", request, address: "", traceparent: undefined, attemptId: "a" };
  const ask: Ask = { ...held, ...what, askedAt: 0, isAdmitted: false, shown: {} };
  await store.tx((tx) => tx.asks.put(ask));
  const stopping = new AbortController();
  const queue: DecisionNews[] = [open];
  let wake: () => void = () => undefined;
  const news = (...items: readonly DecisionNews[]): void => {
    queue.push(...items);
    wake();
  };
  const deps: AwaitDeps = {
    store,
    clock,
    progress: workshop.replica().progress,
    stopping: stopping.signal,
    async *follow(_id, signal) {
      for (;;) {
        while (queue.length > 0) yield queue.shift() as DecisionNews;
        if (signal.aborted) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
      }
    },
  };
  const seen: ProgressEvent[] = [];
  const ended = (async () => {
    for await (const event of awaitDecision(deps, held, new AbortController().signal)) seen.push(event);
  })();
  ended.catch(() => undefined);
  return { clock, store, stopping, news, seen, ended, workshop, shown: () => seen.map(({ type, message }) => `${type} ${message}`) };
}

test("what it waits for is said again every 20 seconds, and each change at once", async () => {
  const { clock, news, shown, workshop, ended, seen } = await scene();
  await clock.pass(19_000);
  expect(shown()).toEqual([]);
  await clock.pass(2_000);
  expect(shown()).toEqual(["APPROVAL_REQUESTED waits for approval r: team can decide"]);
  news({ ...open, message: "bob approved stage owners" });
  await clock.pass(0);
  expect(shown().slice(1)).toEqual(["APPROVAL_REQUESTED bob approved stage owners"]);
  await clock.pass(19_000);
  expect(shown()).toHaveLength(2);
  await clock.pass(2_000);
  expect(shown()).toHaveLength(3);
  news({ ...open, decision: "rejected", message: "rejected by bob: no", by: "bob", reason: "no" });
  await clock.pass(0);
  await ended;
  expect(seen.slice(3).map(({ type, sequence, attemptId, errorDetail }) => [type, sequence, attemptId, errorDetail])).toEqual([
    ["REJECTED", 0, "", "APPROVAL_REJECTED: rejected by bob: no"],
    ["FAILED", 0, "", "APPROVAL_REJECTED: rejected by bob: no"],
  ]);
  await workshop[Symbol.asyncDispose]();
});

test("a server that stops ends the wait at once, retryable, with the approval's id", async () => {
  const { clock, stopping, ended, workshop } = await scene();
  await clock.pass(500);
  stopping.abort();
  await clock.pass(0);
  await expect(ended).rejects.toMatchObject({ kind: "unavailable", metadata: { approval_id: "r" } });
  await workshop[Symbol.asyncDispose]();
});

test("so does the longest time that a call may wait", async () => {
  const { clock, ended, workshop } = await scene();
  await clock.pass(24 * 60_000);
  await clock.pass(61_000);
  await expect(ended).rejects.toMatchObject({ kind: "unavailable", metadata: { approval_id: "r" } });
  await workshop[Symbol.asyncDispose]();
});

test.each([
  ["unregistered", undefined],
  ["replaced by another content", { digest: "other" }],
  ["replaced by another request", { approvalId: "other" }],
])("an ask that is %s ends the wait", async (_how, change) => {
  const { clock, store, seen, ended, workshop } = await scene();
  await clock.pass(100);
  await store.tx(async (tx) => {
    const ask = await tx.asks.find("s");
    if (change && ask) await tx.asks.put({ ...ask, ...change });
    else await tx.asks.delete("s");
  });
  await clock.pass(5_000);
  await ended;
  expect(seen.map(({ type, errorDetail }) => [type, errorDetail?.split(":")[0]])).toEqual([["FAILED", "SUPERSEDED"]]);
  await workshop[Symbol.asyncDispose]();
});

test("an approval whose attempt is not begun in a minute ends the wait, retryable", async () => {
  const { clock, news, shown, ended, workshop } = await scene();
  news({ ...open, decision: "approved", message: "approved by bob", by: "bob" });
  await clock.pass(1_000);
  expect(shown()).toEqual(["APPROVED approved by bob"]);
  await clock.pass(61_000);
  await expect(ended).rejects.toMatchObject({ kind: "unavailable" });
  await workshop[Symbol.asyncDispose]();
});
