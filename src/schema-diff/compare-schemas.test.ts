import { describe, expect, test } from "vitest";
import { validatorOf } from "../../test/schema-diff/ajv.ts";
import type { Pair } from "../../test/schema-diff/pair.ts";
import { arrayPairs } from "../../test/schema-diff/pairs-arrays.ts";
import { combinationPairs } from "../../test/schema-diff/pairs-combinations.ts";
import { draft04Pairs } from "../../test/schema-diff/pairs-draft04.ts";
import { objectPairs } from "../../test/schema-diff/pairs-objects.ts";
import { referencePairs } from "../../test/schema-diff/pairs-references.ts";
import { valuePairs } from "../../test/schema-diff/pairs-values.ts";
import { compareSchemas } from "./compare-schemas.ts";

const tables = {
  values: valuePairs,
  objects: objectPairs,
  arrays: arrayPairs,
  combinations: combinationPairs,
  references: referencePairs,
  "draft-04": draft04Pairs,
};

describe.each(Object.entries(tables))("hand-made pairs: %s", (_, pairs) => {
  test.each(pairs.map((pair) => [pair.name, pair] as const))("%s", (_name, pair) => {
    expectVerdict(pair);
    expectHonest(pair);
  });
});

function expectVerdict({ former, next, verdict, decides }: Pair): void {
  const comparison = compareSchemas(former, next);
  expect(comparison).toMatchObject({ verdict });
  const deciding = comparison.changes.filter(({ kind }) => kind === verdict).map(({ pointer, keyword }) => [pointer, keyword]);
  if (decides) expect(deciding).toContainEqual(decides);
  for (const { message } of comparison.changes) expect(message).toMatch(/^[ -~…\u{1f600}]+$/u);
  expect(compareSchemas(former, former)).toEqual({ verdict: "NONE", changes: [], omitted: 0 });
  expect(compareSchemas(next, next)).toEqual({ verdict: "NONE", changes: [], omitted: 0 });
}

/** What the table says of its instances is so, by Ajv. */
function expectHonest({ name, former, next, verdict, instances }: Pair): void {
  if (/without an end/.test(name)) return;
  const [wasValid, isValid] = [validatorOf(former), validatorOf(next)];
  const breaks = verdict === "BREAKING" || verdict === "UNKNOWN";
  if (verdict === "BREAKING") expect(instances.length).toBeGreaterThan(0);
  expect(instances.map((instance) => [wasValid(instance), isValid(instance)])).toEqual(instances.map(() => [true, !breaks]));
}

describe("what is given", () => {
  test("may be text, in which exponents can be too large to be worked with", () => {
    expect(compareSchemas('{"minimum":1}', '{ "minimum": 1.0 }').verdict).toBe("NONE");
    const huge = '{"enum":[1e9999999999999]}';
    expect(compareSchemas(huge, '{"enum":[null]}')).toMatchObject({ verdict: "UNKNOWN", changes: [{ pointer: "", keyword: "" }] });
    expect(compareSchemas(huge, huge.replace("{", '{"title":"A",')).verdict).toBe("NONE");
  });

  test("must be a schema", () => {
    expect(() => compareSchemas("{", {})).toThrow(expect.objectContaining({ reason: "SCHEMA_NOT_JSON" }));
    expect(() => compareSchemas({}, { $ref: "https://example.com/x" })).toThrow(expect.objectContaining({ reason: "SCHEMA_REMOTE_REF" }));
  });

  test("is left as it was, and so is Object.prototype", () => {
    const [former, next] = ['{"properties":{"__proto__":{"maximum":2}}}', '{"properties":{"__proto__":{"maximum":1},"constructor":{"type":"string"}}}'];
    expect(compareSchemas(former, next).changes.map(({ pointer }) => pointer)).toEqual(["/properties/__proto__/maximum", "/properties/constructor"]);
    expect(({} as Record<string, unknown>)["maximum"]).toBeUndefined();
  });
});
