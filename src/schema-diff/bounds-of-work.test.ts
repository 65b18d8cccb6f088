// oxlint-disable unicorn/no-thenable -- a keyword of JSON Schema
/** No pair of schemas that `inspectSchema` lets through takes long: what cannot be done in time is UNKNOWN. */
import { describe, expect, test } from "vitest";
import { compareSchemas } from "./compare-schemas.ts";
import type { JsonObject, JsonValue } from "./json.ts";

const many = <T>(count: number, make: (index: number) => T): readonly T[] => Array.from({ length: count }, (_, index) => make(index));
const named = (count: number, make: (index: number) => JsonValue, prefix = "p"): JsonObject =>
  Object.fromEntries(many(count, (index) => [`${prefix}${index}`, make(index)]));

/** `levels` definitions, each made of references to the next. */
function ladder(levels: number, rung: (next: JsonObject) => JsonValue, foot: JsonValue): JsonValue {
  const $defs = named(levels, (index) => (index === levels - 1 ? foot : rung({ $ref: `#/$defs/d${index + 1}` })), "d");
  return { $defs, $ref: "#/$defs/d0" };
}

const rungs: Readonly<Record<string, (next: JsonObject) => JsonValue>> = {
  allOf: (next) => ({ allOf: [next, next, next] }),
  anyOf: (next) => ({ anyOf: [next, { ...next, minimum: 1 }, { ...next, multipleOf: 2 }] }),
  oneOf: (next) => ({ oneOf: [next, { ...next, minimum: 1 }, { ...next, multipleOf: 2 }] }),
  not: (next) => ({ not: { anyOf: [next, { not: next }] } }),
  if: (next) => ({ if: next, then: next, else: next }),
  properties: (next) => ({ properties: { a: next, b: next, c: next } }),
  items: (next) => ({ prefixItems: [next, next], items: next, contains: next }),
  dependentSchemas: (next) => ({ dependentSchemas: { a: next, b: next } }),
};

/** A shape with something that differs between its two versions. */
const shapes: Readonly<Record<string, (version: 0 | 1) => JsonValue>> = {
  "thousands of properties": (version) => ({ properties: named(3_200, () => ({ maximum: 10 - version })) }),
  "thousands of positions": (version) => ({ prefixItems: many(4_500, (index) => ({ const: index + version })) }),
  "thousands of listed values": (version) => ({ enum: many(9_900, (index) => `v${index + version}`) }),
  "thousands of required names": (version) => ({ required: many(9_900, (index) => `r${index + version}`) }),
  "patterns on properties": (version) => ({
    properties: named(2_000, () => ({ maximum: 10 - version })),
    patternProperties: named(1_500, () => ({ minimum: 1 }), version === 0 ? "^p" : "^[pq]"),
  }),
  "a grid of alternatives": (version) => ({
    allOf: many(20, (row) => ({ anyOf: many(20, (index) => ({ properties: { [`k${row}`]: { const: index + version } }, required: [`k${row}`] })) })),
  }),
  "alternatives that overlap": (version) => ({
    oneOf: many(500, (index) => ({ properties: { k: { const: index }, v: { maximum: 9 + version } }, required: ["k"] })),
  }),
  "many alternatives at once": (version) => ({ allOf: many(900, (index) => ({ anyOf: [{ minimum: index + version }, { maximum: -index }] })) }),
  "dependencies that follow on each other": (version) => ({ dependentSchemas: named(800, (index) => ({ required: [`p${index + 1 + version}`] })) }),
  "conjunctions of objects": (version) => ({ allOf: many(1_400, (index) => ({ properties: { [`p${index}`]: { maximum: 1 + version } } })) }),
  "recursion every which way": (version) => {
    const step = 4 * version + 7;
    const $defs = named(
      200,
      (index) => ({
        properties: { a: { $ref: `#/$defs/d${(index * step + 1) % 200}` }, b: { $ref: `#/$defs/d${(index * 13 + 5) % 200}` }, v: { maximum: index + version } },
      }),
      "d",
    );
    return { $defs, $ref: "#/$defs/d0" };
  },
  "a pattern that is hard to match": (version) => ({ pattern: "(a*)*".repeat(40_000 + version), enum: ["a".repeat(40_000)] }),
  ...Object.fromEntries(
    Object.entries(rungs).flatMap(([keyword, rung]) =>
      [20, 60, 120].map((levels) => [
        `a ladder of ${levels} ${keyword}`,
        (version: 0 | 1) => ladder(levels, rung, { maximum: 9 - version, maxProperties: 9 - version }),
      ]),
    ),
  ),
};

/** Of the processor, many times what it takes; what is not bounded takes minutes. */
const limitUs = 5_000_000;

describe("work is bounded", () => {
  test.each(Object.entries(shapes))("%s", (_, shape) => {
    const [former, next] = [JSON.stringify(shape(0)), JSON.stringify(shape(1))];
    const start = process.threadCpuUsage();
    const comparison = compareSchemas(former, next);
    const { user, system } = process.threadCpuUsage(start);
    expect(user + system).toBeLessThan(limitUs);
    // All of them differ, none by annotations alone.
    expect(comparison.verdict).not.toBe("NONE");
    expect(compareSchemas(former, former).verdict).toBe("NONE");
  });

  test("forty alternatives distinguished by a kind are all compared", () => {
    const union = (maximum: number) => ({
      oneOf: many(40, (index) => ({ type: "object", properties: { kind: { const: `k${index}` }, v: { maximum } }, required: ["kind"] })),
    });
    expect(compareSchemas(union(10), union(9))).toMatchObject({ verdict: "BREAKING", changes: { length: 40 } });
    expect(compareSchemas(union(9), union(10))).toMatchObject({ verdict: "COMPATIBLE", changes: { length: 40 } });
  });
});
