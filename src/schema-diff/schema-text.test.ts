import { describe, expect, it } from "vitest";
import { DomainError, type Reason } from "../kernel/errors.ts";
import { schemaErrorAtPointer } from "./schema-error.ts";
import { schemaLimits } from "./schema-scan.ts";
import { inspectSchema, synthesiseSchema } from "./schema-text.ts";

function refusal(schema: unknown): DomainError {
  try {
    inspectSchema(typeof schema === "string" ? schema : JSON.stringify(schema));
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error("the schema was accepted");
}

function expectRefusal(schema: unknown, reason: Reason, pointer: string, keyword: string): void {
  const error = refusal(schema);
  expect(error).toMatchObject({ kind: "invalid", reason, metadata: { pointer, keyword } });
  if (pointer) expect(error.message).toContain(`at ${pointer} (keyword ${keyword})`);
}

const nested = (levels: number): unknown => JSON.parse(`${'{"not":'.repeat(levels - 1)}{}${"}".repeat(levels - 1)}`);
const valued = (nodes: number) => ({
  enum: Array.from({ length: nodes - 2 }, (_, index) => index),
});
const referring = (refs: number) => ({
  anyOf: Array.from({ length: refs }, () => ({ $ref: "#" })),
});

describe("synthesiseSchema", () => {
  it("makes the same acceptable text for the same name", () => {
    const text = synthesiseSchema("parser-a");
    expect(text).toBe(synthesiseSchema("parser-a"));
    expect(inspectSchema(text)).toMatchObject({
      dialect: "draft/2020-12",
      document: {
        title: "Configuration of parser-a",
        type: "object",
        additionalProperties: { type: "string" },
      },
    });
  });
});

describe("inspectSchema", () => {
  it.each([
    ["true", "draft/2020-12"],
    ["{}", "draft/2020-12"],
    ['{"$schema":"https://json-schema.org/draft/2020-12/schema"}', "draft/2020-12"],
    ['{"$schema":"https://json-schema.org/draft/2019-09/schema#"}', "draft/2019-09"],
    ['{"$schema":"http://json-schema.org/draft-07/schema#"}', "draft-07"],
    ['{"$schema":"http://json-schema.org/draft-06/schema"}', "draft-06"],
  ])("knows the dialect of %s", (text, dialect) => {
    expect(inspectSchema(text).dialect).toBe(dialect);
  });

  it("refuses what is not JSON", () => {
    for (const text of ["", "{", "{'a':1}", "NaN", "\u{feff}", " \u{feff}{}"]) expectRefusal(text, "SCHEMA_NOT_JSON", "", "");
  });

  it("shows no control characters of the text in its message", () => {
    expect(refusal('{"a": \u001b[31m\u202e}').message).toMatch(/^[ -~…]*$/);
    expect(refusal({ properties: { "a\u202e\n": { $ref: "x\u001b" } } }).message).toMatch(/^[ -~…]*$/);
  });

  it("refuses what is no schema at its root", () => {
    for (const text of ["[]", "null", "1", '"object"']) expectRefusal(text, "SCHEMA_INVALID", "", "");
  });

  it("counts bytes, not characters", () => {
    const filled = (characters: string) => `{"title":"${characters}"}`;
    const room = schemaLimits.bytes - filled("").length;
    expect(() => inspectSchema(filled("x".repeat(room)))).not.toThrow();
    expectRefusal(filled("x".repeat(room + 1)), "SCHEMA_TOO_LARGE", "", "");
    expectRefusal(filled("é".repeat(room / 2 + 1)), "SCHEMA_TOO_LARGE", "", "");
  });

  it("bounds depth, values and references", () => {
    expect(() => inspectSchema(JSON.stringify(nested(schemaLimits.depth)))).not.toThrow();
    expect(refusal(nested(schemaLimits.depth + 1))).toMatchObject({
      reason: "SCHEMA_TOO_COMPLEX",
      metadata: { keyword: "not" },
    });
    expect(() => inspectSchema(JSON.stringify(valued(schemaLimits.nodes)))).not.toThrow();
    expect(refusal(valued(schemaLimits.nodes + 1))).toMatchObject({
      reason: "SCHEMA_TOO_COMPLEX",
      metadata: { keyword: "enum" },
    });
    expect(inspectSchema(JSON.stringify(referring(schemaLimits.refs))).references.all).toHaveLength(schemaLimits.refs);
    expect(refusal(referring(schemaLimits.refs + 1))).toMatchObject({
      reason: "SCHEMA_TOO_COMPLEX",
      metadata: { keyword: "$ref" },
    });
  });

  it("survives nesting that would overflow a stack", () => {
    const levels = 100_000;
    expect(refusal("[".repeat(levels) + "]".repeat(levels)).reason).toBe("SCHEMA_TOO_COMPLEX");
  });

  it("refuses references to other documents", () => {
    for (const ref of ["https://example.com/x", "file:///etc/passwd", "other.json#/a", "/x", "//host/x"]) {
      expectRefusal({ properties: { a: { $ref: ref } } }, "SCHEMA_REMOTE_REF", "/properties/a/$ref", "$ref");
    }
    expectRefusal({ items: { $dynamicRef: "x#y" } }, "SCHEMA_REMOTE_REF", "/items/$dynamicRef", "$dynamicRef");
    expectRefusal({ $recursiveRef: "x" }, "SCHEMA_REMOTE_REF", "/$recursiveRef", "$recursiveRef");
    expectRefusal({ $defs: { "a/b~c": { not: { $ref: "x" } } } }, "SCHEMA_REMOTE_REF", "/$defs/a~1b~0c/not/$ref", "$ref");
    expectRefusal({ "x-parts": [{ $ref: "x" }] }, "SCHEMA_REMOTE_REF", "/x-parts/0/$ref", "$ref");
    expectRefusal({ $id: "https://example.com/root", $ref: "other" }, "SCHEMA_REMOTE_REF", "/$ref", "$ref");
  });

  it("takes references and patterns in data, and properties of those names, for what they are", () => {
    const data = { $ref: "https://example.com/x", pattern: "(?=a)" };
    const { scan } = inspectSchema(
      JSON.stringify({
        default: data,
        examples: [data],
        const: data,
        enum: [data],
        properties: { $ref: { $ref: "#" }, pattern: { pattern: "^a$" } },
        patternProperties: { "^x-": { type: "string" } },
        "x-form": { pattern: "(?=a)" },
      }),
    );
    expect(scan.refs.map(({ text }) => text)).toEqual(["#"]);
    expect(scan.patterns.map(({ text }) => text).toSorted()).toEqual(["^a$", "^x-"]);
  });

  it("leaves Object.prototype alone and looks under __proto__", () => {
    expectRefusal('{"properties":{"__proto__":{"$ref":"x"}}}', "SCHEMA_REMOTE_REF", "/properties/__proto__/$ref", "$ref");
    inspectSchema('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}');
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(inspectSchema('{"__proto__":{"$schema":"nonsense"}}').dialect).toBe("draft/2020-12");
  });

  it("refuses dialects that it does not know", () => {
    for (const $schema of ["http://json-schema.org/draft-03/schema#", "https://example.com/meta", "http://json-schema.org/schema#", "", 7]) {
      expectRefusal({ $schema }, "SCHEMA_INVALID", "/$schema", "$schema");
    }
  });
});

describe("schemaErrorAtPointer", () => {
  it.each([
    ["", ""],
    ["/type", "type"],
    ["/properties/type", "properties"],
    ["/properties/0/type", "type"],
    ["/allOf/0", "allOf"],
    ["/allOf/0/items/required/2", "required"],
    ["/dependencies/a/1", "dependencies"],
  ])("names the keyword of %s", (pointer, keyword) => {
    expect(schemaErrorAtPointer("SCHEMA_INVALID", pointer, "").metadata["keyword"]).toBe(keyword);
  });
});
