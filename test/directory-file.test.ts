/** The directory file: what it may say, and that everything wrong with it is reported at once, with its place. */
import { describe, expect, test } from "vitest";
import { parseDirectoryFile } from "../src/adapters/directory-file/parse.ts";
import { yamlBytes } from "../src/adapters/directory-file/text.ts";
import { DomainError } from "../src/kernel/errors.ts";
import { read } from "./support/source-tree.ts";

function problemsOf(text: string): readonly string[] {
  try {
    parseDirectoryFile(text);
  } catch (error) {
    if (error instanceof DomainError) return error.fields.map(({ field, description }) => `${field} ${description}`);
    throw error;
  }
  return [];
}

const people = (...list: readonly object[]) => JSON.stringify({ people: list });

describe("the directory file", () => {
  test("lists people by tenant, with names as they are compared, and the longest stand-in", () => {
    const documents = parseDirectoryFile(`
      stand_ins: {max: 30d}
      people:
        - key: tokens|zoe
        - key: https://idp.example.org|4711
          name: Amy Ö.
          aliases: [Amy@Example.ORG, amy, "tokens|Amy", amy]
          groups: [payments, "on call", payments]
          roles: [security]
          enabled: false
        - {key: tokens|bob, tenant: acme}
    `);
    expect([...documents.keys()].toSorted()).toEqual(["acme", "default"]);
    const standInMaxMs = 30 * 86_400_000;
    expect(documents.get("default")).toEqual({
      standInMaxMs,
      members: [
        {
          key: "https://idp.example.org|4711",
          name: "Amy Ö.",
          aliases: ["amy", "amy@example.org", "tokens|Amy"],
          groups: ["on call", "payments"],
          roles: ["security"],
          isEnabled: false,
        },
        { key: "tokens|zoe", name: "zoe", aliases: [], groups: [], roles: [], isEnabled: true },
      ],
    });
    expect(documents.get("acme")).toMatchObject({ standInMaxMs, members: [{ key: "tokens|bob" }] });
  });

  test("is taken as docs/operations.md has it", () => {
    const [, example = ""] = /```yaml\n(stand_ins[^]*?)```/.exec(read("docs/operations.md")) ?? [];
    const documents = parseDirectoryFile(example);
    expect(documents.get("default")?.members.map(({ key, isEnabled }) => [key, isEnabled])).toEqual([
      ["tokens|amy", true],
      ["tokens|bob", false],
    ]);
    expect(documents.get("acme")?.members).toMatchObject([{ key: "tokens|zoe" }]);
  });

  test("may be JSON, and is the same in any order", () => {
    const [amy, bob] = [
      { key: "tokens|amy", groups: ["a", "b"] },
      { key: "tokens|bob", aliases: ["b", "bobby"] },
    ];
    const other = [
      { aliases: ["bobby", "B"], key: "tokens|bob" },
      { groups: ["b", "a"], key: "tokens|amy" },
    ];
    expect(JSON.stringify([...parseDirectoryFile(people(...other))])).toBe(JSON.stringify([...parseDirectoryFile(people(amy, bob))]));
  });

  test("reports everything that is wrong with it, with field and line", () => {
    const text = [
      "stand_ins: {max: 30 days}",
      "peeple: []",
      "people:",
      "  - key: amy",
      "    nmae: Amy",
      "    groups: payments",
      "  - key: tokens|bob",
      "    aliases: [a b, ﬀ, Bob, 7]",
      "    enabled: no",
      "    tenant: a b",
      "  - just text",
    ].join("\n");
    const told = problemsOf(text);
    expect(told.map((line) => line.split(" ")[0])).toEqual([
      "peeple",
      "stand_ins",
      "people[0].nmae",
      "people[0].key",
      "people[0].groups",
      "people[1].enabled",
      "people[1].tenant",
      "people[1].aliases[0]",
      "people[1].aliases[1]",
      "people[1].aliases[3]",
      "people[2]",
    ]);
    expect(told.map((line) => /\(line (\d+)\)$/.exec(line)?.[1])).toEqual(["2", "1", "5", "4", "6", "9", "10", "8", "8", "8", "11"]);
    expect(told[0]).toContain("did you mean people?");
    expect(told[2]).toContain("did you mean name?");
  });

  test.each([
    ["a key of two", [{ key: "tokens|a" }, { key: "tokens|a" }], 'people[1].key "tokens|a" is a name of people[0], too'],
    [
      "a login of two, in other letters",
      [
        { key: "t|a", aliases: ["Amy"] },
        { key: "t|b", aliases: ["aMY"] },
      ],
      'people[1].aliases[0] "amy" is a name of people[0], too',
    ],
    ["the key of another as an alias", [{ key: "t|a" }, { key: "t|b", aliases: ["t|a"] }], 'people[1].aliases[0] "t|a" is a name of people[0], too'],
  ])("refuses %s", (_what, list, told) => {
    expect(problemsOf(people(...list))).toEqual([`${told} (line 1)`]);
  });

  test("lets two tenants have the same names", () => {
    expect(problemsOf(people({ key: "t|a", aliases: ["amy"] }, { key: "t|a", aliases: ["amy"], tenant: "acme" }))).toEqual([]);
  });

  test("does not take one key for another in other letters", () => {
    expect(problemsOf(people({ key: "t|a" }, { key: "t|A" }))).toEqual([]);
  });

  test.each([
    ["", "(file) must have the keys people"],
    ["[]", "(file) must have the keys people"],
    ["people: []", "people must be a list of at least one person"],
    ["stand_ins: {max: 1d}", "people must be a list of at least one person"],
    ["people: [", "(file) "],
    ["people: [{key: t|a}]\npeople: [{key: t|b}]", "(file) Map keys must be unique"],
    ["people: [{key: t|a}]\n---\npeople: []", "(file) "],
    ["a: &a [1]\npeople: *b", "(file) "],
    ["people: [{key: 't|', name: x}]", "people[0].key must be the key"],
    ["people: [{key: '|a', name: x}]", "people[0].key must be the key"],
    ['people: [{key: "t|a\\u200b"}]', "people[0].key must be the key"],
    ["people: [{key: t|a, name: ' '}]", "people[0].name must be"],
    ["people: [{key: t|a, aliases: amy}]", "people[0].aliases must be a list"],
    ["people: [{key: t|a}]\nstand_ins: {max: 0d}", "stand_ins must be {max: DURATION}"],
    ["people: [{key: t|a}]\nstand_ins: {max: 367d}", "stand_ins must be {max: DURATION}"],
    ["people: [{key: t|a}]\nstand_ins: {max: 1d, min: 1d}", "stand_ins must be {max: DURATION}"],
  ])("that is %j is refused", (text, told) => {
    const [first, ...more] = problemsOf(text);
    expect(first).toContain(told);
    expect(more.length).toBeLessThan(3);
  });

  test("that refers to itself without end, or is nested without end, is refused", () => {
    const bomb = ["a0: &a0 [x]", ...Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join()}]`), "people: *a30"].join(
      "\n",
    );
    expect(problemsOf(bomb)).toHaveLength(1);
    expect(problemsOf(`people: ${"[".repeat(20_000)}`)).not.toEqual([]);
  });

  test("is JSON when it is large; then problems have no lines", () => {
    const many = Array.from({ length: 5_000 }, (_, i) => ({ key: `tokens|user-${i}`, groups: ["everybody"] }));
    const text = people(...many);
    expect(text.length).toBeGreaterThan(yamlBytes);
    expect(parseDirectoryFile(text).get("default")?.members).toHaveLength(5_000);
    expect(problemsOf(people(...many, { key: "nobody" }))).toEqual([expect.stringMatching(/^people\[5000\]\.key must be .*tokens\|amy$/)]);
    expect(problemsOf(`people:\n${many.map(({ key }) => `  - {key: ${key}, groups: [everybody]}`).join("\n")}`)).toEqual([
      "(file) must be JSON when it has more than 128 KiB",
    ]);
  });

  test("tells at most 40 problems in one text, and all of them as fields", () => {
    const bad = Array.from({ length: 100 }, () => ({ key: "x" }));
    expect(problemsOf(people(...bad))).toHaveLength(100);
    expect(() => parseDirectoryFile(people(...bad))).toThrow(/and 60 more$/);
  });
});
