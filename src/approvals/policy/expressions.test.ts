import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Evaluated } from "../types.ts";
import { evaluationLimits } from "./cel-budget.ts";
import { parseExpression } from "./cel-tree.ts";
import { asBoolean, asPeople, bindingsOf, compile } from "./expressions.ts";
import { shapeOf } from "./shapes.ts";

const subject = { type: "doc", id: "d-1", digest: "abc" };
const requester = { key: "idp|alice", name: "Alice" };

function evaluate(source: string, context: JsonObject = {}, schema?: JsonObject): Evaluated<unknown> {
  const parsed = parseExpression(source);
  if ("failure" in parsed) return parsed;
  return compile(parsed.tree).evaluate(bindingsOf({ context, subject, requester }, shapeOf(schema)));
}

const holds = (source: string, context?: JsonObject, schema?: JsonObject) => asBoolean(evaluate(source, context, schema));
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

describe("an expression", () => {
  test("sees the context, the subject and who asks", () => {
    const context = { team: "pay", tags: ["a", "b"], owner: { name: "x" }, nothing: null };
    for (const source of [
      'team == "pay" && context.team == team',
      '"b" in tags && size(tags) == 2 && tags[0] == "a"',
      'owner.name == "x" && has(owner.name) && !has(owner.age)',
      "nothing == null",
      'subject.type == "doc" && subject.id == "d-1" && subject.digest == "abc"',
      'requester.key == "idp|alice" && requester.name == "Alice"',
      'team.matches("^p[a-z]+$")',
      "tags.exists(t, t == 'a') // of them",
    ]) {
      expect([source, holds(source, context)]).toEqual([source, { value: true }]);
    }
  });

  test.each([
    ["a name that is not there", "team == 'x'"],
    ["a value that is not true or false", "1 + 1"],
    ["types that do not fit", "'a' < 1"],
    ["a division by zero", "1 / 0 == 1"],
    ["an overflow", "9223372036854775807 + 1 > 0"],
    ["a place that a list does not have", "[1][2] == 1"],
    ["members of every object", "owner.constructor == null || owner.__proto__ == null"],
    ["names of every object", "constructor == null"],
    ["a function that is not there", "now() == 1"],
  ])("fails for %s", (_what, source) => {
    expect(holds(source, { owner: { name: "x" } })).toEqual({ failure: expect.any(String) });
  });

  test("takes no member of the context for subject or requester, however it is called", () => {
    const context = { subject: { id: "x" }, requester: { key: "x" }, "requester.key": "x", "subject.id": "x", context: "x" };
    expect(holds('requester.key == "idp|alice" && subject.id == "d-1"', context)).toEqual({ value: true });
    expect(holds('context["requester.key"] == "x" && context.context == "x"', context)).toEqual({ value: true });
  });

  test("fails where a member is left out whose name is also that of a type", () => {
    const schema = { type: "object", properties: { type: { type: "string" } } };
    expect(holds('type == "MODULE"', { type: "MODULE" }, schema)).toEqual({ value: true });
    expect(holds('type == "MODULE"', {}, schema)).toEqual({ failure: expect.stringContaining("type is not in the context") });
  });
});

describe("numbers", () => {
  const schema: JsonObject = {
    type: "object",
    properties: {
      whole: { type: "integer" },
      maybe: { type: ["integer", "null"] },
      real: { type: "number" },
      list: { type: "array", items: { $ref: "#/$defs/n" } },
    },
    $defs: { n: { allOf: [{ minimum: 0 }, { type: "integer" }] } },
  };

  test("are integers where the schema says so, to the last one that JSON keeps", () => {
    const context = { whole: Number.MAX_SAFE_INTEGER, maybe: 2, real: 2, list: [1, 2] };
    for (const source of [
      "whole == 9007199254740991 && whole + 1 == 9007199254740992 && whole + 2 == 9007199254740993",
      "maybe + 1 == 3",
      "real * 1.5 == 3.0",
      "list[0] + list[1] == 3",
    ]) {
      expect([source, holds(source, context, schema)]).toEqual([source, { value: true }]);
    }
  });

  test("are doubles elsewhere, whatever their value", () => {
    expect(holds("other + 1.0 == 2.0 && other == 1 && other > 0", { other: 1 })).toEqual({ value: true });
    expect(holds("other + 1 == 2", { other: 1 })).toEqual({ failure: expect.stringContaining("no matching overload") });
  });
});

describe("limits before an expression is parsed", () => {
  const deep = (open: string, inner: string, close: string, depth: number) => open.repeat(depth) + inner + close.repeat(depth);

  test.each([
    ["4 KiB and a byte", `"${"x".repeat(4_095)}"`, "more than 4096 bytes"],
    ["4 KiB of letters of two bytes", `"${"é".repeat(2_047)}" ==""`, "more than 4096 bytes"],
    ["500 parentheses, for which the parser's stack is too small", deep("(", "1", ")", 500), "nested more than 32 deep"],
    ["33 lists", deep("[", "1", "]", 33), "nested more than 32 deep"],
    ["33 maps", deep("{1:", "1", "}", 33), "nested more than 32 deep"],
    ["33 calls", deep("f(", "1", ")", 33), "nested more than 32 deep"],
    ["33 indices", deep("a[", "1", "]", 33), "nested more than 32 deep"],
    ["4000 negations", `${"!".repeat(4_000)}true`, "nested more than 32 deep"],
    ["33 minus signs with spaces", `${"- ".repeat(33)}1`, "nested more than 32 deep"],
    ["33 alternatives", `${"a?1:".repeat(33)}2`, "nested more than 32 deep"],
    ["2000 sums, for which the planner's stack is too small", `1${"+1".repeat(2_000)}`, "more than 1000 words and signs"],
    ["500 parts and two", `[${"x.y,".repeat(250)}x]`, "more than 500 parts"],
    ["a chain of members, of which each name is looked up", `a${".b".repeat(2_000)}`, "more than 500 parts"],
    ["three comprehensions in each other, 100³ steps", "l.all(x, l.all(y, l.all(z, true)))", "are in each other"],
    ["a pattern that is not literal", "s.matches(s)", "a text in quotes"],
    ["a pattern that is put together", "s.matches('a' + 'b')", "a text in quotes"],
    ["a pattern with repeats in repeats", "s.matches('((a{100}){100}){100}')", "its repeats written out"],
    ["a message", "google.protobuf.Any{}", "there are no messages here"],
    ["nothing", " ", "empty"],
    ["a text that does not end", "'a", "not an expression of CEL"],
    ["what is no expression", "a b", "not an expression of CEL: found b where it is not expected, at 1:3"],
  ])("%s", (_what, source, expected) => {
    expect(parseExpression(source)).toEqual({ failure: expect.stringContaining(expected) });
  });

  test.each([
    ["32 parentheses", deep("(", "true", ")", 32)],
    ["brackets in texts", `'${"(".repeat(40)}' != "${"[".repeat(40)}" && '''${"{' ".repeat(40)}''' != r'\\' && "\\"${"(".repeat(40)}" != ""`],
    ["brackets in comments", `true // ${"(".repeat(40)}\n && !false // ${"[".repeat(40)}`],
    ["a sign in a text", `"${"!".repeat(40)}" != ""`],
    ["alternatives side by side", `[${Array.from({ length: 40 }, () => "true ? 1 : 2").join(",")}].size() == 40`],
    ["500 parts", `[${"y.z,".repeat(246)}1].size() > 1 || true`],
    ["two comprehensions in each other and others beside them", "[1].all(x, [1].all(y, true)) && [1].filter(x, true).map(x, x).all(x, true)"],
  ])("%s are right", (_what, source) => {
    expect(holds(source)).toEqual({ value: true });
  });
});

describe("limits of an evaluation", () => {
  const spent = (expected: string) => ({ failure: expect.stringContaining(expected) });

  test("100 items are gone through, 101 are not", () => {
    expect(holds("l.all(x, x >= 0.0)", { l: numbers(100) })).toEqual({ value: true });
    expect(holds("l.all(x, x >= 0.0)", { l: numbers(101) })).toEqual(spent("goes through 101 items; 100 is the most"));
    expect(holds("m.all(x, true)", { m: Object.fromEntries(numbers(101).map((n) => [`k${n}`, n])) })).toEqual(spent("goes through 101 items"));
  });

  test("100 times 100 items with something small to do are gone through, with much are not", () => {
    expect(holds("l.all(x, l.all(y, x + y < 1000.0))", { l: numbers(100) })).toEqual({ value: true });
    const much = Array.from({ length: 60 }, () => "x + y < 1000.0").join(" && ");
    expect(holds(`l.all(x, l.all(y, ${much}))`, { l: numbers(100) })).toEqual(spent("too many steps"));
  });

  test("what calls no function counts, too", () => {
    const m = { a: true };
    expect(holds("l.all(x, l.all(y, m.a && m.a))", { l: numbers(100), m })).toEqual({ value: true });
    expect(holds(`l.all(x, l.all(y, ${Array.from({ length: 60 }, () => "m.a").join(" && ")}))`, { l: numbers(100), m })).toEqual(spent("too many steps"));
  });

  test("no operator passes over it", () => {
    const much = Array.from({ length: 60 }, () => "x + y < 1000.0").join(" && ");
    expect(holds(`true || l.all(x, l.all(y, ${much}))`, { l: numbers(100) })).toEqual({ value: true });
    expect(holds(`l.all(x, l.all(y, ${much})) || true`, { l: numbers(100) })).toEqual(spent("too many steps"));
    expect(holds(`l.all(x, l.all(y, ${much})) && false`, { l: numbers(100) })).toEqual(spent("too many steps"));
  });

  test("texts and lists do not grow without end: 2^25 times the text", () => {
    const doubled = ".map(a, a + a)".repeat(25);
    expect(holds(`[s]${doubled}[0].size() > 1`, { s: "x".repeat(100) })).toEqual(spent("a text that is too long"));
    expect(holds(`[l]${doubled}[0].size() > 1`, { l: numbers(100) })).toEqual(spent("a list that is too long"));
  });

  test("long texts and large values are compared only so often", () => {
    const s = "x".repeat(60_000);
    expect(holds("s.contains('xy')", { s })).toEqual({ value: false });
    expect(holds("l.all(x, l.all(y, !s.contains('xy')))", { s, l: numbers(100) })).toEqual(spent("too many steps"));
    const large = numbers(10_000);
    expect(holds("context == context", { large })).toEqual({ value: true });
    expect(holds("l.all(x, context == context)", { l: numbers(100), large })).toEqual(spent("too many steps"));
  });

  test("patterns are matched in linear time, and only against texts that are not too long", () => {
    expect(holds("s.matches('^(a+)+$')", { s: `${"a".repeat(28)}b` })).toEqual({ value: false });
    expect(holds("s.matches('^(a+)+$')", { s: `${"a".repeat(5_000)}b` })).toEqual({ value: false });
    expect(holds("s.matches('(a|b){100}$')", { s: "ab".repeat(30_000) })).toEqual(spent("too many steps"));
    expect(holds("s.matches('(a')", { s: "a" })).toEqual({ failure: expect.stringContaining("parsing regexp") });
  });

  test("time zones are looked up only so often", () => {
    expect(holds("timestamp(t).getHours('Europe/Paris') == 1", { t: "2027-01-01T00:00:00Z" })).toEqual({ value: true });
    expect(holds("l.all(x, l.all(y, timestamp(t).getHours('Europe/Paris') == 1))", { t: "2027-01-01T00:00:00Z", l: numbers(100) })).toEqual(
      spent("too many steps"),
    );
  });

  test("each evaluation has its own budget", () => {
    const parsed = parseExpression("l.all(x, l.all(y, true))");
    if ("failure" in parsed) throw new Error(parsed.failure);
    const expression = compile(parsed.tree);
    const bindings = bindingsOf({ context: { l: numbers(100) as Json[] }, subject, requester }, shapeOf(undefined));
    for (const _ of numbers(5)) expect(expression.evaluate(bindings)).toEqual({ value: true });
    expect(evaluationLimits.steps).toBeLessThan(5 * 100 * 100 * 6);
  });
});

describe("people", () => {
  const people = (source: string, context?: JsonObject) => asPeople(evaluate(source, context));

  test("are users, groups and roles, each once, aliases in lower case", () => {
    expect(people('[owner, "Bob@X.org", "bob@x.ORG", "group:Pay Ments", "role:r"] + others', { owner: "idp|Alice", others: ["role:r"] })).toEqual({
      value: ["idp|Alice", "bob@x.org", "group:Pay Ments", "role:r"],
    });
    expect(people("[]")).toEqual({ value: [] });
    const names = Array.from({ length: 1_001 }, (_, number) => `u${number}`);
    expect(people("names", { names: names.slice(1) })).toEqual({ value: names.slice(1) });
    expect(people("names", { names })).toEqual({ failure: "it names more than 1000" });
    const long = "x".repeat(256);
    expect(people('[n, "group:" + n]', { n: long })).toEqual({ value: [long, `group:${long}`] });
    for (const source of ["[n]", '["group:" + n]', '["role:" + n]'])
      expect(people(source, { n: `${long}x` })).toEqual({ failure: "its value has a name of more than 256 characters" });
  });

  test.each([
    ["a text", '"a"'],
    ["a number in the list", "[1]"],
    ["an empty name", '[""]'],
    ["a group without a name", '["group:"]'],
    ["a role without a name", '["role:"]'],
    ["an alias with other letters", '["\u0130lker"]'],
    ["a name that is not there", "[nobody]"],
    ["a map", '{"a": 1}'],
  ])("fail for %s", (_what, source) => {
    expect(people(source)).toEqual({ failure: expect.any(String) });
  });
});

test("for any text and context there is a value or a failure, and nothing is thrown", () => {
  const word = fc.constantFrom(
    "a",
    "l",
    "s",
    "1",
    "1.5",
    '"x"',
    "true",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    "?",
    ":",
    "+",
    "-",
    "!",
    "==",
    "<",
    "&&",
    "||",
    " in ",
    ".map(x, ",
    ".all(y, ",
    "has(",
    ".matches('a')",
    "size(",
    "//",
    "\n",
    "'",
    "x",
    "null",
    "context",
    "subject.id",
  );
  const source = fc.oneof(
    fc.string(),
    fc.array(word, { maxLength: 30 }).map((words) => words.join("")),
  );
  fc.assert(
    fc.property(source, fc.dictionary(fc.constantFrom("a", "l", "s", "__proto__", "constructor", "a.b"), fc.jsonValue({ maxDepth: 3 })), (text, context) => {
      const result = holds(text, context as JsonObject);
      expect("value" in result ? typeof result.value : typeof result.failure).toBe("value" in result ? "boolean" : "string");
      asPeople(evaluate(text, context as JsonObject));
    }),
    { numRuns: 1_000 },
  );
});
