import { describe, expect, test } from "vitest";
import { compilableText } from "./compilable.ts";
import { requireSoundReferences } from "./references.ts";
import { inspectSchema } from "./schema-text.ts";

const many = <T>(count: number, make: (index: number) => T): readonly T[] => Array.from({ length: count }, (_, index) => make(index));
const named = (count: number, make: (index: number) => unknown) => Object.fromEntries(many(count, (index) => [`p${index}`, make(index)]));
const nested = (levels: number, foot: unknown): unknown => (levels === 0 ? foot : { x: nested(levels - 1, foot), [`a${levels}`]: 1 });

describe("work with references is bounded", () => {
  test.each<[string, unknown]>([
    ["a place with a long name", { $defs: { ["k".repeat(50_000)]: { $anchor: "a" } }, anyOf: many(3_900, () => ({ $ref: "#a" })) }],
    [
      "thousands of long URIs",
      { $id: `http://x/${"a/".repeat(1_000)}`, $defs: named(3_000, (i) => ({ $id: `../../../${i}` })), anyOf: many(900, (i) => ({ $ref: `../../../${i}` })) },
    ],
    [
      "one name for thousands of schemas",
      { $defs: named(2_400, (i) => ({ $id: "t", title: `${"x".repeat(40)}${i}` })), anyOf: many(900, () => ({ $ref: "t" })) },
    ],
    [
      "references to each level of what is no schema",
      {
        w: nested(
          55,
          named(3_000, () => ({})),
        ),
        anyOf: many(55, (i) => ({ $ref: `#/w${"/x".repeat(i)}` })),
      },
    ],
    ["a long chain", { $defs: named(2_400, (i) => ({ $ref: `#/$defs/p${Math.min(i + 1, 2_399)}` })), $ref: "#/$defs/p0" }],
    ["a grid", { $defs: named(1_200, (i) => ({ allOf: many(2, (j) => ({ $ref: `#/$defs/p${Math.min(i + 1 + j, 1_199)}` })) })), $ref: "#/$defs/p0" }],
  ])("%s", (_, schema) => {
    const text = JSON.stringify(schema);
    const start = process.threadCpuUsage();
    try {
      const inspected = inspectSchema(text);
      requireSoundReferences(inspected.scan, inspected.references);
      expect(compilableText(inspected).length).toBeLessThan(5_000_000);
    } catch (error) {
      expect(error).toMatchObject({ kind: "invalid" });
    }
    const { user, system } = process.threadCpuUsage(start);
    // Some tens of milliseconds are usual.
    expect(user + system).toBeLessThan(1_000_000);
  });
});

describe("compilableText", () => {
  test("leaves nothing to resolve", () => {
    const schema = {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      $id: "https://x/r",
      nullable: true,
      enum: [],
      properties: { $id: { $ref: "e#t" }, b: { $ref: "#/$defs/a%20b" }, c: { $ref: "http://json-schema.org/draft-07/schema#" } },
      $defs: { e: { $id: "e", $defs: { t: { $anchor: "t", $dynamicRef: "#t" } } }, "a b": false },
      default: { $ref: "elsewhere", $id: "a" },
    };
    expect(JSON.parse(compilableText(inspectSchema(JSON.stringify(schema))))).toEqual({
      enum: [null],
      properties: { $id: { $ref: "#/$defs/e/$defs/t" }, b: { $ref: "#/$defs/a%20b" }, c: {} },
      $defs: { e: { $defs: { t: { $ref: "#/$defs/e/$defs/t" } } }, "a b": false },
      default: { $ref: "elsewhere", $id: "a" },
    });
  });
});
