import { describe, expect, test } from "vitest";
import { explain } from "../../src/approvals/explain.ts";
import { join, reassign, revise, vote } from "../../src/approvals/machine.ts";
import type { World } from "../../src/approvals/people.ts";
import type { Approval } from "../../src/approvals/request.ts";
import type { Person, Policy } from "../../src/approvals/types.ts";
import { after, ask, boss, cast, frozen, made, member, person, policy, requirement, stage, standIn, typesOf, who, world } from "./cases.ts";

const [alice, bob, carol] = [member("alice", "group:sre"), member("bob", "group:sre"), member("carol", "group:sre")];
const here = world([alice, bob, carol, member("boss")]);
const two = policy({ stages: [stage("review", [requirement("team", { need: { count: 2 } })])] });

/** What a vote of this person is refused with. */
function refused(approval: Approval, voter: Person, by: Policy, at: World, change: Parameters<typeof cast>[4] = {}): string {
  const answer = cast(approval, voter, by, at, change);
  return "refusal" in answer ? `${answer.refusal}: ${answer.message}` : "";
}

describe("a vote is refused", () => {
  const { approval } = ask(two, here);

  test("of whom the stage does not name, with the names of those whom it does", () => {
    const by = policy({ stages: [stage("review", [requirement("team"), requirement("law", { who: who("zoe", "role:lawyer") })])] });
    const at = world([alice, member("zoe")]);
    expect(refused(ask(by, at).approval, person("dave"), by, at)).toBe(
      "NOT_ELIGIBLE: dave is none of those who decide on stage review: team (group sre), law (zoe, role lawyer)",
    );
    const empty = policy({ onUnsatisfiable: "expire", stages: [stage("review", [requirement("team", { who: who() })])] });
    expect(refused(ask(empty, at).approval, alice, empty, at)).toContain("stage review: team (nobody)");
  });

  test("of whom has joined the same login, or has left the group, by his credentials", () => {
    expect(refused(approval, { ...alice, groups: [] }, two, here)).toContain("NOT_ELIGIBLE");
    const named = policy({ stages: [stage("review", [requirement("team", { who: who("alice") })])] });
    expect(refused(ask(named, here).approval, { ...person("alice"), key: "id|alice2" }, named, here)).toContain("NOT_ELIGIBLE");
    expect(cast(ask(named, here).approval, person("alice"), named, here)).not.toHaveProperty("refusal");
  });

  test("and is not of whom has come since: credentials decide, and the list follows", () => {
    const dave = member("dave", "group:sre");
    const at = world([alice, dave]);
    const { events, approval: voted } = made(cast(approval, dave, two, at));
    expect(typesOf(events)).toEqual(["approvers_resolved", "vote_recorded"]);
    expect(voted.stages[0]?.requirements[0]?.candidates?.map(({ name }) => name)).toEqual(["alice", "dave"]);
  });

  test("of somebody without a name, and of somebody disabled", () => {
    expect(refused(approval, { ...alice, key: "" }, two, here)).toBe("NOT_IDENTIFIED: a vote needs an authenticated person");
    const at = world([{ ...alice, isEnabled: false }, bob, carol]);
    expect(refused(approval, alice, two, at)).toBe("PERSON_DISABLED: alice is disabled in the directory");
  });

  test("of the requester, of whom it was asked for, and of who asked later, unless the policy lets them", () => {
    const may = { ...two, document: { ...two.document, requesterMayVote: true } };
    const own = (by: Policy) => made(join(ask(by, here, { requester: alice, onBehalfOf: bob }).approval, carol, by, here)).approval;
    for (const one of [alice, bob, carol]) {
      expect(refused(own({ ...two, document: { ...two.document, onUnsatisfiable: "expire" } }), one, two, here)).toBe(
        `SOD_REQUESTER: ${one.name} asked for this request, and may not decide on it`,
      );
      expect(cast(own(may), one, may, here)).not.toHaveProperty("refusal");
    }
  });

  test("of the author of the revision, who did not ask for it", () => {
    const revised = made(revise(approval, { author: alice, isAdmin: true, digest: "bb", context: {} }, two, here)).approval;
    expect(refused(revised, alice, two, here)).toBe("SOD_AUTHOR: alice wrote the current revision, and may not decide on it");
    expect(refused(revised, boss, two, here)).toContain("SOD_REQUESTER");
  });

  test("of whoever stands in for the requester, through others too, though named himself", () => {
    const at = { ...here, standIns: [standIn(boss, "id|dave"), standIn(person("dave"), "id|alice")] };
    expect(refused(approval, alice, two, at)).toBe("SOD_STAND_IN: alice stands in for boss, who asked for this request");
    expect(cast(approval, bob, two, at)).not.toHaveProperty("refusal");
  });

  test("of the nameless requester with a hint to name himself", () => {
    const nobody = { ...person("anonymous"), key: "open|anonymous" };
    const own = ask(two, here, { requester: nobody }).approval;
    expect(refused(own, nobody, two, here)).toBe(
      "SOD_REQUESTER: anonymous asked for this request, and may not decide on it; name yourself in the metadata muster-principal",
    );
    const revised = made(revise(approval, { author: nobody, isAdmin: true, digest: "bb", context: {} }, two, here)).approval;
    expect(refused(revised, nobody, two, here)).toContain("SOD_AUTHOR: anonymous wrote the current revision, and may not decide on it; name yourself");
  });

  test("on another digest than that of the request", () => {
    expect(refused(approval, alice, two, here, { digest: "zz" })).toBe("SUBJECT_CHANGED: the content has changed: its digest is aa, and the vote names zz");
    expect(refused(approval, alice, two, here, { digest: "" })).toContain("the vote names none");
  });

  test("for a stage that is not active, and for a requirement that is not there, or not the voter's", () => {
    expect(refused(approval, alice, two, here, { stage: "second" })).toBe("STAGE_NOT_ACTIVE: stage second is not active: stage review is");
    expect(refused(approval, alice, two, here, { requirement: "law" })).toBe("REQUIREMENT_UNKNOWN: stage review has no requirement law");
    const by = policy({ stages: [stage("review", [requirement("team"), requirement("law", { who: who("id|bob") })])] });
    expect(refused(ask(by, here).approval, alice, by, here, { requirement: "law" })).toBe("NOT_ELIGIBLE: alice may not vote for requirement law");
  });

  test("without the comment that the policy wants", () => {
    const by = policy({ reasonRequired: ["reject", "request_changes"] });
    const asked = ask(by, here).approval;
    for (const comment of ["", " \n"])
      expect(refused(asked, alice, by, here, { verdict: "reject", comment })).toBe("COMMENT_REQUIRED: the policy wants a comment with reject");
    expect(cast(asked, alice, by, here, { verdict: "reject", comment: "no" })).not.toHaveProperty("refusal");
    expect(cast(asked, alice, by, here)).not.toHaveProperty("refusal");
  });

  test("whose voter logged in too long ago, or nobody knows when, where the policy limits that; who else could vote is explained all the same", () => {
    const by = policy({ reauthMs: 300_000, stages: [stage("review", [requirement("team", { need: { count: 2 } })])] });
    const asked = ask(by, here).approval;
    const at = (authenticatedAt: number): Person => ({ ...alice, authenticatedAt });
    expect(refused(asked, at(here.now - 300_001), by, here)).toMatch(
      /^REAUTHENTICATION_NEEDED: .* at most 300 s ago, and that of alice was at .*: log in again$/,
    );
    expect(refused(asked, alice, by, here)).toMatch(/^REAUTHENTICATION_NEEDED: .* that of alice is not known/);
    expect(refused(asked, { ...at(here.now), groups: [] }, by, here)).toMatch(/^NOT_ELIGIBLE/);
    for (const time of [here.now - 300_000, here.now, here.now + 1_000]) expect(cast(asked, at(time), by, here)).not.toHaveProperty("refusal");
    const voted = after(asked, [[at(here.now)]], by, here);
    expect(cast(voted, alice, by, here)).toEqual({ approval: voted, events: [] });
    expect(explain(voted, by.document, here).requirements[0]?.excluded).toMatchObject([{ name: "alice", why: "voted approve" }]);
    const gone = world([{ ...alice, groups: [] }, bob]);
    expect(JSON.stringify(explain(asked, by.document, gone))).not.toContain("log in again");
  });

  test("once the request is decided, with how and by whom, and once it has expired", () => {
    const one = policy();
    const done = after(ask(one, here).approval, [[alice]], one, here);
    expect(refused(done, bob, one, here)).toBe("REQUEST_CLOSED: the request is APPROVED, by alice");
    const late = { ...here, now: approval.expiresAt };
    expect(refused(approval, alice, two, late)).toBe("REQUEST_CLOSED: the request has expired");
    expect(cast(approval, alice, two, { ...late, now: late.now - 1 })).not.toHaveProperty("refusal");
  });
});

describe("the same vote again", () => {
  const one = policy();
  const decided = after(ask(one, here).approval, [[alice, { comment: "ok" }]], one, here);

  test("changes nothing, also when it ended the request", () => {
    const voted = after(ask(two, here).approval, [[alice, { comment: "ok" }]], two, here);
    expect(cast(voted, alice, two, here, { comment: "ok" })).toEqual({ approval: voted, events: [] });
    expect(cast(decided, alice, one, here, { comment: "ok" })).toEqual({ approval: decided, events: [] });
    expect(cast(decided, alice, one, here, { comment: "ok", requirement: "team", stage: "review" })).toEqual({ approval: decided, events: [] });
  });

  test.each([{ verdict: "reject" }, { comment: "no" }, { digest: "zz" }, { stage: "other" }, { requirement: "law" }] as const)(
    "is another one with %o",
    (change) => {
      expect(cast(decided, alice, one, here, { comment: "ok", ...change })).toMatchObject({ refusal: "REQUEST_CLOSED" });
    },
  );

  test("changes nothing when its stage is over, where the vote names it", () => {
    const by = policy({ stages: [stage("first", [requirement("a")]), stage("second", [requirement("b", { who: who("bob") })])] });
    const first = after(ask(by, here).approval, [[alice, { stage: "first" }]], by, here);
    expect(cast(first, alice, by, here, { stage: "first" })).toEqual({ approval: first, events: [] });
    expect(cast(first, alice, by, here, { stage: "first", verdict: "reject" })).toMatchObject({ refusal: "STAGE_NOT_ACTIVE" });
    expect(cast(first, bob, by, here, { stage: "first" })).toMatchObject({ refusal: "STAGE_NOT_ACTIVE" });
  });
});

test("a refused vote and a repeated one leave no trace in what they were given", () => {
  const { approval } = frozen(ask(two, frozen(here)));
  const command = frozen({ voter: boss, verdict: "approve" as const, digest: "aa", comment: "" });
  expect(vote(approval, command, two, here)).toMatchObject({ refusal: "SOD_REQUESTER" });
  expect(reassign(approval, { by: boss, isAdmin: true, from: alice, to: boss, reason: "" }, two, here)).toMatchObject({ refusal: "SOD_REQUESTER" });
  expect(vote(approval, { ...command, voter: alice }, two, here)).not.toHaveProperty("refusal");
});
