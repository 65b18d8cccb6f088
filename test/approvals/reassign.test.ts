import { describe, expect, test } from "vitest";
import { reassign } from "../../src/approvals/machine.ts";
import type { Person } from "../../src/approvals/types.ts";
import { after, ask, boss, cast, made, member, person, policy, requirement, stage, standIn, typesOf, who, world } from "./cases.ts";

const [alice, bob, carol] = [member("alice", "group:sre"), member("bob", "group:sre"), member("carol", "group:sre")];

describe("a place is reassigned", () => {
  const by = policy({ stages: [stage("review", [requirement("a"), requirement("b", { who: who("id|alice") })])] });
  const dave = member("dave");
  const at = world([alice, bob, carol, dave, member("boss")]);
  const { approval } = ask(by, at);
  const command = { by: alice, isAdmin: false, from: alice, to: dave, reason: "away" };

  test("by the person himself, in every requirement or in one", () => {
    const all = made(reassign(approval, command, by, at));
    expect(typesOf(all.events)).toEqual(["reassigned", "reassigned", "approvers_resolved"]);
    expect(all.events[0]).toMatchObject({ actor: "id|alice", requirement: "a", reason: "away", from: { key: "id|alice" }, to: { key: "id|dave" } });
    expect(cast(all.approval, alice, by, at)).toMatchObject({ refusal: "NOT_ELIGIBLE" });
    expect(after(all.approval, [[dave, { requirement: "b" }], [bob]], by, at).decision).toBe("APPROVED");
    const one = made(reassign(approval, { ...command, requirement: "b" }, by, at)).approval;
    expect(after(one, [[alice], [dave]], by, at)).toMatchObject({ decision: "APPROVED", votes: [{ requirements: ["a"] }, { requirements: ["b"] }] });
  });

  test("by an admin, and by nobody else", () => {
    expect(reassign(approval, { ...command, by: bob, isAdmin: true }, by, at)).not.toHaveProperty("refusal");
    expect(reassign(approval, { ...command, by: bob }, by, at)).toEqual({
      refusal: "NOT_OWNER",
      message: "bob may not reassign the place of alice: only that person may, and admins",
    });
  });

  test("and given back", () => {
    const given = made(reassign(approval, command, by, at)).approval;
    const back = made(reassign(given, { ...command, by: dave, from: dave, to: alice }, by, at)).approval;
    expect(cast(back, alice, by, at)).not.toHaveProperty("refusal");
    expect(cast(back, dave, by, at)).toMatchObject({ refusal: "NOT_ELIGIBLE" });
  });

  test.each([
    [
      "to who asked for the request",
      { to: boss },
      "SOD_REQUESTER: boss may not decide on this request, having asked for it, or standing in for somebody who did",
    ],
    ["to somebody disabled", { to: person("off") }, "PERSON_DISABLED: off is disabled, or not in the directory"],
    ["to somebody unknown", { to: person("zoe") }, "PERSON_DISABLED: zoe is disabled, or not in the directory"],
    ["from somebody without a place", { by: dave, from: dave, to: bob }, "NOT_ELIGIBLE: dave has no place in stage review"],
    ["from who has no place in the requirement", { by: bob, from: bob, requirement: "b" }, "NOT_ELIGIBLE: bob has no place in stage review"],
    ["in a requirement that is not there", { requirement: "z" }, "REQUIREMENT_UNKNOWN: stage review has no requirement z"],
  ])("is refused %s", (_, change, expected) => {
    const off = world([...(at.directory as { members: readonly (typeof alice)[] }).members, { ...member("off"), isEnabled: false }]);
    const answer = reassign(approval, { ...command, ...change }, by, off);
    expect("refusal" in answer && `${answer.refusal}: ${answer.message}`).toBe(expected);
  });

  test("is refused to whoever stands in for who asked, once there is a vote of or for the person, and once it is decided", () => {
    const acting = { ...at, standIns: [standIn(boss, "id|dave")] };
    expect(reassign(approval, command, by, acting)).toMatchObject({ refusal: "SOD_REQUESTER" });
    expect(reassign(after(approval, [[alice]], by, at), command, by, at)).toMatchObject({
      refusal: "ALREADY_COUNTED",
      message: "alice, or a stand-in, voted already",
    });
    const away = { ...at, standIns: [standIn(alice, "id|dave")] };
    expect(reassign(after(approval, [[dave]], by, away), { ...command, to: carol }, by, away)).toMatchObject({ refusal: "ALREADY_COUNTED" });
    expect(reassign(after(approval, [[bob, { verdict: "reject" }]], by, at), command, by, at)).toMatchObject({ refusal: "REQUEST_CLOSED" });
    expect(reassign(approval, command, by, { ...at, now: approval.expiresAt })).toMatchObject({ refusal: "REQUEST_CLOSED" });
  });

  test("to one who has a place already leaves one fewer, and says so at once where that is too few", () => {
    const pair = policy({ stages: [stage("review", [requirement("a", { need: { count: 2 } })])] });
    const two = world([alice, bob]);
    expect(made(reassign(ask(pair, two).approval, { ...command, to: bob }, pair, two)).approval.decision).toBe("REJECTED");
  });

  test("by credentials where no directory lists people", () => {
    const none = world(undefined);
    expect(reassign(ask(by, none).approval, { ...command, to: person("zoe") }, by, none)).not.toHaveProperty("refusal");
  });

  test("not once there is a vote, where the place is named by the login of whoever cast it, or for whom", () => {
    const logins = policy({ stages: [stage("review", [requirement("a", { who: who("ann", "ben"), need: { count: 2 } })])] });
    const [ann, dan] = ["ann", "dan"].map((name) => ({ ...person(name), key: `open|${name}` })) as [Person, Person];
    const none = world(undefined, { standIns: [standIn(ann, "dan")] });
    const move = { by: boss, isAdmin: true, from: person("ann"), to: person("eve"), reason: "" };
    const named = { ...move, from: { ...move.from, key: "ann" }, to: { ...move.to, key: "eve" } };
    for (const voter of [ann, dan]) {
      const voted = after(ask(logins, none).approval, [[voter]], logins, none);
      expect(reassign(voted, named, logins, none)).toMatchObject({ refusal: "ALREADY_COUNTED" });
    }
    expect(reassign(ask(logins, none).approval, named, logins, none)).not.toHaveProperty("refusal");
  });

  test("while others have voted, and also by who voted in an earlier stage", () => {
    expect(reassign(after(approval, [[bob]], by, at), command, by, at)).not.toHaveProperty("refusal");
    const twice = policy({ stages: [stage("first", [requirement("a")]), stage("second", [requirement("b")])] });
    const second = after(ask(twice, at).approval, [[alice]], twice, at);
    expect(reassign(second, command, twice, at)).not.toHaveProperty("refusal");
  });

  test("not to who approved an earlier stage, where people count once in the whole request", () => {
    const rules = [stage("first", [requirement("a", { who: who("id|bob") })]), stage("second", [requirement("b", { who: who("id|alice") })])];
    const once = policy({ distinctPeople: "request", stages: rules });
    const second = after(ask(once, at).approval, [[bob]], once, at);
    expect(reassign(second, { ...command, to: bob }, once, at)).toEqual({
      refusal: "ALREADY_COUNTED",
      message: "bob approved an earlier stage, and counts once in the whole request",
    });
  });
});
