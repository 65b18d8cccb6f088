/** What comes too late: by the time of the database, and in the order of time, whoever looks first. */
import { expect, test } from "vitest";
import { getApproval } from "../../src/approvals/queries.ts";
import { createApproval, reviseApproval } from "../../src/approvals/requests.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { actor, approvalWorkshop } from "../support/approval-workshop.ts";
import { manualClock } from "../support/manual-clock.ts";

const hour = 3_600_000;
const policy = (more: string, after = "") =>
  `{key: k, subject: document, ttl: 10h, ${more} stages: [{id: s, requirements: [{id: r, who: {groups: [team]}, need: 1}], after: [${after}]}]}`;

async function scene(document: string) {
  const clock = manualClock(1_000_000);
  const store = await openSqliteStore({ path: ":memory:", clock });
  const shop = approvalWorkshop(store, clock);
  await shop.usePolicy(document);
  const { id } = await shop.open("x");
  const typesNow = async () => (await store.tx((tx) => tx.approvals.events(id, 0))).map(({ type }) => type).filter((type) => type !== "approvers_resolved");
  return { clock, shop, store, id, typesNow, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

test("a vote after the expiry, and before anything else noticed it, is answered with how it ended", async () => {
  await using it = await scene(policy(""));
  await it.clock.pass(10 * hour - 1);
  expect(await it.shop.vote(it.id, "bob", { verdict: "abstain" })).not.toHaveProperty("refusal");
  await it.clock.pass(1);
  // A dry run says the same and writes nothing.
  const dry = await it.shop.vote(it.id, "bob", {}, true);
  expect(dry).toMatchObject({ refusal: { refusal: "REQUEST_CLOSED" }, seen: { approval: { decision: "EXPIRED" } } });
  expect(await it.typesNow()).toEqual(["request_created", "stage_started", "vote_recorded"]);
  const late = await it.shop.vote(it.id, "bob");
  expect(late).toMatchObject({
    refusal: { refusal: "REQUEST_CLOSED", message: "the request is EXPIRED, by timer" },
    seen: { approval: { decision: "EXPIRED", outcome: { by: "timer" } }, may: { refusal: "REQUEST_CLOSED" } },
  });
  await it.shop.tick(it.id);
  expect(await it.shop.vote(it.id, "cat")).toMatchObject({ seen: { approval: { decision: "EXPIRED" } } });
  expect(await it.typesNow()).toEqual(["request_created", "stage_started", "vote_recorded", "request_expired"]);
  expect(it.shop.counted.filter((name) => name === "approvals_expired_total")).toHaveLength(1);
});

test("a command during which the request expires is not carried out, and is answered with how it ended", async () => {
  await using it = await scene(policy(""));
  const readContext: typeof it.shop.deps.readContext = async () => {
    await it.clock.pass(10 * hour);
    return {};
  };
  const { seen, refusal } = await reviseApproval(
    { ...it.shop.deps, readContext },
    { commandId: "", approvalId: it.id, digest: "e", context: "{}" },
    actor("amy"),
  );
  expect([refusal?.refusal, seen.approval.decision, seen.approval.subject.digest]).toEqual(["REQUEST_CLOSED", "EXPIRED", "d"]);
  expect(await it.typesNow()).toEqual(["request_created", "stage_started", "request_expired"]);
});

test("a vote after a rejection that was due does not pass it", async () => {
  await using it = await scene(policy("", "{in: 1h, do: reject}"));
  await it.clock.pass(hour);
  expect(await it.shop.vote(it.id, "bob")).toMatchObject({
    refusal: { refusal: "REQUEST_CLOSED" },
    seen: { approval: { decision: "REJECTED", outcome: { by: "timer", reason: "nobody completed stage s in time" } } },
  });
});

test("whoever an escalation that was due has named may vote, though it is late itself", async () => {
  await using it = await scene(
    policy("").replace("groups: [team]", "users: [open|bob]").replace("after: []", "after: [{in: 1h, do: escalate, to: {users: [open|lea]}}]"),
  );
  expect(await it.shop.vote(it.id, "lea")).toMatchObject({ refusal: { refusal: "NOT_ELIGIBLE" } });
  await it.clock.pass(hour);
  expect(await it.shop.vote(it.id, "lea")).toMatchObject({ seen: { approval: { decision: "APPROVED" } } });
  expect(await it.typesNow()).toEqual(["request_created", "stage_started", "escalated", "vote_recorded", "stage_completed", "request_approved"]);
});

test("a server that was away for longer than the request rejects what was to be rejected before its expiry", async () => {
  await using it = await scene(policy("on_expire: approve,", "{in: 1h, do: remind}, {in: 2h, do: reject}"));
  await it.clock.pass(100 * hour);
  await it.shop.tick(it.id);
  await it.shop.tick(it.id);
  expect(await it.typesNow()).toEqual(["request_created", "stage_started", "reminded", "request_rejected"]);
});

test("a request that has expired, and a grant whose time is over, are in nobody's way, though nothing has noticed them yet", async () => {
  await using it = await scene(policy("effect: {grant_ttl: 1h},"));
  await it.clock.pass(10 * hour);
  const ask = (digest: string, isDryRun = false) =>
    createApproval(
      it.shop.deps,
      { commandId: "", policyKey: "k", subject: { type: "document", id: "x", digest }, context: "", onBehalfOf: "", isDryRun },
      actor("amy"),
    );
  for (const digest of ["d", "e"]) expect(await ask(digest, true)).toMatchObject({ isNew: true });
  expect(await it.typesNow()).toEqual(["request_created", "stage_started"]);
  const { seen, isNew } = await ask("d");
  expect([isNew, await it.typesNow()]).toEqual([true, ["request_created", "stage_started", "request_expired"]]);
  await it.shop.vote(seen.approval.id, "bob");
  await it.clock.pass(hour - 1);
  expect(await ask("d")).toMatchObject({ isNew: false, seen: { approval: { id: seen.approval.id, grant: "VALID" } } });
  await it.clock.pass(1);
  expect(await ask("d")).toMatchObject({ isNew: true, seen: { approval: { decision: "IN_REVIEW" } } });
  await it.shop.tick(seen.approval.id);
  expect((await it.store.tx((tx) => tx.approvals.find("default", seen.approval.id)))?.grant).toBe("EXPIRED");
});

test("who reads a request is told what a vote would be told, of what is due too", async () => {
  await using it = await scene(policy("", "{in: 1h, do: escalate, to: {groups: [leads]}}, {in: 2h, do: reject}"));
  const lea = { ...actor("lea"), person: { ...actor("lea").person, groups: ["leads"] } };
  const told = async () => {
    const { may, explanation } = await getApproval(it.shop.deps, it.id, lea, true);
    return [("refusal" in may && may.refusal) || "may", explanation?.summary.slice(0, 23)];
  };
  expect(await told()).toEqual(["NOT_ELIGIBLE", "Stage s is open. r has "]);
  await it.clock.pass(hour);
  expect(await told()).toEqual(["may", "Stage s is open. r has "]);
  await it.clock.pass(hour);
  expect(await told()).toEqual(["REQUEST_CLOSED", "The request is REJECTED"]);
  expect(await it.typesNow()).toEqual(["request_created", "stage_started"]);
});

test("what the clock was put back before is due again: a request ends, however the clock is moved meanwhile", async () => {
  await using it = await scene(policy(""));
  const kind = it.shop.approvals.tasks.find((one) => one.kind === "approval-tick");
  const claimed = async () => (await it.store.tx((tx) => tx.tasks.claim("approval-tick", 60_000, 10)))[0];
  await it.clock.pass(10 * hour);
  const early = await claimed();
  await it.clock.leap(-hour);
  await kind?.run(kind.parse(JSON.parse(early?.payload ?? "")), new AbortController().signal);
  await it.store.tx((tx) => tx.tasks.done(early?.id ?? ""));
  expect(await claimed()).toBeUndefined();
  await it.clock.leap(hour);
  const again = await claimed();
  await kind?.run(kind.parse(JSON.parse(again?.payload ?? "")), new AbortController().signal);
  await it.store.tx((tx) => tx.tasks.done(again?.id ?? ""));
  expect(await it.typesNow()).toEqual(["request_created", "stage_started", "request_expired"]);
  expect((await it.store.tx((tx) => tx.tasks.backlog())).filter((one) => one.kind === "approval-tick")).toEqual([]);
});
