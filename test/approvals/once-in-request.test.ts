/** Stand-ins where a person counts once in the whole request: an approval is also of the person in whose place it is. */
import { describe, expect, test } from "vitest";
import { refresh } from "../../src/approvals/machine.ts";
import type { Approval } from "../../src/approvals/request.ts";
import type { Person, Policy } from "../../src/approvals/types.ts";
import { after, ask, cast, explained, made, member, person, policy, requirement, stage, standIn, who, world } from "./cases.ts";

const [alice, bob, carol] = [member("alice", "group:sre"), member("bob", "group:sre"), member("carol", "group:sre")];
const dee = person("dee");
const at = world([alice, bob, carol, member("dee")], { standIns: [standIn(alice, "id|dee")] });

function stages(...second: readonly string[]): Policy {
  return policy({ distinctPeople: "request", stages: [stage("first", [requirement("a")]), stage("second", [requirement("b", { who: who(...second) })])] });
}

function refused(approval: Approval, voter: Person, by: Policy): string {
  const answer = cast(approval, voter, by, at, { stage: "second" });
  return "refusal" in answer ? `${answer.refusal}: ${answer.message}` : "";
}

describe("where a person counts once in the whole request, a stand-in", () => {
  const by = stages("id|alice", "id|carol");
  const first = (voter: Person) => after(ask(by, at).approval, [[voter]], by, at);

  test("does not vote for who approved an earlier stage", () => {
    expect(refused(first(alice), dee, by)).toBe(
      "ALREADY_COUNTED: alice, for whom dee stands in, approved an earlier stage, and counts once in the whole request",
    );
    expect(explained(first(alice), "b", by, at).canVote).toEqual(["carol"]);
  });

  test("counts for the absent, too", () => {
    expect(refused(first(dee), alice, by)).toBe("ALREADY_COUNTED: alice, by a stand-in, approved an earlier stage, and counts once in the whole request");
    expect(after(first(dee), [[carol]], by, at).decision).toBe("APPROVED");
  });

  test("counts for the absent, too, where they are named by logins that no directory has", () => {
    const logins = policy({
      distinctPeople: "request",
      stages: [stage("first", [requirement("a", { who: who("ann"), need: "all" })]), stage("second", [requirement("b", { who: who("ann") })])],
    });
    const ann = { ...person("ann"), key: "open|ann" };
    const acting = world(undefined, { standIns: [standIn(ann, "dee")] });
    const asked = ask(logins, acting).approval;
    // Nobody is left for the second stage, which is said at once.
    expect(after(asked, [[{ ...dee, key: "open|dee" }]], logins, acting)).toMatchObject({ decision: "REJECTED", outcome: { by: "muster" } });
    const waiting = { ...logins, document: { ...logins.document, onUnsatisfiable: "expire" } } as const;
    const second = after(ask(waiting, acting).approval, [[{ ...dee, key: "open|dee" }]], waiting, acting);
    const alone = made(refresh(second, waiting, { ...acting, standIns: [] })).approval;
    expect(explained(alone, "b", waiting, world(undefined)).canVote).toEqual([]);
    const twice = policy({ stages: [stage("first", [requirement("a", { who: who("ann", "ben"), need: "all" })])] });
    const voted = after(ask(twice, acting).approval, [[{ ...dee, key: "open|dee" }]], twice, acting);
    const back = made(refresh(voted, twice, { ...acting, standIns: [] })).approval;
    expect(explained(back, "a", twice, world(undefined))).toMatchObject({ need: 2, have: 1, canVote: ["ben"] });
  });

  test("is nobody where all for whom it stands approved an earlier stage, which is said at once", () => {
    const alone = stages("id|alice");
    expect(after(ask(alone, at).approval, [[alice]], alone, at)).toMatchObject({ decision: "REJECTED", outcome: { by: "muster" } });
  });

  test("votes for those of the absent who did not", () => {
    const both = { ...at, standIns: [standIn(alice, "id|dee"), standIn(bob, "id|dee")] };
    const any = stages("group:sre");
    const voted = after(ask(any, both).approval, [[alice], [dee, { stage: "second" }]], any, both);
    expect(voted).toMatchObject({ decision: "APPROVED", votes: [{}, { standsInFor: ["id|bob"] }] });
  });
});
