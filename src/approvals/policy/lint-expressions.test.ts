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
    ["has(team)", "has takes a member of something: write has(context.team)"],
    ['has("team")', "has takes a member of something: write has(context.NAME)"],
    ['timestamp(team) < timestamp("2027-02-01")', "a part of it fails for every request: Failed to parse timestamp"],
    ['timestamp(team) - timestamp("2027-02-01T00:00:00Z") > duration("7d")', "a part of it fails for every request: Failed to parse duration"],
    ['int("many") == amount', "a part of it fails for every request: "],
    ['team.matches("(a")', "a part of it fails for every request: error parsing regexp"],
    ['tags.exists(t, matches(t, "(?=a)"))', "a part of it fails for every request: error parsing regexp"],
    ['timestamp(team).getHours("Nowhere/Else") > 8', "a part of it fails for every request: Invalid time zone"],
    ["1 / 0 == amount", "a part of it fails for every request: int divide by zero"],
    ["amount >", "not an expression of CEL: found > where it is not expected, at 1:8 of the expression"],
  ])("%s", (when, expected) => {
    const [first = ""] = problems(route(when));
    expect(first).toContain(`route[0].when: ${expected}`);
    expect(first).toContain("(line 14, column 19)");
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
    'true || 1 / 0 == 1 ? amount > 1 : team.matches("^a{2}$")',
    'timestamp(team).getHours("Europe/Paris") in [8, 9]',
  ])("%s is right", (when) => {
    expect(problems(route(when))).toEqual([]);
  });

  test("without a schema any name may be there", () => {
    expect(problems(`${head}route: [{id: r, when: 'a.b.c > 1 && d', then: approve}, {id: q, when: true, then: reject}]`)).toEqual([]);
  });

  test("people that are the same for every request are somebody", () => {
    const found = (expr: string) => problems(stage(`{id: a, who: {expr: '${expr}'}, need: 1}`));
    expect(found("[1]")).toEqual(["stages[0].requirements[0].who.expr: its value has an item that is no name (line 7, column 29)"]);
    expect(found("[]")).toEqual(["stages[0].requirements[0].who.expr: it names nobody (line 7, column 29)"]);
    expect(found('["a b"]')).toEqual([expect.stringContaining("a b is no alias")]);
    expect(found('["bob", "group:g"]')).toEqual([]);
    expect(found('subject.id == "x" ? [] : [subject.id]')).toEqual([]);
  });

  test("people come from lists of names", () => {
    expect(problems(stage("{id: a, who: {expr: '\"x\"'}, need: 1}"))).toEqual([
      "stages[0].requirements[0].who.expr: it gives a string, not a list of names (line 7, column 29)",
    ]);
  });
});
