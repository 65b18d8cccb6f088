import { describe, expect, test } from "vitest";
import { boss, policy, requirement, rule, stage, t0, who } from "../../test/approvals/cases.ts";
import { peopleOf, routeOf } from "./routing.ts";
import type { Policy, Scope } from "./types.ts";
import { joinWho, userName, whoOf } from "./who.ts";

const scope: Scope = { context: { size: 1 }, subject: { type: "release", id: "shop@1", digest: "aa" }, requester: boss };
const broken = new Error("no such key: size");

const of = (by: Policy) => routeOf(by, scope, t0);
const whereOf = (by: Policy) => of(by).failures.map(({ where, failure }) => `${where}: ${failure}`);

describe("names", () => {
  test("a key stands as it is, a login or an address is compared in ASCII lower case", () => {
    expect(userName("Alice@X.org")).toBe("alice@x.org");
    expect(userName("id|Alice")).toBe("id|Alice");
  });

  test("an expression names users, groups and roles", () => {
    expect(whoOf(["Alice", "group:SRE", "role:lead", "id|Bob"])).toEqual({ users: ["alice", "id|Bob"], groups: ["SRE"], roles: ["lead"] });
  });

  test("a union names each once, and without the expression", () => {
    expect(joinWho({ ...who("a", "group:g"), expr: "x" }, who("a", "b", "group:g", "role:r"))).toEqual(who("a", "b", "group:g", "role:r"));
  });
});

describe("a route", () => {
  test("the first rule that holds decides, and there are no stages then", () => {
    const by = policy({ route: [rule("no", "no", "approve"), rule("yes", "yes", "approve"), rule("late", "yes", "reject")] }, { no: false, yes: true });
    expect(of(by)).toMatchObject({ rule: { id: "yes" }, failures: [], routed: { stages: [] } });
  });

  test("a rule that fails does not hold, and says so", () => {
    const by = policy({ route: [rule("odd", "bad", "approve"), rule("yes", "yes", "approve")] }, { bad: broken, yes: true });
    expect(of(by).rule?.id).toBe("yes");
    expect(whereOf(by)).toEqual(["route.odd.when: no such key: size"]);
  });

  test("expressions see context, subject and requester", () => {
    const seen: Scope[] = [];
    of(policy({ route: [rule("no", "no", "approve")] }, { no: false }, seen));
    expect(seen).toEqual([scope]);
  });

  test("the request has the policy's version, digest, time and rule of self approval", () => {
    expect(of(policy({ requesterMayVote: true, ttlMs: 7 })).routed).toMatchObject({
      policy: { key: "release", version: 3, digest: "d3" },
      requesterMayVote: true,
      expiresAt: t0 + 7,
      stages: [{ id: "review", status: "WAITING", done: [], after: [], isEscalated: false, isUnsatisfiable: false }],
    });
  });
});

describe("a stage", () => {
  const stages = (when: string, ofRequirement: string) =>
    policy(
      { stages: [stage("s", [requirement("a", { when: ofRequirement }), requirement("b", { when: "yes" })], { when })] },
      { yes: true, no: false, bad: broken },
    );
  const ids = (by: Policy) => of(by).routed.stages.map(({ id, requirements }) => `${id}: ${requirements.map((one) => one.id).join(" ")}`);

  test("applies, and its requirements do, where their expressions are true", () => {
    expect(ids(stages("yes", "yes"))).toEqual(["s: a b"]);
    expect(ids(stages("yes", "no"))).toEqual(["s: b"]);
    expect(ids(stages("no", "yes"))).toEqual(["s: "]);
  });

  test("applies, and its requirements do, where their expressions fail, and says so", () => {
    expect(ids(stages("bad", "no"))).toEqual(["s: b"]);
    expect(ids(stages("yes", "bad"))).toEqual(["s: a b"]);
    expect(whereOf(stages("bad", "bad"))).toEqual(["stages.s.when: no such key: size", "stages.s.a.when: no such key: size"]);
  });
});

describe("people", () => {
  const named = (expr: string) => {
    const to = { ...who("Zoe"), expr };
    const rules = [requirement("a", { who: { ...who("Alice", "group:g"), expr } })];
    return policy(
      {
        stages: [
          stage("s", rules, {
            after: [
              { afterMs: 1, do: "escalate", to },
              { afterMs: 2, do: "remind" },
            ],
          }),
        ],
      },
      { two: ["Bob", "group:h", "role:r"], bad: broken },
    );
  };

  test("are those that are listed and those that the expression names", () => {
    const [first] = of(named("two")).routed.stages;
    expect(first?.requirements[0]?.who).toEqual(who("alice", "bob", "group:g", "group:h", "role:r"));
    expect(first?.after).toEqual([
      { afterMs: 1, do: "escalate", to: who("zoe", "bob", "group:h", "role:r") },
      { afterMs: 2, do: "remind" },
    ]);
  });

  test("are those that are listed alone where the expression fails, and says so", () => {
    const [first] = of(named("bad")).routed.stages;
    expect(first?.requirements[0]?.who).toEqual(who("alice", "group:g"));
    expect(whereOf(named("bad"))).toEqual(["stages.s.a.who: no such key: size", "stages.s.after: no such key: size"]);
  });

  test("need no expression", () => {
    expect(peopleOf(policy(), who("Alice"), scope)).toEqual({ listed: who("alice"), evaluated: { value: who("alice") } });
  });
});
