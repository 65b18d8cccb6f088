import { describe, expect, test } from "vitest";
import { head, problems, route, stage } from "../../../test/support/policies.ts";

describe("expressions against the context's schema", () => {
  test.each([
    ['verdct == "NONE"', "verdct is not in the context's schema; did you mean verdict?"],
    ["context.amont > 1", "context.amont is not in the context's schema; did you mean amount?"],
    ['context["amont"] > 1', "context.amont is not in the context's schema; did you mean amount?"],
    ['owner.nam == "x"', ".nam is not in the context's schema; did you mean name?"],
    ['subject.name == "x"', "subject has no name: it has type, id, digest"],
    ['requester.id == "x"', "requester has no id: it has key, name"],
    ['verdict == "BRAKING"', 'it is never "BRAKING" by the context\'s schema, which has "NONE", "BREAKING"'],
    ['verdict in ["BRAKING"]', 'it is never "BRAKING" by the context\'s schema, which has "NONE", "BREAKING"'],
    ['amount == "1"', "int and string are never equal"],
    ["amount + ratio > 1.0", "+ takes two values of one type, not int and double: write int(…) or double(…)"],
    ['amount > "1"', "> does not compare int with string"],
    ["amount", "it gives a int, not true or false"],
    ["amount && true", "&& is of bool values, not of int"],
    ["!team", "! is of bool values, not of string"],
    ["team ? true : false", "what stands before ? is a bool, not a string"],
    ['amount.startsWith("x")', "startsWith is of string values, not of int"],
    ["team.startsWith(1)", "startsWith takes a string, not a int"],
    ["team in amount", "what stands after in is a list or a map, not a int"],
    ["amount.all(x, x > 1)", "all, exists, map and filter go through lists and maps, not through a int"],
    ["tags.all(x, x > 1)", "> does not compare string with int"],
    ['tags["x"] == "a"', "the place in a list is a number, not a string"],
    ['team.name == "x"', ".name is of string values, which have no members"],
    ["sise(tags) > 1", "there is no function sise; did you mean size?"],
    ["amount >", "not an expression of CEL: found > where it is not expected, at 1:8 of the expression"],
  ])("%s", (when, expected) => {
    expect(problems(route(when))[0]).toContain(`route[0].when: ${expected} (line 14, column 19)`);
  });

  test.each([
    'verdict == "NONE" && amount > 1',
    "amount > 1.5 || ratio < 1",
    "double(amount) * ratio >= 2.0",
    'tags.exists(t, t.startsWith("x")) && size(tags) < 3',
    'has(owner.name) && owner.name.matches("^a+$")',
    "[1, 2].map(x, x * amount).exists(x, x > 3)",
    'team + "x" == "y" // so',
    'context == {"team": team}',
    'timestamp("2027-01-01T00:00:00Z") < timestamp(team)',
    '(amount > 1 ? team : "x") == subject.id',
  ])("%s is right", (when) => {
    expect(problems(route(when))).toEqual([]);
  });

  test("without a schema any name may be there", () => {
    expect(problems(`${head}route: [{id: r, when: 'a.b.c > 1 && d', then: approve}, {id: q, when: true, then: reject}]`)).toEqual([]);
  });

  test("people come from lists of names", () => {
    expect(problems(stage("{id: a, who: {expr: '\"x\"'}, need: 1}"))).toEqual([
      "stages[0].requirements[0].who.expr: it gives a string, not a list of names (line 7, column 29)",
    ]);
  });
});
