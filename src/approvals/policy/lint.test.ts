import { describe, expect, test } from "vitest";
import { head, problems, stage } from "../../../test/support/policies.ts";

describe("what is wrong is reported with its place", () => {
  const ok = "{id: a, who: {groups: [g]}, need: 1}";
  const cases: readonly (readonly [string, string, ...string[]])[] = [
    ["nothing", "", "the document is empty (line 1, column 1)"],
    [
      "no map",
      "- a",
      "it has fields: key, subject, context, ttl, route, stages, on_unsatisfiable, on_expire, distinct_people, requester_may_vote, reauth, reason_required, effect (line 1, column 1)",
    ],
    ["broken YAML", "key: [a", "Flow sequence in block collection must be sufficiently indented and end with a ] (line 1, column 8)"],
    ["two documents", "a: 1\n---\nb: 2", "another document begins here: there is one in a text (line 2, column 1)"],
    ["another YAML", `%YAML 1.1\n---\n${stage(ok)}`, "the document is YAML 1.2: leave the %YAML directive out (line 1, column 1)"],
    ["a tag", `${stage(ok)}on_expire: !mine aGk=`, "Unresolved tag: !mine: put a text that begins with ! in quotes (line 8, column 12)"],
    [
      "an alias of nothing, and nothing else of it",
      stage("{id: a, when: *x, who: {groups: [*y]}, need: 1}"),
      "stages[0].requirements[0].when: there is no anchor &x: put a text that begins with * in quotes (line 7, column 23)",
      "stages[0].requirements[0].who.groups[0]: there is no anchor &y: put a text that begins with * in quotes (line 7, column 42)",
    ],
    [
      "an expression whose second half is outside the quotes",
      `${stage(ok)}route:\n  - id: r\n    when: "x" == subject.id\n    then: approve\n`,
      "Unexpected scalar at node end: put all of the text in quotes (line 10, column 15)",
    ],
    [
      "an expression with a colon, without quotes",
      `${stage(ok)}route:\n  - id: r\n    when: subject.id == "x" ? true : false\n    then: approve\n`,
      "Nested mappings are not allowed in compact mappings: put a text that has a colon and a space in it in quotes (line 10, column 11)",
    ],
    ["a key twice", `${stage(ok)}ttl: 1d`, "ttl: it is there twice (line 8, column 1)"],
    ["a key that is no text", `${stage(ok)}1: a`, "a key is text: put it in quotes (line 8, column 1)"],
    ["an unknown key", `${stage(ok)}on_expiry: reject`, "on_expiry: it is not known; did you mean on_expire? (line 8, column 1)"],
    [
      "an unknown key, like none",
      `${stage(ok)}zzzzzz: 1`,
      "zzzzzz: it is not known here; known are key, subject, context, ttl, route, stages, on_unsatisfiable, on_expire, distinct_people, requester_may_vote, reauth, reason_required, effect (line 8, column 1)",
    ],
    ["no ttl", stage(ok).replace("ttl: 7d\n", ""), "ttl: it is required: say how long a request may be open, such as 7d (line 1, column 1)"],
    [
      "no key, no subject",
      stage(ok).replace("key: k\nsubject: s\n", ""),
      "key: it is required (line 1, column 1)",
      "subject: it is required (line 1, column 1)",
    ],
    ["a time span in other words", stage(ok).replace("7d", "7 days"), "ttl: it is a time span, such as 90m, 48h or 7d (line 3, column 6)"],
    ["a number for a time span", stage(ok).replace("7d", "60"), "ttl: it is a time span, such as 90m, 48h or 7d (line 3, column 6)"],
    ["no time at all", stage(ok).replace("7d", "0h"), "ttl: it is longer than nothing (line 3, column 6)"],
    ["a time without end", stage(ok).replace("7d", "999999999w"), "ttl: it is longer than ten years (line 3, column 6)"],
    [
      "no need",
      stage("{id: a, who: {groups: [g]}}"),
      "stages[0].requirements[0].need: it is required: say how many must approve, such as 1, 50% or all (line 7, column 9)",
    ],
    [
      "need 0",
      stage("{id: a, who: {groups: [g]}, need: 0}"),
      "stages[0].requirements[0].need: nobody would have to approve: it is at least 1, not 0 (line 7, column 43)",
    ],
    [
      "need -1",
      stage("{id: a, who: {groups: [g]}, need: -1}"),
      "stages[0].requirements[0].need: nobody would have to approve: it is at least 1, not -1 (line 7, column 43)",
    ],
    [
      "need 1.5",
      stage("{id: a, who: {groups: [g]}, need: 1.5}"),
      "stages[0].requirements[0].need: it is a whole number, a whole percentage such as 50%, or all (line 7, column 43)",
    ],
    [
      "need in quotes",
      stage("{id: a, who: {groups: [g]}, need: '1'}"),
      "stages[0].requirements[0].need: it is a number of people, a whole percentage such as 50%, or all (line 7, column 43)",
    ],
    [
      "need 0%",
      stage("{id: a, who: {groups: [g]}, need: 0%}"),
      "stages[0].requirements[0].need: nobody would have to approve: it is more than 0%, not 0% (line 7, column 43)",
    ],
    [
      "need 101%",
      stage("{id: a, who: {groups: [g]}, need: 101%}"),
      "stages[0].requirements[0].need: it can never be reached: it is at most 100%, not 101% (line 7, column 43)",
    ],
    [
      "need of more than there are",
      stage("{id: a, who: {users: [x, X, y]}, need: 3}"),
      "warning: stages[0].requirements[0].who.users[1]: x is there twice, and counts once (line 7, column 34)",
      "stages[0].requirements[0].need: it can never be reached: 3 must approve, and who names 2 (line 7, column 48)",
    ],
    [
      "veto 0",
      stage("{id: a, who: {groups: [g]}, need: 1, veto: 0}"),
      "stages[0].requirements[0].veto: it is a whole number of rejections, at least 1 (line 7, column 52)",
    ],
    [
      "veto of more than there are",
      stage("{id: a, who: {users: [x]}, need: 1, veto: 2}"),
      "stages[0].requirements[0].veto: it can never be reached: who names 1 (line 7, column 51)",
    ],
    ["nobody", stage("{id: a, who: {}, need: 1}"), "stages[0].requirements[0].who: it names nobody: give users, groups, roles or expr (line 7, column 22)"],
    [
      "nobody in a list",
      stage("{id: a, who: {groups: []}, need: 1}"),
      "stages[0].requirements[0].who: it names nobody: give users, groups, roles or expr (line 7, column 22)",
    ],
    ["a group that is no list", stage("{id: a, who: {groups: g}, need: 1}"), "stages[0].requirements[0].who.groups: it is a list (line 7, column 31)"],
    [
      "an alias with other letters",
      stage('{id: a, who: {users: ["\\u0130lker", "\\ufb00", a b]}, need: 1}'),
      "stages[0].requirements[0].who.users[0]: an alias has ASCII characters and no spaces: give the principal key (issuer|subject) instead (line 7, column 31)",
      "stages[0].requirements[0].who.users[1]: an alias has ASCII characters and no spaces: give the principal key (issuer|subject) instead (line 7, column 45)",
      "stages[0].requirements[0].who.users[2]: an alias has ASCII characters and no spaces: give the principal key (issuer|subject) instead (line 7, column 55)",
    ],
    [
      "a group among users",
      stage("{id: a, who: {users: ['group:sre']}, need: 1}"),
      "stages[0].requirements[0].who.users[0]: it is no user: write it under groups, without group: (line 7, column 31)",
    ],
    ["a key with a slash", stage(ok).replace("key: k", "key: a/b"), "key: it is a name: letters a to z, digits, and ._- after the first (line 1, column 6)"],
    [
      "requirements that name too few together",
      stage("{id: a, who: {users: [x]}, need: 1}\n      - {id: b, who: {users: [x]}, need: 1}"),
      "stages[0]: its requirements can never all be met by different people: they need 2, and the users named do not suffice (distinct_people: stage) (line 5, column 5)",
    ],
    [
      "requirements of which two have one user, though there are as many users as places",
      stage(["x", "x", "y, z"].map((users, n) => `{id: a${n}, who: {users: [${users}]}, need: 1}`).join("\n      - ")),
      "stages[0]: its requirements can never all be met by different people: they need 3, and the users named do not suffice (distinct_people: stage) (line 5, column 5)",
    ],
    [
      "stages that name one user, where each counts once in the request",
      `${stage("{id: a, who: {users: [x]}, need: 1}")}  - {id: two, requirements: [{id: a, who: {users: [x]}, need: 1}]}\ndistinct_people: request`,
      "stages: its requirements can never all be met by different people: they need 2, and the users named do not suffice (distinct_people: request) (line 5, column 3)",
    ],
    ["no requirements", `${head}stages: [{id: a}]`, "stages[0].requirements: it is required: without it nobody would have to approve (line 4, column 10)"],
    [
      "an empty list of requirements",
      `${head}stages: [{id: a, requirements: []}]`,
      "stages[0].requirements: it is empty: nobody would have to approve (line 4, column 32)",
    ],
    [
      "ids twice",
      `${stage(ok)}      - ${ok}\n  - {id: one, requirements: [${ok}]}`,
      "stages[0].requirements[1].id: the id a is there twice (line 8, column 14)",
      "stages[1].id: the id one is there twice (line 9, column 10)",
    ],
    ["no id", stage("{who: {groups: [g]}, need: 1}"), "stages[0].requirements[0].id: it is required (line 7, column 9)"],
    ["no stages, and no end", head, "no stages, and no route rule that holds for every request: nobody would have to approve (line 1, column 1)"],
    [
      "no stages, and a route that may not hold",
      `${head}route: [{id: r, when: subject.id == "x", then: approve}]\nstages: []`,
      "stages: no stages, and no route rule that holds for every request: nobody would have to approve (line 5, column 9)",
    ],
    [
      "what comes after a rule that holds always",
      `${head}route: [{id: r, when: true, then: approve}, {id: q, when: false, then: reject}]\nstages: [{id: a, requirements: [${ok}]}]`,
      "route[1]: no request reaches it: the rule r holds for every request (line 4, column 45)",
      "stages[0]: no request reaches it: the route rule r holds for every request (line 5, column 10)",
    ],
    [
      "a stage that no request reaches",
      stage(ok).replace("id: one", "id: one\n    when: '1 == 2'"),
      "stages[0].when: it is never true: no request reaches the stage (line 6, column 11)",
    ],
    [
      "a requirement that never applies",
      stage("{id: a, when: 'false', who: {groups: [g]}, need: 1}"),
      "stages[0].requirements[0].when: it is never true: the requirement never applies (line 7, column 23)",
    ],
    [
      "stages that may all be left out",
      stage("{id: a, when: subject.id != '', who: {groups: [g]}, need: 1}"),
      "warning: stages: every stage has a condition: a request to which none applies is rejected; a route rule could say what becomes of it (line 5, column 3)",
    ],
    ["an action without whom", stage(ok, "    after: [{in: 1h, do: escalate}]"), "stages[0].after[0]: escalate needs to: say whom (line 8, column 13)"],
    [
      "an action with whom it does not need",
      stage(ok, "    after: [{in: 1h, do: reject, to: {groups: [g]}}]"),
      "stages[0].after[0].to: reject has no to; only escalate has (line 8, column 38)",
    ],
    [
      "an unknown action",
      stage(ok, "    after: [{in: 1h, do: remnd}]"),
      "stages[0].after[0].do: it is one of remind, escalate, reject; did you mean remind? (line 8, column 26)",
    ],
    [
      "an action after the end",
      stage(ok, "    after: [{in: 7d, do: remind}]"),
      "warning: stages[0]: a timed action comes after the request has expired: in is not below ttl (line 5, column 5)",
    ],
    [
      "on_unsatisfiable: approve",
      `${stage(ok)}on_unsatisfiable: approve`,
      "on_unsatisfiable: what nobody can decide is never approved: it is reject, expire or {escalate: who} (line 8, column 19)",
    ],
    [
      "on_unsatisfiable: escalate, to nobody",
      `${stage(ok)}on_unsatisfiable: escalate`,
      "on_unsatisfiable: escalate needs whom: write {escalate: {groups: [...]}} (line 8, column 19)",
    ],
    ["on_expire: approve", `${stage(ok)}on_expire: approve`, "warning: on_expire: what nobody decided is approved when its time is over (line 8, column 12)"],
    [
      "a schema that is none",
      `${head}context: {type: object, properties: {a: {type: strng}}, patternProperties: {}}\nroute: [{id: r, when: true, then: approve}]`,
      "context.properties.a.type: type is one of string, integer, number, boolean, object, array, null, or a list of them (line 4, column 48)",
      "context.patternProperties: patternProperties is not known in the schema of a context (line 4, column 76)",
    ],
    [
      "a context that is no object",
      `${head}context: {type: string}\nroute: [{id: r, when: true, then: approve}]`,
      "context.type: a context is an object: its schema has type: object (line 4, column 17)",
    ],
  ];

  test.each(cases)("%s", (_what, text, ...expected) => {
    expect(problems(text)).toEqual(expected);
  });

  test("all at once, in the order of the text, at most 100", () => {
    const found = problems(`${stage(ok)}a: 1\non_expire: x\n${Array.from({ length: 200 }, (_, index) => `k${index}: 1\n`).join("")}`);
    expect(found).toHaveLength(100);
    expect(found[0]).toContain("line 8");
  });

  test("nothing, where users suffice in every order", () => {
    const three = stage(["x, y", "y, z", "z, x"].map((users, n) => `{id: a${n}, who: {users: [${users}]}, need: 1}`).join("\n      - "));
    expect(problems(three)).toEqual([]);
    expect(problems(`${stage("{id: a, who: {users: [x]}, need: 1}")}  - {id: two, requirements: [{id: a, who: {users: [x]}, need: 1}]}\n`)).toEqual([]);
    expect(problems(`${stage("{id: a, who: {users: [x]}, need: 1}\n      - {id: b, who: {users: [x]}, need: 1}")}distinct_people: requirement\n`)).toEqual([]);
  });

  test("shares of whom nobody can list", () => {
    const shares = stage(
      "{id: a, who: {groups: [g]}, need: 50%}\n      - {id: b, who: {roles: [r]}, need: all}\n      - {id: c, who: {users: [u]}, need: all}\n      - {id: d, who: {groups: [g]}, need: 2}",
    );
    expect(problems(shares)).toEqual([]);
    expect(problems(shares, false)).toEqual([
      "stages[0].requirements[0].need: 50% of whom is unknown: the members of groups and roles are only known from credentials here; give a number (line 7, column 43)",
      "stages[0].requirements[1].need: all of whom is unknown: the members of groups and roles are only known from credentials here; give a number (line 8, column 42)",
    ]);
  });
});
