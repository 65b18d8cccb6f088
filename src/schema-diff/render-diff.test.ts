import { describe, expect, test } from "vitest";
import { compareSchemas } from "./compare-schemas.ts";
import type { JsonValue } from "./json.ts";
import { renderDiff } from "./render-diff.ts";

const former: JsonValue = {
  type: "object",
  properties: {
    port: { type: "integer", minimum: 1, maximum: 65_535, description: "where to listen" },
    mode: { enum: ["fast", "safe"] },
    label: { type: "string" },
    note: { type: "string", pattern: "^[a-z]+$" },
  },
  required: ["port"],
  additionalProperties: false,
};

const next: JsonValue = {
  type: "object",
  properties: {
    port: { type: "integer", minimum: 1024, maximum: 65_535, description: "the port" },
    mode: { enum: ["fast", "thorough"] },
    note: { type: "string", pattern: "^[a-z ]+$" },
    owner: { type: "string" },
  },
  required: ["owner"],
  additionalProperties: false,
};

describe("renderDiff", () => {
  test("has a line for each change, those that decide first", () => {
    expect(renderDiff(compareSchemas(former, next)).split("\n")).toEqual([
      "BREAKING",
      "✗ /properties/port/minimum  minimum 1 became 1024",
      '✗ /properties/mode/enum  enum no longer accepts "safe", now accepts "thorough"',
      '✗ /properties/label  property "label" is refused now',
      '✗ /required  no longer requires "port", now requires "owner"',
      '? /properties/note/pattern  pattern "^[a-z]+$" became "^[a-z ]+$": whether one pattern matches all that another does is not decided',
      '✓ /properties/owner  property "owner" can be given now',
      '· /properties/port/description  description "where to listen" became "the port": an annotation',
    ]);
  });

  test.each([
    ["no change", {}, {}, []],
    [
      "an open object",
      {},
      { properties: { a: { type: "string" } } },
      ['✗ /properties/a  property "a" could be anything before and must match {"type":"string"} now'],
    ],
    ["one that is free again", { properties: { a: { type: "string" } } }, {}, ['✓ /properties/a  property "a" can be anything now']],
    ["a closed object", {}, { additionalProperties: false }, ["✗ /additionalProperties  a property that is not listed was free and is refused now"]],
    ["a type", { type: "integer" }, { type: ["number", "null"] }, ['✓ /type  type no longer accepts "integer", now accepts "number", "null"']],
    ["a number", { maximum: 9 }, {}, ["✓ /maximum  maximum 9 is gone"]],
    [
      "a rewrite",
      { const: 1 },
      { enum: [1] },
      ["· /const  const 1 is gone: another way to write the same", "· /enum  enum [1] is new: another way to write the same"],
    ],
    ["everything", {}, false, ["✗ (root)  the value is refused now"]],
  ] as const)("words %s", (_, before, after, lines) => {
    expect(renderDiff(compareSchemas(before, after)).split("\n").slice(1)).toEqual(lines);
  });

  test("leaves out what is too much, and says how much", () => {
    const many = (maximum: number) => ({ properties: Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`p${index}`, { maximum }])) });
    const comparison = compareSchemas(many(2), many(1));
    expect(comparison).toMatchObject({ verdict: "BREAKING", changes: { length: 500 }, omitted: 100 });
    const lines = renderDiff(comparison, 10).split("\n");
    expect(lines).toHaveLength(12);
    expect(lines.at(-1)).toBe("… and 590 more");
  });

  test("shows no control characters", () => {
    const text = renderDiff(compareSchemas({}, { properties: { "a\u001b[31m\u202e\n": { const: "\u001b" } }, required: ["\u202e"] }));
    expect(text).toMatch(/^[ -~\n✗✓?·…]*$/);
    expect(text.split("\n")).toHaveLength(3);
  });
});
