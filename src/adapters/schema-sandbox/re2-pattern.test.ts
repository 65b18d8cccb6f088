import { RE2JS } from "re2js";
import { describe, expect, test } from "vitest";
import { BackReference, isEcmaPattern, re2Pattern } from "./re2-pattern.ts";

function compiles(pattern: string): boolean {
  try {
    return RE2JS.compile(pattern) instanceof RE2JS;
  } catch {
    return false;
  }
}

describe("re2Pattern", () => {
  test.each([
    ...["Letter", "L", "Lowercase_Letter", "Script=Han", "sc=Grek", "scx=Hira", "gc=Lu", "General_Category=Decimal_Number"].map((name) => `^\\p{${name}}+$`),
    ...["ASCII", "Any", "Assigned", "Alphabetic", "ID_Start", "ID_Continue", "White_Space", "Emoji", "Extended_Pictographic"].map(
      (name) => `^[\\p{${name}}_]\\P{${name}}$`,
    ),
    "\\p{RGI_Emoji}",
    "[\\p{L}--[a-z]]",
    "[\\b]",
    "[^]",
    "a|[]",
    "[\\w-.]",
    "[\\d-z]",
    "[a-\\d]",
    "[[a]",
    "[\\]\\-\\\\^]",
    "\\cJ",
    "[\\cA-\\cZ]",
    "\\u0041\\u{1F600}",
    "[\\ud800-\\udbff][\\udc00-\\udfff]",
    "\\x41\\0",
    '\\/\\-\\_\\@\\#\\"',
    "\\e\\h\\Z",
    "\\é",
    "(?<year>\\d{4})-(?<year2>\\d)",
    "(?<y>a)|(?<y>b)",
    "(?<größe>a)",
    "(?i:a)(?-i:b)",
    "a{,5}",
    "{a}",
    "}]",
    "^$|^\\$\\{.*\\}$",
    "😀+",
    "\\1",
    "[\\1]",
  ])("%s can be matched in linear time", (pattern) => {
    expect(isEcmaPattern(pattern)).toBe(true);
    expect(re2Pattern(pattern).text).toSatisfy(compiles);
    expect(re2Pattern(pattern).unrepeated).toSatisfy(compiles);
  });

  test.each(["^(?=a)", "(?!a)b", "(?<=a)b", "(?<!a)b", "[a](?=[b])"])("%s cannot", (pattern) => {
    expect(re2Pattern(pattern).unrepeated).not.toSatisfy(compiles);
  });

  test.each(["(a)\\1", "(?<n>a)\\k<n>", "\\2(a)(b)"])("%s refers back", (pattern) => {
    expect(() => re2Pattern(pattern)).toThrow(BackReference);
  });

  test.each(["(", "a**", "[b-a]", "a{3,2}", "[a", "(?P<y>a", "*"])("%s is none", (pattern) => {
    expect(isEcmaPattern(pattern)).toBe(false);
    expect(re2Pattern(pattern).unrepeated).not.toSatisfy(compiles);
  });

  test.each([
    [".{1,2048}", 2_048],
    ["(a{1,40}){1,40}", 1_640],
    ["([a-z]{2,}){3}x", 10],
    ["(?:(?:ab){100}){100}", 30_000],
    ["((a{1000}){1000}){1000}", 1_001_001_000],
    ["a{99999999999}", 99_999_999_999],
    ["abc", 3],
  ])("%s comes to %d parts", (pattern, size) => {
    expect(re2Pattern(pattern).size).toBeLessThanOrEqual(size * 1.01);
    expect(re2Pattern(pattern).size).toBeGreaterThanOrEqual(size * 0.66);
  });

  test("repeats are brought down without a change of sense", () => {
    expect(re2Pattern(".{1,2048}a{5}b{3,}c{0,1}").unrepeated).toBe(".{1,2}a{2}b{1,2}c{0,2}");
  });

  test("a long pattern takes no longer than its length says", () => {
    const begin = process.threadCpuUsage();
    for (const part of ["(", "[", "\\", "a{1,9}", "(?<a", "\\p{", "[[", ")"]) re2Pattern(part.repeat(100_000 / part.length));
    expect(process.threadCpuUsage(begin).user).toBeLessThan(5_000_000);
  });
});

test("patterns that no ECMAScript engine takes", () => {
  for (const pattern of ["(?P<y>\\d+)", "(?i)a", "a++", "(?#note)a", "\\Aa(?>b)"]) expect(isEcmaPattern(pattern), pattern).toBe(false);
  for (const pattern of ["\\_", "\\p{L}", "[a&&b]", "a"]) expect(isEcmaPattern(pattern), pattern).toBe(true);
});
