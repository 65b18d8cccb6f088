import { describe, expect, test } from "vitest";
import { documentOf, head, problems, stage } from "../../../test/support/policies.ts";
import { policyJson } from "./render.ts";

describe("a policy", () => {
  test("of few words has its defaults written out", () => {
    expect(documentOf(stage("{id: a, who: {groups: [payments], users: [Alice@X.org, 'tokens|Bob']}, need: 1}"))).toEqual({
      key: "k",
      subject: "s",
      ttlMs: 7 * 86_400_000,
      route: [],
      stages: [
        {
          id: "one",
          requirements: [{ id: "a", who: { users: ["alice@x.org", "tokens|Bob"], groups: ["payments"], roles: [] }, need: { count: 1 }, veto: 1 }],
          after: [],
        },
      ],
      onUnsatisfiable: "reject",
      onExpire: "expire",
      distinctPeople: "stage",
      requesterMayVote: false,
      reasonRequired: ["reject"],
      effect: { auto: true },
    });
  });

  test("may say everything", () => {
    const document = documentOf(`${head}route: [{id: r, when: 'subject.id == "x"', then: reject, reason: no}]
stages:
  - id: one
    when: requester.name != ""
    requirements: [{id: a, when: "true", who: {expr: '["group:g"]'}, need: 50%, veto: 2}, {id: b, who: {roles: [r]}, need: all}]
    after: [{in: 24h, do: remind}, {in: 2d, do: escalate, to: {groups: [g]}}, {in: 90m, do: reject}]
on_unsatisfiable: {escalate: {users: [a]}}
on_expire: reject
distinct_people: request
requester_may_vote: true
reauth: 5m
reason_required: [request_changes, approve]
effect: {auto: false, grant_ttl: 30s}
`);
    expect(document).toMatchObject({
      route: [{ id: "r", then: "reject", reason: "no" }],
      stages: [
        {
          requirements: [{ need: { percent: 50 }, veto: 2, who: { expr: '["group:g"]' } }, { need: "all" }],
          after: [
            { afterMs: 86_400_000, do: "remind" },
            { afterMs: 172_800_000, do: "escalate", to: { groups: ["g"] } },
            { afterMs: 5_400_000, do: "reject" },
          ],
        },
      ],
      onUnsatisfiable: { escalate: { users: ["a"] } },
      reauthMs: 300_000,
      reasonRequired: ["approve", "request_changes"],
      effect: { auto: false, grantTtlMs: 30_000 },
    });
  });

  test("is the same in YAML, in JSON, indented with tabs, and with aliases", () => {
    const document = documentOf(stage("{id: a, who: {groups: [g]}, need: 1}"));
    const json = JSON.stringify(policyJson(document), undefined, "\t");
    expect(documentOf(json)).toEqual(document);
    expect(documentOf(`${head}stages: [{id: one, requirements: [{id: a, who: &w {groups: [g]}, need: 1}]}]\non_unsatisfiable: {escalate: *w}`)).toEqual({
      ...document,
      onUnsatisfiable: { escalate: { users: [], groups: ["g"], roles: [] } },
    });
  });
});

describe("texts that would take long", () => {
  test.each([
    ["64 KiB and one byte", `key: ${"x".repeat(65_532)}`, "the document has more than 65536 bytes"],
    ["brackets in each other", "[".repeat(60_000), "the document is nested more than 40 deep"],
    ["lists in each other", "- ".repeat(30_000), "the document is nested more than 40 deep"],
    ["maps in each other", Array.from({ length: 300 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n"), "the document is nested more than 40 deep"],
    [
      "aliases of aliases",
      `a: &a [x,x,x,x,x,x,x,x,x,x]\n${"bcdefg".replaceAll(/./g, (name) => `${name}: &${name} [${`*${String.fromCharCode(name.charCodeAt(0) - 1)},`.repeat(10)}]\n`)}`,
      "the document has more than 10000 values, with its aliases written out",
    ],
    [
      "expressions of 16 KiB and more",
      `key: k\nsubject: s\nttl: 1d\nroute:\n${Array.from({ length: 5 }, (_, n) => `  - {id: r${n}, when: 'x != "${String(n).repeat(4_000)}"', then: reject}\n`).join("")}`,
      "route[4].when: the policy's expressions have together more than 16384 characters (line 9",
    ],
    ["an alias of itself", "a: &a [*a]", "the document is nested more than 40 deep"],
  ])("%s", (_what, text, expected) => {
    expect(problems(text).join("\n")).toContain(expected);
  });
});
