import { Ajv2020 } from "ajv/dist/2020.js";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DomainError } from "../../kernel/errors.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { contextViolations, requireContext } from "./context.ts";
import { schemaProblems } from "./context-schema.ts";

const schema: JsonObject = {
  type: "object",
  required: ["verdict", "changes"],
  additionalProperties: false,
  properties: {
    verdict: { enum: ["NONE", "BREAKING"] },
    amount: { type: "integer", minimum: 0, exclusiveMaximum: 100, multipleOf: 5 },
    team: { type: "string", pattern: "^[a-z]+$", maxLength: 8 },
    changes: { type: "array", minItems: 1, uniqueItems: true, items: { $ref: "#/$defs/change" } },
    either: { oneOf: [{ type: "string" }, { type: "integer" }] },
    labels: { type: "object", maxProperties: 1, additionalProperties: { type: "string" } },
    fixed: { const: 1 },
    not: { not: { type: "null" } },
    cond: { if: { type: "string" }, then: { minLength: 2 }, else: { maximum: 3 } },
    pair: { prefixItems: [{ type: "string" }], items: { type: "boolean" } },
  },
  $defs: { change: { type: "object", required: ["rule"], properties: { rule: { type: "string" } } } },
};

const good: JsonObject = { verdict: "NONE", changes: [{ rule: "x" }] };
const said = (context: JsonObject, by?: JsonObject) => contextViolations(by, context).map(({ field, description }) => `${field} ${description}`);
const nested = (depth: number): JsonObject => (depth === 1 ? {} : { a: nested(depth - 1) });

describe("a context", () => {
  test("that fits is taken", () => {
    expect(said({ ...good, amount: 95, team: "pay", either: 1, labels: { a: "b" }, fixed: 1, not: 0, cond: "ab", pair: ["a", true, false] }, schema)).toEqual(
      [],
    );
    expect(said({ anything: [{ at: "all" }] })).toEqual([]);
    expect(() => requireContext({ key: "k", context: schema }, good)).not.toThrow();
  });

  test("that does not fit is refused with every violation and its path", () => {
    const context = {
      verdict: "BRAKING",
      amount: 102,
      team: "Pay",
      changes: [{ rule: 1 }, {}, 1],
      either: 1.5,
      labels: { a: "x", b: 2 },
      fixed: 2,
      not: null,
      cond: 4,
      pair: [1, 2],
      other: 1,
    };
    const expected = [
      'context.verdict is not one of "NONE", "BREAKING"',
      "context.amount is not below 100",
      "context.team does not match ^[a-z]+$",
      "context.changes[0].rule is not of type string",
      "context.changes[1].rule is required",
      "context.changes[2] is not of type object",
      "context.either fits 0 of the 2 schemas of oneOf, not one",
      "context.labels has 2 members, more than 1",
      "context.labels.b is not of type string",
      "context.fixed is not 1",
      "context.not fits the schema of not",
      "context.cond is above 3",
      "context.pair[0] is not of type string",
      "context.pair[1] is not of type boolean",
      "context.other is not in the schema",
    ];
    expect(said(context, schema)).toEqual(expected);
    try {
      requireContext({ key: "k", context: schema }, context);
      expect.unreachable();
    } catch (error) {
      const { kind, reason, message, fields } = error as DomainError;
      expect({ kind, reason, count: fields.length }).toEqual({ kind: "invalid", reason: "CONTEXT_INVALID", count: expected.length });
      expect(message).toBe('the context does not fit the policy k: context.verdict is not one of "NONE", "BREAKING", and 14 more');
    }
  });

  test("may have 64 KiB and 32 levels, and no more", () => {
    const text = (bytes: number) => ({ a: "x".repeat(bytes - '{"a":""}'.length) });
    expect(said(text(65_536))).toEqual([]);
    expect(said(text(65_537))).toEqual(["context has more than 65536 bytes"]);
    expect(said({ a: "é".repeat(40_000) })).toEqual(["context has more than 65536 bytes"]);
    expect(said({ a: "x".repeat(1_048_576) })).toEqual(["context has more than 65536 bytes"]);
    expect(said(nested(32))).toEqual([]);
    expect(said(nested(33))).toEqual(["context is nested more than 32 deep"]);
    const million = JSON.parse(`${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`) as JsonObject;
    expect(said(million)).toEqual(["context is nested more than 32 deep"]);
  });

  test("has no numbers that JSON does not keep exactly, and no broken text", () => {
    expect(said({ a: 9_007_199_254_740_991, b: -9_007_199_254_740_991, c: 1.5e-300 })).toEqual([]);
    const beyond = JSON.parse('{"a": 9007199254740993, "b": {"c": [-9007199254740993]}, "d": 1e300, "e": "\\ud800"}') as JsonObject;
    expect(said(beyond)).toEqual([
      "context.a is an integer beyond 2^53 - 1, which JSON does not keep exactly: give it as text",
      "context.d is an integer beyond 2^53 - 1, which JSON does not keep exactly: give it as text",
      "context.e is not well-formed Unicode",
      "context.b.c[0] is an integer beyond 2^53 - 1, which JSON does not keep exactly: give it as text",
    ]);
    expect(said({ a: Number.NaN })).toEqual(["context.a is no number of JSON"]);
  });

  test("has 50 violations at most", () => {
    expect(said({ ...good, labels: Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`k${index}`, index])) }, schema)).toHaveLength(50);
  });
});

describe("a schema that would take long", () => {
  const costly = ["context takes too many steps to check by the policy's schema"];

  test("by referring to itself for the same value", () => {
    expect(said({}, { type: "object", anyOf: [{ $ref: "#" }] })).toEqual(costly);
  });

  test("by 2^40 applications to one value", () => {
    const defs = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`d${n}`, { allOf: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] }]));
    expect(said({}, { type: "object", $ref: "#/$defs/d0", $defs: { ...defs, d40: {} } })).toEqual(costly);
  });

  test("by a pattern against a long text", () => {
    const by = (pattern: string): JsonObject => ({ type: "object", properties: { a: { pattern } } });
    expect(said({ a: `${"a".repeat(28)}b` }, by("^(a+)+$"))).toEqual(["context.a does not match ^(a+)+$"]);
    expect(said({ a: "ab".repeat(30_000) }, by("(a|b){100}$"))).toEqual(costly);
  });
});

describe("a schema of contexts", () => {
  test("has only keywords that are checked", () => {
    expect(schemaProblems(schema)).toEqual([]);
    const problems = schemaProblems({
      type: ["object"],
      propertys: {},
      properties: {
        a: { $ref: "http://x/y" },
        b: { $ref: "#/$defs/none" },
        c: { pattern: "(?=a)" },
        d: { minimum: "1" },
        e: { minLength: -1 },
        f: { allOf: [] },
        g: { enum: [] },
        h: { format: "email" },
        i: 1,
        j: { multipleOf: 0 },
      },
      unevaluatedProperties: false,
    });
    expect(problems.map(({ keys, severity }) => `${severity ?? "error"} ${keys.join("/")}`)).toEqual([
      "error type",
      "error propertys",
      "error properties",
      "error unevaluatedProperties",
    ]);
    const inner = {
      a: { $ref: "http://x/y" },
      b: { $ref: "#/$defs/none" },
      c: { pattern: "(?=a)" },
      d: { minimum: "1" },
      e: { minLength: -1 },
      f: { allOf: [] },
      g: { enum: [] },
      h: { format: "email" },
      j: { multipleOf: 0 },
    };
    expect(schemaProblems({ type: "object", properties: inner }).map(({ keys, severity }) => `${severity ?? "error"} ${keys.slice(1).join("/")}`)).toEqual([
      "error a/$ref",
      "error b/$ref",
      "error c/pattern",
      "error d/minimum",
      "error e/minLength",
      "error f/allOf",
      "error g/enum",
      "warning h/format",
      "error j/multipleOf",
    ]);
  });
});

describe("multiples", () => {
  const isMultiple = (value: number, multipleOf: number) => said({ value }, { type: "object", properties: { value: { multipleOf } } }).length === 0;

  // Doubles say otherwise: 19.99 / 0.01 is 1998.9999999999998.
  test.each([
    [19.99, 0.01],
    [0.3, 0.1],
    [0.7, 0.1],
    [-1.1, 0.1],
    [0, 0.01],
    [4.35, 0.05],
  ])("are counted in decimals: %d of %d", (value, step) => {
    expect(isMultiple(value, step)).toBe(true);
  });

  test.each([
    [0.001, 0.01],
    [19.995, 0.01],
    [0.30000000000000004, 0.1],
    [1e-320, 0.01],
  ])("%d is none of %d", (value, step) => {
    expect(isMultiple(value, step)).toBe(false);
  });
});

describe("against Ajv", () => {
  const small = fc.integer({ min: 0, max: 4 });
  const value = fc.letrec<{ node: Json }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom<Json>(null, true, false, 0, 1, 2.5, -3, "", "a", "ab", "b1"),
      fc.array(tie("node"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("a", "b", "c"), tie("node"), { maxKeys: 3, noNullPrototype: true }),
    ),
  })).node;
  const type = fc.constantFrom("string", "integer", "number", "boolean", "object", "array", "null");
  const rules = fc.letrec<{ rule: Json }>((tie) => ({
    rule: fc.oneof(
      { maxDepth: 3 },
      fc.boolean(),
      fc.record({ type: fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 3 })) }, { noNullPrototype: true }),
      fc.record(
        {
          enum: fc.uniqueArray(value, { minLength: 1, maxLength: 3, comparator: (a, b) => JSON.stringify(a) === JSON.stringify(b) }),
          const: value,
          minimum: small,
          maximum: small,
          exclusiveMinimum: small,
          exclusiveMaximum: small,
          multipleOf: fc.integer({ min: 1, max: 3 }),
          minLength: small,
          maxLength: small,
          pattern: fc.constantFrom("^a", "b$", "[0-9]"),
          minItems: small,
          maxItems: small,
          uniqueItems: fc.boolean(),
          minProperties: small,
          maxProperties: small,
          required: fc.uniqueArray(fc.constantFrom("a", "b"), { maxLength: 2 }),
        },
        { noNullPrototype: true, requiredKeys: [] },
      ),
      fc.record(
        {
          properties: fc.dictionary(fc.constantFrom("a", "b"), tie("rule"), { noNullPrototype: true }),
          additionalProperties: tie("rule"),
          items: tie("rule"),
          prefixItems: fc.array(tie("rule"), { minLength: 1, maxLength: 2 }),
          allOf: fc.array(tie("rule"), { minLength: 1, maxLength: 2 }),
          anyOf: fc.array(tie("rule"), { minLength: 1, maxLength: 2 }),
          oneOf: fc.array(tie("rule"), { minLength: 1, maxLength: 2 }),
          not: tie("rule"),
          if: tie("rule"),
          then: tie("rule"),
          else: tie("rule"),
          $ref: fc.constantFrom("#/$defs/x", "#/$defs/y"),
        },
        { noNullPrototype: true, requiredKeys: [] },
      ),
    ),
  })).rule;
  const leaf = fc.record({ type }, { noNullPrototype: true });

  test("the same contexts fit", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("a", "b", "c"), rules, { noNullPrototype: true }),
        leaf,
        leaf,
        fc.array(fc.dictionary(fc.constantFrom("a", "b", "c"), value, { noNullPrototype: true }), { minLength: 1, maxLength: 5 }),
        (properties, x, y, contexts) => {
          const by = { type: "object", properties, $defs: { x, y } } as JsonObject;
          expect(schemaProblems(by)).toEqual([]);
          const fits = new Ajv2020({ strict: false, logger: false }).compile(by);
          for (const context of contexts) expect([context, said(context, by).length === 0]).toEqual([context, fits(context)]);
        },
      ),
      { numRuns: 200 },
    );
  });
});
