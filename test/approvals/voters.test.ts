import { describe, expect, test } from "vitest";
import { join, reassign, refresh } from "../../src/approvals/machine.ts";
import type { World } from "../../src/approvals/people.ts";
import type { Approval } from "../../src/approvals/request.ts";
import type { Person, Policy } from "../../src/approvals/types.ts";
import { after, ask, cast, explained, made, member, person, policy, requirement, stage, standIn, who, world } from "./cases.ts";

const [alice, bob, carol] = [member("alice", "group:sre"), member("bob", "group:sre"), member("carol", "group:sre")];
const here = world([alice, bob, carol, member("boss")]);
const two = policy({ stages: [stage("review", [requirement("team", { need: { count: 2 } })])] });

/** What a vote of this person is refused with. */
function refused(approval: Approval, voter: Person, by: Policy, at: World, change: Parameters<typeof cast>[4] = {}): string {
  const answer = cast(approval, voter, by, at, change);
  return "refusal" in answer ? `${answer.refusal}: ${answer.message}` : "";
}

describe("one person", () => {
  test("counts once in a requirement, in however many of its groups, and however often he votes", () => {
    const teams = policy({ stages: [stage("review", [requirement("team", { who: who("group:a", "group:b"), need: { count: 2 } })])] });
    const [ada, ben] = [member("ada", "group:a", "group:b"), member("ben", "group:a")];
    const at = world([ada, ben]);
    const voted = after(ask(teams, at).approval, [[ada], [ada, { comment: "again" }]], teams, at);
    expect(voted).toMatchObject({ decision: "IN_REVIEW", votes: [{ comment: "again" }] });
    expect(after(voted, [[ben]], teams, at).decision).toBe("APPROVED");
  });

  test("is the same by two aliases, and by a login in another case", () => {
    const ada = { ...member("ada", "group:sre"), aliases: ["ada", "ada@x.org", "tokens|ada"] };
    const at = world([ada, bob]);
    const { approval } = ask(two, at);
    const aliases = ["tokens|Ada", "tokens|ada", "id|ada"].map((key) => ({ ...ada, key }));
    expect(
      after(
        approval,
        aliases.map((alias, i) => [alias, { comment: `${i}` }]),
        two,
        at,
      ),
    ).toMatchObject({ decision: "IN_REVIEW", votes: [{ voter: { key: "id|ada" } }] });

    const open = ["Zoe", "zoe", "ZOE"].map((name) => ({ ...person(name, "group:sre"), key: `open|${name}` }));
    const none = world(undefined);
    expect(
      after(
        ask(two, none).approval,
        open.map((alias, i) => [alias, { comment: `${i}` }]),
        two,
        none,
      ).votes,
    ).toHaveLength(1);
  });

  test("is the same when the directory that knows his aliases came after his first vote", () => {
    const old = { ...person("ada", "group:sre"), key: "tokens|ada" };
    const voted = after(ask(two, world("unknown")).approval, [[old]], two, world("unknown"));
    const at = world([{ ...member("ada", "group:sre"), aliases: ["tokens|ada"] }, bob]);
    expect(after(voted, [[person("ada", "group:sre"), { comment: "by the new key" }]], two, at)).toMatchObject({
      decision: "IN_REVIEW",
      votes: [{ voter: { key: "id|ada" } }],
    });
  });

  test("is named by an address in whatever case of ASCII letters", () => {
    const named = policy({ stages: [stage("review", [requirement("team", { who: who("Alice@X.org") })])] });
    const at = world([{ ...alice, groups: [], aliases: ["alice@x.org"] }]);
    expect(after(ask(named, at).approval, [[person("alice")]], named, at).decision).toBe("APPROVED");
  });

  test("covers one of two requirements of a stage", () => {
    const rules = [requirement("a", { who: who("group:a") }), requirement("b", { who: who("group:b") })];
    const by = policy({ stages: [stage("review", rules)] });
    const [both, other] = [member("both", "group:a", "group:b"), member("other", "group:b")];
    const at = world([both, other]);
    const voted = after(ask(by, at).approval, [[both]], by, at);
    expect(voted.decision).toBe("IN_REVIEW");
    expect(after(voted, [[other]], by, at).decision).toBe("APPROVED");
    const each = { ...by, document: { ...by.document, distinctPeople: "requirement" as const } };
    expect(after(ask(each, at).approval, [[both]], each, at).decision).toBe("APPROVED");
  });

  test.each(["stage", "requirement", "request"] as const)("counts in two stages, unless once in the whole request: %s", (distinctPeople) => {
    const by = policy({ distinctPeople, stages: [stage("first", [requirement("a")]), stage("second", [requirement("b")])] });
    const first = after(ask(by, here).approval, [[alice, { stage: "first" }]], by, here);
    if (distinctPeople === "request") {
      expect(refused(first, alice, by, here, { stage: "second" })).toBe(
        "ALREADY_COUNTED: alice approved an earlier stage, and counts once in the whole request",
      );
      expect(after(first, [[bob, { stage: "second" }]], by, here).decision).toBe("APPROVED");
    } else expect(after(first, [[alice, { stage: "second" }]], by, here).decision).toBe("APPROVED");
  });

  test("who approved the first stage is nobody for the second, which its event says when it begins", () => {
    const by = policy({
      distinctPeople: "request",
      stages: [stage("first", [requirement("a")]), stage("second", [requirement("b", { who: who("id|alice") })])],
    });
    expect(after(ask(by, here).approval, [[alice]], by, here)).toMatchObject({
      decision: "REJECTED",
      outcome: { reason: "not enough people can still approve b (alice approved an earlier stage, and counts once in the whole request)" },
    });
  });

  test("votes of one stage do not count in another that has requirements of the same names", () => {
    const by = policy({ stages: [stage("first", [requirement("a")]), stage("second", [requirement("a", { need: { count: 2 } })])] });
    const first = after(ask(by, here).approval, [[alice]], by, here);
    expect(after(first, [[bob]], by, here).decision).toBe("IN_REVIEW");
    expect(after(first, [[bob], [carol]], by, here).decision).toBe("APPROVED");
  });

  test("who did not approve the first stage may approve the second, where people count once in a request", () => {
    const by = policy({ distinctPeople: "request", stages: [stage("first", [requirement("a", { veto: 2 })]), stage("second", [requirement("b")])] });
    const voted = after(ask(by, here).approval, [[alice, { verdict: "reject" }], [bob], [alice, { stage: "second" }]], by, here);
    expect(voted.decision).toBe("APPROVED");
  });
});

describe("requirements that overlap", () => {
  const rules = [requirement("one", { who: who("group:a") }), requirement("two", { who: who("group:b"), need: { count: 2 } })];
  const by = policy({ stages: [stage("review", rules)] });
  const people = [member("x", "group:a", "group:b"), member("y", "group:b"), member("z", "group:a", "group:b")];
  const at = world(people);
  const orders = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ];

  test.each(orders)("are met by as few people as can be, in every order: %i %i %i", (...order) => {
    const votes = order.map((i) => [people[i] as Person] as const);
    expect(after(ask(by, at).approval, votes.slice(0, 2), by, at).decision).toBe("IN_REVIEW");
    expect(after(ask(by, at).approval, votes, by, at).decision).toBe("APPROVED");
  });

  test("a vote that names its requirement counts for no other, and may be changed to name another", () => {
    const same = policy({ stages: [stage("review", [requirement("one"), requirement("two")])] });
    const pair = world([alice, bob]);
    const named = after(
      ask(same, pair).approval,
      [
        [alice, { requirement: "one" }],
        [bob, { requirement: "one" }],
      ],
      same,
      pair,
    );
    expect(named.decision).toBe("IN_REVIEW");
    expect(after(named, [[bob, { requirement: "two" }]], same, pair).decision).toBe("APPROVED");
  });

  test("who named one requirement can still vote for both, where they need no distinct people", () => {
    const same = policy({ distinctPeople: "requirement", stages: [stage("review", [requirement("one"), requirement("two")])] });
    const alone = world([alice]);
    const named = after(ask(same, alone).approval, [[alice, { requirement: "one" }]], same, alone);
    expect(named.decision).toBe("IN_REVIEW");
    expect(after(named, [[alice]], same, alone).decision).toBe("APPROVED");
  });
});

describe("stand-ins", () => {
  const at = world([alice, bob, carol, member("dee")], { standIns: [standIn(alice, "id|dee"), standIn(bob, "id|dee")] });
  const dee = person("dee");

  test("vote in the place of the absent, once for all of them", () => {
    const voted = made(cast(ask(two, at).approval, dee, two, at)).approval;
    expect(voted.votes).toMatchObject([{ voter: { key: "id|dee" }, standsInFor: ["id|alice", "id|bob"], requirements: ["team"] }]);
    expect(voted.decision).toBe("IN_REVIEW");
    expect(after(voted, [[carol]], two, at).decision).toBe("APPROVED");
  });

  test("make a request unsatisfiable at once where too few people are left", () => {
    const pair = { ...at, directory: { version: 1, members: [alice, bob, member("dee")] } };
    expect(ask(two, pair).approval.decision).toBe("REJECTED");
  });

  test("cannot vote for whom voted himself, or for whom somebody else did", () => {
    const only = { ...at, standIns: [standIn(alice, "id|dee"), standIn(alice, "id|eve")] };
    const { approval } = ask(two, only);
    const own = after(approval, [[alice]], two, only);
    expect(refused(own, dee, two, only)).toBe("ALREADY_COUNTED: alice, for whom dee stands in, voted already");
    expect(refused(after(approval, [[dee]], two, only), person("eve"), two, only)).toContain("ALREADY_COUNTED");
  });

  test("give way to the absent who votes himself, and keep the place of another", () => {
    const three = policy({ stages: [stage("review", [requirement("team", { need: { count: 3 } })])] });
    const only = { ...at, standIns: [standIn(alice, "id|dee")] };
    expect(after(ask(three, only).approval, [[dee], [alice]], three, only).votes).toMatchObject([{ voter: { key: "id|alice" } }]);
    const both = after(ask(two, at).approval, [[dee], [alice]], two, at);
    expect(both).toMatchObject({ decision: "APPROVED", votes: [{ voter: { key: "id|dee" } }, { voter: { key: "id|alice" } }] });
  });

  test("do not add to everybody: the absent who votes himself is all there is", () => {
    const all = policy({ stages: [stage("review", [requirement("team", { need: "all", who: who("id|alice") })])] });
    const only = world([alice, member("dee")], { standIns: [standIn(alice, "id|dee")] });
    expect(after(ask(all, only).approval, [[alice]], all, only).decision).toBe("APPROVED");
    expect(after(ask(all, only).approval, [[dee]], all, only).decision).toBe("APPROVED");
  });

  test("keep the place that they voted for when they no longer stand in", () => {
    const everybody = (...named: readonly string[]) => policy({ stages: [stage("review", [requirement("team", { need: "all", who: who(...named) })])] });
    const [one, pair] = [everybody("id|alice"), everybody("id|alice", "id|bob")];
    const members = [alice, bob, carol, member("dee")];
    const acting = world(members, { standIns: [standIn(alice, "id|dee"), standIn(bob, "id|dee")] });
    const back = world(members, { standIns: [standIn(bob, "id|dee")] });

    const voted = after(ask(pair, acting).approval, [[dee, { verdict: "request_changes" }]], pair, acting);
    expect(explained(refresh(voted, pair, back).approval, "team", pair, back)).toMatchObject({ need: 2, canVote: ["alice", "dee (for bob)"] });

    const changes = after(ask(one, acting).approval, [[dee, { verdict: "request_changes" }]], one, acting);
    expect(explained(refresh(changes, one, world(members)).approval, "team", one, world(members))).toMatchObject({ need: 1, canVote: ["alice"] });
  });

  test("add nobody where one of the two for whom they stand voted himself, and the other did not", () => {
    const all = policy({ stages: [stage("review", [requirement("team", { need: "all" })])] });
    const pair = { ...at, directory: { version: 1, members: [alice, bob, member("dee")] } };
    const voted = after(ask(all, pair).approval, [[alice]], all, pair);
    expect(explained(voted, "team", all, pair)).toMatchObject({ need: 2, have: 1, canVote: ["dee (for alice, bob)"] });
    expect(after(voted, [[bob]], all, pair).decision).toBe("APPROVED");
    expect(after(voted, [[dee]], all, pair)).toMatchObject({ decision: "APPROVED", votes: [{}, { standsInFor: ["id|bob"] }] });
  });

  test("vote for what the absent may vote for, and for nothing else", () => {
    const by = policy({ stages: [stage("review", [requirement("team"), requirement("law", { who: who("id|zoe") })])] });
    const members = [alice, bob, member("dee"), member("zoe"), member("idle")];
    const acting = world(members, { standIns: [standIn(person("idle"), "id|dee"), standIn(alice, "id|dee"), standIn(person("idle"), "id|bob2")] });
    const { approval } = ask(by, acting);
    expect(made(cast(approval, dee, by, acting)).approval.votes).toMatchObject([{ standsInFor: ["id|alice"], requirements: ["team"] }]);
    expect(refused(approval, person("bob2"), by, acting)).toContain("NOT_ELIGIBLE");
    const given = made(reassign(approval, { by: alice, isAdmin: false, from: alice, to: bob, reason: "" }, by, acting)).approval;
    expect(refused(given, dee, by, acting)).toContain("NOT_ELIGIBLE");
  });

  test("may change their vote, and vote again in the next stage", () => {
    const by = policy({ stages: [stage("first", [requirement("a", { need: { count: 2 } })]), stage("second", [requirement("b")])] });
    const only = { ...at, standIns: [standIn(alice, "id|dee")] };
    const changed = after(ask(by, only).approval, [[dee, { verdict: "request_changes" }], [dee], [bob]], by, only);
    expect(changed.votes).toMatchObject([{ voter: { key: "id|dee" }, verdict: "approve" }, { voter: { key: "id|bob" } }]);
    expect(after(changed, [[dee, { stage: "second" }]], by, only).decision).toBe("APPROVED");
    const own = after(ask(by, only).approval, [[alice], [bob]], by, only);
    expect(after(own, [[dee, { stage: "second" }]], by, only).decision).toBe("APPROVED");
  });

  test("of a disabled person, or of one whom the directory does not have, have no place", () => {
    for (const members of [
      [{ ...alice, isEnabled: false }, bob, carol],
      [bob, carol],
    ]) {
      const gone = world(members, { standIns: [standIn(alice, "id|dee")] });
      expect(refused(ask(two, gone).approval, dee, two, gone)).toContain("NOT_ELIGIBLE");
    }
    const unlisted = world(undefined, { standIns: [standIn(alice, "id|dee")] });
    expect(made(cast(ask(two, unlisted).approval, dee, two, unlisted)).approval.votes).toMatchObject([{ standsInFor: ["id|alice"] }]);
  });

  test("vote in their own right where they have one", () => {
    const own = { ...here, standIns: [standIn(alice, "id|bob")] };
    expect(made(cast(ask(two, own).approval, bob, two, own)).approval.votes).toMatchObject([{ standsInFor: [] }]);
  });

  test("no longer count for somebody who asks for the request himself", () => {
    const voted = after(ask(two, at).approval, [[dee]], two, at);
    const joined = made(join(voted, alice, { ...two, document: { ...two.document, onUnsatisfiable: "expire" } }, { ...at, standIns: [] })).approval;
    expect(after(joined, [[bob]], two, { ...at, standIns: [] }).decision).toBe("IN_REVIEW");
  });
});
