import { describe, expect, test } from "vitest";
import { eventText } from "../../src/approvals/event-text.ts";
import { explain } from "../../src/approvals/explain.ts";
import { close, reportEffect, tick } from "../../src/approvals/machine.ts";
import type { Approval } from "../../src/approvals/request.ts";
import { after, ask, boss, explained, hour, made, member, person, policy, requirement, stage, standIn, t0, who, world } from "./cases.ts";

const [alice, bob, carol] = [member("alice", "group:sre"), member("bob", "group:sre"), member("carol", "group:sre")];
const here = world([alice, bob, carol, member("boss", "group:sre")]);
const two = policy({ stages: [stage("review", [requirement("team", { need: { count: 2 } })])] });
const summary = (approval: Approval, by = two, at = here) => explain(approval, by.document, at).summary;

describe("an open request", () => {
  const { approval } = ask(two, here);

  test("says what it waits for, who can vote, and when it ends by itself", () => {
    expect(summary(approval)).toBe("Stage review is open. team has 0 of 2; alice, bob, carol can still vote. It expires at 2026-11-30T16:00:00.000Z.");
    expect(explain(approval, two.document, here)).toMatchObject({ stage: "review", next: { at: t0 + 100 * hour, what: "expires" } });
  });

  test("names so many people as one reads, and counts the others", () => {
    const many = world(Array.from({ length: 1_000 }, (_, i) => member(`m${i}`, "group:sre")));
    const asked = ask(two, many);
    const twenty = Array.from({ length: 20 }, (_, i) => `m${i}`).join(", ");
    expect(summary(asked.approval, two, many)).toContain(`team has 0 of 2; ${twenty} and 980 more can still vote.`);
    expect(asked.events.map((event) => eventText(event, asked.approval))).toContain(`those who can decide on stage review: team: ${twenty} and 980 more`);
    expect(explained(asked.approval, "team", two, many).canVote).toHaveLength(1_000);
  });

  test("says why each other one cannot", () => {
    const at = world([alice, { ...bob, isEnabled: false }, carol, member("boss", "group:sre"), member("dee")], { standIns: [standIn(boss, "id|carol")] });
    const voted = after(ask(two, here).approval, [[alice]], two, here);
    expect(explained(voted, "team", two, at).excluded).toMatchObject([
      { name: "alice", why: "voted approve" },
      { name: "boss", why: "boss asked for this request, and may not decide on it" },
    ]);
    const three = policy({ stages: [stage("review", [requirement("team", { need: { count: 2 }, veto: 3 })]), stage("next", [requirement("law")])] });
    const both = after(ask(three, here).approval, [[bob, { verdict: "abstain" }], [alice]], three, here);
    expect(explained(both, "team", three, here).excluded.slice(0, 2)).toMatchObject([
      { name: "alice", why: "voted approve" },
      { name: "bob", why: "voted abstain" },
    ]);
    const next = after(both, [[carol], [bob, { verdict: "request_changes" }]], three, here);
    expect(explained(next, "law", three, here)).toMatchObject({ canVote: ["alice", "bob", "carol"], excluded: [{ name: "boss" }] });
    const refreshed = ask(two, { ...at, standIns: [] }).approval;
    expect(explained(refreshed, "team", two, at).excluded).toMatchObject([
      { name: "bob", why: "bob is disabled in the directory" },
      { name: "boss", why: "boss asked for this request, and may not decide on it" },
    ]);
  });

  test("says so also of those who are named one by one, where no directory lists people", () => {
    const by = policy({
      onUnsatisfiable: "expire",
      stages: [stage("review", [requirement("team", { who: who("amy", "open|ben", "group:sre"), need: { count: 2 } })])],
    });
    const none = world(undefined);
    const voted = after(ask(by, none, { requester: { ...person("amy"), key: "open|Amy" } }).approval, [[{ ...person("ben"), key: "open|ben" }]], by, none);
    expect(explained(voted, "team", by, none).excluded).toEqual([
      { name: "amy", why: "amy asked for this request, and may not decide on it", hasVoted: false },
      { name: "ben", why: "voted approve", hasVoted: true },
    ]);
  });

  test("names who approved, and for whom", () => {
    const at = { ...here, directory: { version: 1, members: [alice, bob, carol, member("dee")] }, standIns: [standIn(bob, "id|dee")] };
    const away = ask(two, at).approval;
    expect(explained(away, "team", two, at).canVote).toEqual(["alice", "dee (for bob)", "carol"]);
    const voted = after(away, [[person("dee")]], two, at);
    expect(explained(voted, "team", two, at)).toMatchObject({
      need: 2,
      have: 1,
      approvedBy: ["dee (for bob)"],
      rejectedBy: [],
      canVote: ["alice", "carol"],
      who: "group sre",
      text: "team has 1 of 2 by dee (for bob); alice, carol can still vote.",
    });
    expect(explained(voted, "team", two, { ...at, directory: undefined }).approvedBy).toEqual(["dee (for bob)"]);
    expect(explained(voted, "team", two, { ...at, directory: undefined, standIns: [] }).approvedBy).toEqual(["dee (for bob)"]);
  });

  test("names who rejected, where that does not end it", () => {
    const by = policy({ stages: [stage("review", [requirement("team", { veto: 2 })])] });
    const voted = after(ask(by, here).approval, [[alice, { verdict: "reject" }]], by, here);
    expect(explained(voted, "team", by, here)).toMatchObject({ have: 0, rejectedBy: ["alice"], canVote: ["bob", "carol"] });
  });

  test("leaves out of the summary what is met", () => {
    const by = policy({ stages: [stage("review", [requirement("team"), requirement("law", { who: who("id|bob") })])] });
    const voted = after(ask(by, here).approval, [[alice]], by, here);
    expect(summary(voted, by)).toContain("Stage review is open. law has 0 of 1; bob can still vote. It");
    expect(explained(voted, "team", by, here).text).toBe("team is met: 1 of 1 by alice.");
    const named = after(ask(by, here).approval, [[bob, { requirement: "team" }]], by, here);
    expect(explained(named, "law", by, here).canVote).toEqual(["bob"]);
  });

  test("says who wants changes, and why", () => {
    const asked = after(
      approval,
      [
        [alice, { verdict: "request_changes", comment: "rename it" }],
        [bob, { verdict: "request_changes" }],
      ],
      two,
      here,
    );
    expect(summary(asked)).toContain("Stage review is open. alice wants changes (rename it). bob wants changes. team has 0 of 2; ");
  });

  test("says that nobody is left", () => {
    const by = policy({ onUnsatisfiable: "expire", stages: [stage("review", [requirement("team", { who: who("id|boss") })])] });
    expect(explained(ask(by, here).approval, "team", by, here).text).toBe("team has 0 of 1; nobody is left who can vote.");
  });

  test("says that those who are left are too few", () => {
    const by = policy({ onUnsatisfiable: "expire", stages: [stage("review", [requirement("team", { who: who("id|alice", "id|bob"), need: { count: 2 } })])] });
    const voted = after(ask(by, here).approval, [[alice, { verdict: "abstain" }]], by, here);
    expect(explained(voted, "team", by, here).text).toBe("team has 0 of 2; bob can still vote, which is not enough.");
  });

  test("says whom it names where nothing lists them", () => {
    const by = policy({ stages: [stage("review", [requirement("team", { need: "all", who: who("zoe", "group:sre", "role:lead") })])] });
    const none = world(undefined);
    const one = explained(ask(by, none).approval, "team", by, none);
    expect(one).toMatchObject({
      need: undefined,
      canVote: undefined,
      excluded: [],
      text: "team has 0 of an unknown number; anybody of zoe, group sre, role lead can vote.",
    });
    expect(summary(ask(by, none).approval, by, none)).toContain(one.text);
  });

  test("says that the directory cannot be read", () => {
    const unknown = world("unknown");
    const pending = ask(two, unknown).approval;
    expect(summary(pending, two, unknown)).toContain(
      "Stage review is open. The directory of people cannot be read yet. team has 0 of 2; anybody of group sre can vote.",
    );
    expect(explained(pending, "team", two, unknown).excluded).toEqual([]);
  });
});

describe("what happens next", () => {
  test.each([
    [{ afterMs: hour, do: "remind" as const }, "reminds those who can vote"],
    [{ afterMs: hour, do: "reject" as const }, "is rejected"],
    [{ afterMs: hour, do: "escalate" as const, to: who("group:leads") }, "is escalated to group leads"],
  ])("is what is due first: %o", (action, what) => {
    const by = policy({ stages: [stage("review", [requirement("team")], { after: [{ afterMs: 2 * hour, do: "remind" }, action] })] });
    const { approval } = ask(by, here);
    expect(explain(approval, by.document, here).next).toEqual({ at: t0 + hour, what });
    const later = tick(approval, by, { ...here, now: t0 + hour }).approval;
    if (action.do !== "reject") expect(explain(later, by.document, here).next).toEqual({ at: t0 + 2 * hour, what: "reminds those who can vote" });
  });

  test.each([
    ["expire", "expires"],
    ["reject", "is rejected for lack of a decision"],
    ["approve", "is approved for lack of a decision"],
  ] as const)("is its end: %s", (onExpire, what) => {
    const by = policy({ onExpire });
    expect(explain(ask(by, here).approval, by.document, here).next).toEqual({ at: t0 + 100 * hour, what });
  });
});

test("an action that is due only when the request ends does not happen next", () => {
  const by = policy({ stages: [stage("review", [requirement("team")], { after: [{ afterMs: 100 * hour, do: "reject" }] })] });
  expect(explain(ask(by, here).approval, by.document, here).next).toEqual({ at: t0 + 100 * hour, what: "expires" });
});

describe("a decided request", () => {
  test("says by whom, when, why, and what became of it", () => {
    const by = policy({ effect: { auto: true, grantTtlMs: hour } });
    const approved = after(ask(by, here).approval, [[alice]], by, here);
    expect(explain(approved, by.document, here)).toEqual({
      summary: "The request is APPROVED by alice at 2026-11-26T12:00:00.000Z: every requirement is met. Its grant is VALID, its effect READY.",
      stage: undefined,
      requirements: [],
      next: { at: t0 + hour, what: "stops granting anything" },
    });
    const running = made(reportEffect(approved, { effect: "RUNNING", by: "m", detail: "" }, by, here)).approval;
    expect(explain(running, by.document, here)).toMatchObject({ summary: expect.stringContaining("its effect RUNNING."), next: undefined });
  });

  test("has one end of each sentence, and no effect that will not be", () => {
    const approved = after(ask(policy(), here).approval, [[alice]], policy(), here);
    const revoke = { by: boss, isAdmin: false, how: "revoke", reason: "" } as const;
    expect(summary(made(close(approved, revoke, policy(), here)).approval)).toMatch(/ every requirement is met\. Its grant is REVOKED\.$/);
    const rejected = after(ask(two, here).approval, [[bob, { verdict: "reject", comment: "Too\n\trisky." }]], two, here);
    expect(summary(rejected)).toBe("The request is REJECTED by bob at 2026-11-26T12:00:00.000Z: Too risky.");
    const closed = made(
      close(ask(two, here).approval, { ...revoke, by: { ...boss, key: "idp|r|7", name: "Root" }, isAdmin: true, how: "cancelled" }, two, here),
    );
    expect(summary(closed.approval)).toContain("by r|7 at");
  });

  test("says how it was closed", () => {
    const withdrawn = made(close(ask(two, here).approval, { by: boss, isAdmin: false, how: "withdrawn", reason: "" }, two, here)).approval;
    expect(summary(withdrawn)).toBe("The request is CANCELLED (withdrawn) by boss at 2026-11-26T12:00:00.000Z.");
    expect(summary(withdrawn, two, world(undefined))).toBe("The request is CANCELLED (withdrawn) by boss at 2026-11-26T12:00:00.000Z.");
    const expired = tick(ask(two, here).approval, two, { ...here, now: t0 + 100 * hour }).approval;
    expect(summary(expired)).toBe("The request is EXPIRED by timer at 2026-11-30T16:00:00.000Z: nobody decided in time.");
  });
});
