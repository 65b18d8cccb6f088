import { describe, expect, test } from "vitest";
import { revise } from "../../src/approvals/machine.ts";
import type { Scope } from "../../src/approvals/types.ts";
import { after, ask, boss, cast, eventOf, hour, made, member, policy, requirement, rule, stage, t0, typesOf, who, world } from "./cases.ts";

const [alice, bob, carol] = [member("alice", "group:sre"), member("bob", "group:sre"), member("carol", "group:sre")];
const here = world([alice, bob, carol, member("boss")]);
const twoStages = policy({ stages: [stage("first", [requirement("a")]), stage("second", [requirement("b", { who: who("id|bob") })])] });

describe("a new request", () => {
  test("has its first stage active, and says who can vote", () => {
    const { approval, events } = ask(twoStages, here, { onBehalfOf: carol });
    expect(typesOf(events)).toEqual(["request_created", "stage_started", "approvers_resolved"]);
    expect(events.map(({ sequence, at, actor }) => [sequence, at, actor])).toEqual([
      [1, t0, "id|boss"],
      [2, t0, "muster"],
      [3, t0, "muster"],
    ]);
    expect(approval).toMatchObject({
      id: "r1",
      tenant: "default",
      decision: "IN_REVIEW",
      grant: "NONE",
      effect: "NONE",
      revision: 1,
      context: { size: 1 },
      requesters: [{ key: "id|boss" }],
      author: { key: "id|boss" },
      onBehalfOf: { key: "id|carol" },
      openedAt: t0,
      expiresAt: t0 + 100 * hour,
      votes: [],
      directoryVersion: 1,
      sequence: 3,
      stages: [{ status: "ACTIVE", activeSince: t0, requirements: [{ candidates: [{ key: "id|alice" }, { key: "id|bob" }] }] }, { status: "WAITING" }],
    });
  });

  test.each([
    ["approve", undefined, "APPROVED", "rule now approves it"],
    ["approve", "small", "APPROVED", "small"],
    ["reject", undefined, "REJECTED", "rule now rejects it"],
    ["reject", "old", "REJECTED", "old"],
  ] as const)("is decided at once by a rule that holds: %s %s", (does, reason, decision, expected) => {
    const by = policy({ route: [rule("now", "yes", does, reason)] }, { yes: true });
    const { approval, events } = ask(by, here);
    expect(events).toHaveLength(2);
    expect(approval).toMatchObject({ decision, outcome: { by: "route:now", reason: expected, at: t0 } });
  });

  test("is routed by its context, subject and requester", () => {
    const seen: Scope[] = [];
    ask(policy({ route: [rule("now", "no", "approve")] }, { no: false }, seen), here);
    expect(seen).toEqual([{ context: { size: 1 }, subject: { type: "release", id: "shop@1", digest: "aa" }, requester: boss }]);
  });

  test("says which expressions failed, and which stages do not apply", () => {
    const stages = [stage("skipped", [requirement("a")], { when: "no" }), stage("kept", [requirement("b")], { when: "bad" })];
    const by = policy({ stages }, { no: false, bad: new Error("odd") });
    const { approval, events } = ask(by, here);
    expect(typesOf(events)).toEqual(["request_created", "expression_failed", "stage_skipped", "stage_started", "approvers_resolved"]);
    expect(eventOf(events, "expression_failed")).toMatchObject({ where: "stages.kept.when", failure: "odd" });
    expect(approval.stages.map(({ status }) => status)).toEqual(["SKIPPED", "ACTIVE"]);
    expect(after(approval, [[alice]], by, here)).toMatchObject({ decision: "APPROVED", stages: [{ status: "SKIPPED" }, { status: "SATISFIED" }] });
  });

  test("is rejected when no stage applies, for nobody could approve it", () => {
    const by = policy({ stages: [stage("skipped", [requirement("a")], { when: "no" })] }, { no: false });
    expect(ask(by, here).approval).toMatchObject({
      decision: "REJECTED",
      outcome: { by: "muster", reason: "no stage of the policy applies to the request, so nobody could approve it" },
    });
  });
});

describe("stages", () => {
  test("follow each other: the next has nobody before the one before it ends", () => {
    const { approval } = ask(twoStages, here);
    expect(cast(approval, bob, twoStages, here, { stage: "second" })).toMatchObject({ refusal: "STAGE_NOT_ACTIVE" });
    expect(approval.stages[1]?.requirements[0]).not.toHaveProperty("candidates");
    const first = made(cast(approval, alice, twoStages, { ...here, now: t0 + 5 }));
    expect(typesOf(first.events)).toEqual(["vote_recorded", "stage_completed", "stage_started", "approvers_resolved"]);
    expect(first.approval.stages).toMatchObject([
      { status: "SATISFIED" },
      { status: "ACTIVE", activeSince: t0 + 5, requirements: [{ candidates: [{ key: "id|bob" }] }] },
    ]);
    const last = made(cast(first.approval, bob, twoStages, here));
    expect(eventOf(last.events, "request_approved")).toMatchObject({ actor: "id|bob", reason: "every requirement is met", hasEffect: true });
    expect(last.approval).toMatchObject({ decision: "APPROVED", grant: "VALID", effect: "READY", outcome: { by: "id|bob" } });
  });

  test("a rejection ends the request, with the words of all who rejected, and closes what waits", () => {
    const by = policy({ stages: [stage("first", [requirement("a", { veto: 2 })]), stage("second", [requirement("b")])] });
    const one = after(ask(by, here).approval, [[alice, { verdict: "reject", comment: "too big" }]], by, here);
    expect(one.decision).toBe("IN_REVIEW");
    const { approval, events } = made(cast(one, bob, by, here, { verdict: "reject" }));
    expect(typesOf(events)).toEqual(["vote_recorded", "stage_completed", "request_rejected"]);
    expect(eventOf(events, "stage_completed")).toMatchObject({ stage: "first", status: "REJECTED" });
    expect(approval).toMatchObject({
      decision: "REJECTED",
      outcome: { by: "id|bob", reason: "alice: too big; bob" },
      stages: [{ status: "REJECTED" }, { status: "CLOSED" }],
    });
  });

  test("a vote is changed until its stage ends", () => {
    const by = policy({ stages: [stage("review", [requirement("a", { veto: 2 })])] });
    const voted = after(
      ask(by, here).approval,
      [
        [alice, { verdict: "reject" }],
        [bob, { verdict: "abstain" }],
        [alice, { verdict: "abstain" }],
      ],
      by,
      here,
    );
    expect(voted.votes.map(({ voter, verdict }) => `${voter.name} ${verdict}`)).toEqual(["bob abstain", "alice abstain"]);
    expect(after(voted, [[bob]], by, here).decision).toBe("APPROVED");
  });

  test("of the last approval and the last rejection the first decides", () => {
    const by = policy();
    expect(after(ask(by, here).approval, [[alice]], by, here).decision).toBe("APPROVED");
    expect(after(ask(by, here).approval, [[bob, { verdict: "reject" }]], by, here).decision).toBe("REJECTED");
    for (const first of ["approve", "reject"] as const) {
      const decided = after(ask(by, here).approval, [[alice, { verdict: first }]], by, here);
      expect(cast(decided, bob, by, here, { verdict: first === "approve" ? "reject" : "approve" })).toMatchObject({ refusal: "REQUEST_CLOSED" });
    }
  });
});

describe("changes are requested", () => {
  const by = policy({ stages: [stage("review", [requirement("a", { who: who("id|alice", "id|bob") })])] });

  test("and the request waits for them, though one who can still approve is the only one", () => {
    const only = policy({ stages: [stage("review", [requirement("a", { who: who("id|alice") })])] });
    const asked = made(cast(ask(only, here).approval, alice, only, here, { verdict: "request_changes", comment: "rename it" }));
    expect(eventOf(asked.events, "changes_requested")).toMatchObject({ actor: "id|alice", reason: "alice: rename it" });
    expect(asked.approval.decision).toBe("CHANGES_REQUESTED");
    const resumed = after(asked.approval, [[alice]], only, here);
    expect(resumed.decision).toBe("APPROVED");
  });

  test("and nobody else's approval goes past them until the vote is changed", () => {
    const asked = after(ask(by, here).approval, [[alice, { verdict: "request_changes" }], [bob]], by, here);
    expect(asked.decision).toBe("CHANGES_REQUESTED");
    const { events, approval } = made(cast(asked, alice, by, here, { verdict: "abstain" }));
    expect(approval.decision).toBe("APPROVED");
    expect(typesOf(events)).toEqual(["vote_recorded", "stage_completed", "request_approved"]);
  });

  test("and review resumes when the vote is changed", () => {
    const all = policy({ stages: [stage("review", [requirement("a", { need: { count: 2 } })])] });
    const asked = after(
      ask(all, here).approval,
      [
        [alice, { verdict: "request_changes" }],
        [bob, { verdict: "request_changes" }],
      ],
      all,
      here,
    );
    const one = made(cast(asked, alice, all, here));
    expect(typesOf(one.events)).toEqual(["vote_recorded"]);
    const two = made(cast(one.approval, bob, all, here, { verdict: "abstain" }));
    expect(typesOf(two.events)).toEqual(["vote_recorded", "review_resumed"]);
    expect(two.approval.decision).toBe("IN_REVIEW");
  });

  test("and a revision answers them: votes are void, and the policy of now applies", () => {
    const asked = after(ask(twoStages, here).approval, [[alice], [bob, { verdict: "request_changes" }]], twoStages, here);
    const now = { ...policy({ ttlMs: hour, stages: [stage("only", [requirement("a")])] }), version: 4, digest: "d4" };
    const { approval, events } = made(revise(asked, { author: boss, digest: "bb", context: { size: 2 } }, now, { ...here, now: t0 + 9 }));
    expect(typesOf(events)).toEqual(["revision_added", "stage_started", "approvers_resolved"]);
    expect(approval).toMatchObject({
      decision: "IN_REVIEW",
      revision: 2,
      subject: { type: "release", id: "shop@1", digest: "bb" },
      context: { size: 2 },
      votes: [],
      policy: { version: 4, digest: "d4" },
      expiresAt: t0 + 9 + hour,
      stages: [{ id: "only", status: "ACTIVE" }],
    });
    expect(cast(approval, alice, now, here, { digest: "aa" })).toMatchObject({ refusal: "SUBJECT_CHANGED" });
    expect(after(approval, [[alice]], now, here).votes).toMatchObject([{ revision: 2 }]);
  });
});

describe("a revision", () => {
  const { approval } = ask(twoStages, here, { requester: { ...boss, groups: ["ops"] }, onBehalfOf: carol });
  const command = { author: boss, digest: "bb", context: {} };

  test("is given by who opened the request, for whom it was opened, or an admin", () => {
    for (const author of [boss, carol]) expect(revise(approval, { ...command, author }, twoStages, here)).not.toHaveProperty("refusal");
    expect(revise(approval, { ...command, author: alice }, twoStages, here)).toEqual({
      refusal: "NOT_OWNER",
      message: "alice may not revise this request: only whoever opened it may, and admins",
    });
    const revised = made(revise(approval, { ...command, author: alice, isAdmin: true }, twoStages, here)).approval;
    expect(revised.author.key).toBe("id|alice");
    expect(revise(revised, { ...command, digest: "cc", author: alice }, twoStages, here)).not.toHaveProperty("refusal");
  });

  test("needs another digest, and an open request", () => {
    expect(revise(approval, { ...command, digest: "aa" }, twoStages, here)).toEqual({
      refusal: "WRONG_STATE",
      message: "the digest of the request is aa already: a revision needs another",
    });
    expect(revise(approval, command, twoStages, { ...here, now: approval.expiresAt })).toMatchObject({ message: "the request has expired" });
  });

  test("may be decided at once, and is routed for who opened the request", () => {
    const seen: Scope[] = [];
    const now = policy({ route: [rule("small", "yes", "approve")] }, { yes: true }, seen);
    expect(made(revise(approval, { ...command, author: carol }, now, here)).approval).toMatchObject({ decision: "APPROVED", outcome: { by: "route:small" } });
    expect(seen).toMatchObject([{ requester: { key: "id|boss" }, subject: { digest: "bb" }, context: {} }]);
  });
});
