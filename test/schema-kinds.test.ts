/** Schemas as they are written by people: what is unusual and right is accepted, what is wrong is refused at its place. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSchemaSandbox } from "../src/adapters/schema-sandbox/sandbox.ts";
import { createSchemaCheck } from "../src/adapters/schema-sandbox/schema-check.ts";
import type { DomainError } from "../src/kernel/errors.ts";

let sandbox: ReturnType<typeof createSchemaSandbox>;
let check: ReturnType<typeof createSchemaCheck>;
beforeAll(() => {
  // For a machine that stands still now and then.
  sandbox = createSchemaSandbox({ startMs: 60_000 });
  check = createSchemaCheck(sandbox, { limitMs: 30_000 });
});
afterAll(() => sandbox[Symbol.asyncDispose]());

const { signal } = new AbortController();
type Schema = Readonly<Record<string, unknown>> | string;

const textOf = (schema: Schema) => (typeof schema === "string" ? schema : JSON.stringify(schema));

async function warnings(schema: Schema): Promise<readonly string[]> {
  return (await check(textOf(schema), "ci", signal)).warnings;
}

async function refusal(schema: Schema): Promise<Pick<DomainError, "reason" | "message" | "metadata"> | "accepted"> {
  return check(textOf(schema), "ci", signal).then(
    () => "accepted" as const,
    (error: DomainError) => error,
  );
}

const draft = (name: string, schema: Readonly<Record<string, unknown>>) => ({ $schema: `http://json-schema.org/${name}/schema#`, ...schema });
const text = { type: "string" };

describe("references that stay within the document", () => {
  test.each<[string, Schema]>([
    ["by the document's own URI", { $id: "https://x/a.json", properties: { a: { $ref: "https://x/a.json#/$defs/t" } }, $defs: { t: text } }],
    ["by its file name", { $id: "https://x/a.json", properties: { a: { $ref: "a.json#/$defs/t" } }, $defs: { t: text } }],
    ["by a file name without a host", { $id: "a.json", items: { $ref: "a.json" } }],
    ["by its path", { $id: "https://x/dir/a.json", items: { $ref: "/dir/a.json#" } }],
    ["by the other of http and https", { $id: "http://x/a.json", items: { $ref: "https://x/a.json" } }],
    ["by a URN", { $id: "urn:example:a", items: { $ref: "urn:example:a#/$defs/t" }, $defs: { t: text } }],
    ["by the id that draft-04 had", draft("draft-07", { id: "https://x/a.json", items: { $ref: "a.json#/definitions/t" }, definitions: { t: text } })],
    ["to an embedded schema", { $id: "https://x/r", items: { $ref: "e" }, $defs: { any: { $id: "e", ...text } } }],
    ["to an embedded schema's anchor", { $id: "https://x/r", items: { $ref: "e#t" }, $defs: { any: { $id: "e", $defs: { a: { $anchor: "t" } } } } }],
    ["to a part of an embedded schema", { $id: "https://x/r", items: { $ref: "e#/$defs/t" }, $defs: { any: { $id: "e", $defs: { t: text } } } }],
    ["from an embedded schema to its own part", { $id: "https://x/r", properties: { p: { $id: "https://x/e", $ref: "#/$defs/v", $defs: { v: text } } } }],
    ["from an embedded schema to the document", { $id: "https://x/r", $defs: { t: text }, properties: { p: { $id: "e", items: { $ref: "r#/$defs/t" } } } }],
    ["to one embedded in one", { $id: "https://x/a/", $defs: { b: { $id: "b/", $defs: { c: { $id: "c" } } } }, $ref: "b/c" }],
    ["by an anchor in draft-07", draft("draft-07", { items: { $ref: "#t" }, definitions: { t: { $id: "#t" } } })],
    ["by an anchor in draft-04", draft("draft-04", { items: { $ref: "#t" }, definitions: { t: { id: "#t" } } })],
    ["to an embedded schema in draft-04", draft("draft-04", { id: "http://x/r", items: { $ref: "e" }, definitions: { t: { id: "e" } } })],
    ["where what stands beside $ref does not count", draft("draft-07", { definitions: { t: text }, items: { $id: "e", $ref: "#/definitions/t" } })],
    ["with names that a URI must escape", { properties: { a: { $ref: "#/$defs/a%20b~1%C3%BC%25%7B" } }, $defs: { "a b/ü%{": text } }],
    ["with names that are not escaped", { properties: { a: { $ref: '#/$defs/a b"ü{|}^`' } }, $defs: { 'a b"ü{|}^`': text } }],
    ["with names that look like URIs", { properties: { a: { $ref: "#/$defs/https:~1~1x?y#z" } }, $defs: { "https://x?y#z": text } }],
    ["to a boolean", { items: { $ref: "#/$defs/no" }, $defs: { no: false } }],
    ["to a place that is not known to be a schema", { items: { $ref: "#/components/schemas/t" }, components: { schemas: { t: text } } }],
    [
      "to a dialect's own schema",
      { items: { $ref: "http://json-schema.org/draft-07/schema#" }, $defs: { a: { $ref: "https://json-schema.org/draft/2020-12/schema" } } },
    ],
    ["to a part of a dialect's own schema", draft("draft-04", { items: { $ref: "http://json-schema.org/draft-04/schema#/definitions/positiveInteger" } })],
    ["of definitions that nothing refers to, to nothing", { $defs: { a: { $ref: "#/$defs/gone" } } }],
    [
      "dynamic ones in a bundle",
      { $id: "https://x/r", $dynamicAnchor: "n", $ref: "e", $defs: { e: { $id: "e", $dynamicAnchor: "n", items: { $dynamicRef: "#n" } } } },
    ],
    ["with the same name for equal schemas", { $defs: { a: { $id: "t", ...text }, b: { $id: "t", ...text } }, items: { $ref: "t" } }],
    ["with names for different schemas that nothing refers to", { $defs: { a: { $id: "t", ...text }, b: { $id: "t" } } }],
  ])("%s", async (_, schema) => {
    expect(await refusal(schema)).toBe("accepted");
  });

  test.each<[string, Schema, string, string, RegExp]>([
    ["another file", { $id: "https://x/a.json", items: { $ref: "b.json#/a" } }, "SCHEMA_REMOTE_REF", "/items/$ref", /"b\.json#\/a"/],
    ["the file of a document without a name", { items: { $ref: "a.json" } }, "SCHEMA_REMOTE_REF", "/items/$ref", /stay within/],
    ["the same file elsewhere", { $id: "https://x/a.json", items: { $ref: "https://y/a.json" } }, "SCHEMA_REMOTE_REF", "/items/$ref", /stay within/],
    ["a file beside an embedded one", { $id: "https://x/r", items: { $id: "sub/e", items: { $ref: "f" } } }, "SCHEMA_REMOTE_REF", "/items/items/$ref", /"f"/],
    ["another dialect's address", { items: { $ref: "http://json-schema.org/geo" } }, "SCHEMA_REMOTE_REF", "/items/$ref", /stay within/],
    ["what stands beside an annotation", { "x-a": { $ref: "https://x/a" } }, "SCHEMA_REMOTE_REF", "/x-a/$ref", /stay within/],
    ["nothing", { $id: "https://x/a.json", items: { $ref: "a.json#/$defs/t" } }, "SCHEMA_INVALID", "/items/$ref", /nothing in the schema answers/],
    ["a list", { allOf: [true], items: { $ref: "#/allOf" } }, "SCHEMA_INVALID", "/items/$ref", /neither an object nor a boolean/],
    ["a text", { title: "a", items: { $ref: "#/title" } }, "SCHEMA_INVALID", "/items/$ref", /neither an object nor a boolean/],
    ["two schemas", { $defs: { a: { $id: "t", ...text }, b: { $id: "t" } }, items: { $ref: "t" } }, "SCHEMA_INVALID", "/items/$ref", /more than one/],
    ["two anchors", { $defs: { a: { $anchor: "t", ...text }, b: { $anchor: "t" } }, items: { $ref: "#t" } }, "SCHEMA_INVALID", "/items/$ref", /more than one/],
    [
      "the document from an embedded schema",
      { $id: "https://x/r", $defs: { t: text }, items: { $id: "e", $ref: "#/$defs/t" } },
      "SCHEMA_INVALID",
      "/items/$ref",
      /nothing/,
    ],
    [
      "the second of two that look alike",
      { $defs: { t: {}, u: { $defs: { t: {} } } }, items: [{ $ref: "#/$defs/t" }, { $ref: "#/$defs/v/t" }] }.items[1] ?? {},
      "SCHEMA_INVALID",
      "/$ref",
      /nothing/,
    ],
  ])("but not those to %s", async (_, schema, reason, pointer, message) => {
    expect(await refusal(schema)).toMatchObject({ reason, metadata: { pointer, keyword: "$ref" }, message: expect.stringMatching(message) });
  });

  test.each<[string, Schema, string]>([
    ["a to b to a", { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } }, "/$defs/a/$ref"],
    ["to itself", { properties: { x: { $ref: "#/$defs/a" } }, $defs: { a: { $ref: "#/$defs/a" } } }, "/$defs/a/$ref"],
    ["of the root", { $ref: "#" }, "/$ref"],
    [
      "through allOf",
      { items: { $ref: "#/$defs/a" }, $defs: { a: { allOf: [text, { $ref: "#/$defs/b" }] }, b: { $ref: "#/$defs/a" } } },
      "/$defs/a/allOf/1/$ref",
    ],
    [
      "with keywords beside",
      { items: { $ref: "#/$defs/a" }, $defs: { a: { minLength: 1, $ref: "#/$defs/b" }, b: { maxLength: 2, $ref: "#/$defs/a" } } },
      "/$defs/a/$ref",
    ],
    [
      "in draft-04",
      draft("draft-04", { $ref: "#/definitions/a", definitions: { a: { $ref: "#/definitions/b" }, b: { $ref: "#/definitions/a" } } }),
      "/definitions/a/$ref",
    ],
  ])("a loop %s is said to be one", async (_, schema, pointer) => {
    expect(await refusal(schema)).toMatchObject({
      reason: "SCHEMA_INVALID",
      metadata: { pointer, keyword: "$ref" },
      message: expect.stringContaining("form a loop"),
    });
  });

  test("recursion is no loop, nor is a loop that nothing leads to", async () => {
    expect(await refusal({ type: "object", properties: { child: { $ref: "#" } }, items: { anyOf: [text, { $ref: "#" }] } })).toBe("accepted");
    expect(await refusal({ $defs: { a: { $ref: "#/$defs/a" } } })).toBe("accepted");
  });
});

describe("what only a reference makes a schema", () => {
  const hosts = (host: unknown) => ({ properties: { a: { $ref: "#/definitions/net/host" } }, definitions: { net: { host } } });

  test.each<[unknown, string, string]>([
    [{ minLength: -1 }, "SCHEMA_INVALID", "minLength"],
    [{ multipleOf: 0 }, "SCHEMA_INVALID", "multipleOf"],
    [{ type: "strin" }, "SCHEMA_INVALID", "type"],
    [{ format: 7 }, "SCHEMA_INVALID", "format"],
    [{ required: true }, "SCHEMA_INVALID", "required"],
    [{ pattern: "^(?=a)" }, "SCHEMA_PATTERN_UNSUPPORTED", "pattern"],
    [{ pattern: "(" }, "SCHEMA_INVALID", "pattern"],
    [{ $ref: "#/definitions/gone" }, "SCHEMA_INVALID", "$ref"],
    [{ $ref: "https://example.com/x" }, "SCHEMA_REMOTE_REF", "$ref"],
  ])("is held against the rules: %j", async (host, reason, keyword) => {
    const pointer = `/definitions/net/host/${keyword}`;
    expect(await refusal(hosts(host))).toMatchObject({ reason, metadata: { pointer, keyword } });
    expect(await refusal(draft("draft-04", hosts(host)))).toMatchObject({ reason, metadata: { pointer, keyword } });
    // As it is directly under definitions.
    expect(await refusal({ definitions: { host } })).toMatchObject(keyword === "$ref" && reason === "SCHEMA_INVALID" ? {} : { reason, metadata: { keyword } });
  });

  test.each<[string, Schema, string, string]>([
    ["in a default", { default: { minLength: -1 }, items: { $ref: "#/default" } }, "/default/minLength", "minLength"],
    ["in a list of values", { enum: [{ type: 7 }], items: { $ref: "#/enum/0" } }, "/enum/0/type", "type"],
    ["deep in it", { x: { y: { items: { properties: { a: { maximum: "1" } } } } }, items: { $ref: "#/x/y" } }, "/x/y/items/properties/a/maximum", "maximum"],
    ["by way of another", { x: { a: { $ref: "#/y/b" } }, y: { b: { minItems: 0.5 } }, items: { $ref: "#/x/a" } }, "/y/b/minItems", "minItems"],
    ["by its anchor", { x: { a: { $anchor: "t", uniqueItems: 1 } }, items: { $ref: "#t" } }, "/x/a/uniqueItems", "uniqueItems"],
    ["under a later dialect's $defs", draft("draft-07", { $defs: { t: { minLength: -1 } }, items: { $ref: "#/$defs/t" } }), "/$defs/t/minLength", "minLength"],
    ["as a map of properties", { properties: { type: { type: "string" } }, items: { $ref: "#/properties" } }, "/properties/type", "type"],
  ])("wherever it stands: %s", async (_, schema, pointer, keyword) => {
    expect(await refusal(schema)).toMatchObject({ reason: "SCHEMA_INVALID", metadata: { pointer, keyword } });
  });

  test("is accepted when it is right", async () => {
    expect(await refusal(hosts({ type: "string", pattern: "^[a-z]+$", minLength: 1 }))).toBe("accepted");
    expect(await refusal({ properties: { a: { $ref: "#/properties" } } })).toBe("accepted");
  });
});

describe("dialects", () => {
  test.each<[string, Schema]>([
    ["bounds", draft("draft-04", { minimum: 1, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false })],
    ["an id", draft("draft-04", { id: "http://x/a", properties: { id: text }, definitions: { a: { id: "#a" } } })],
    ["https and no #", { $schema: "https://json-schema.org/draft-04/schema", required: ["a"] }],
    ["tuples and dependencies", draft("draft-04", { items: [text, {}], additionalItems: false, dependencies: { a: ["b"], c: { required: ["d"] } } })],
    [
      "keywords it does not know",
      draft("draft-04", { $id: 7, const: 1, if: 7, contains: "a", propertyNames: [], examples: {}, $comment: 1, $dynamicRef: "#a" }),
    ],
  ])("draft-04 with %s", async (_, schema) => {
    expect(await refusal(schema)).toBe("accepted");
  });

  test.each<[string, Schema, string]>([
    ["a bound of draft-06", draft("draft-04", { properties: { a: { exclusiveMinimum: 1 } } }), "/properties/a/exclusiveMinimum"],
    ["an exclusive bound without a bound", draft("draft-04", { exclusiveMaximum: true }), "/exclusiveMaximum"],
    ["a boolean for a schema", draft("draft-04", { properties: { a: true } }), "/properties/a"],
    ["nothing required", draft("draft-04", { required: [] }), "/required"],
    ["no members", draft("draft-04", { enum: [] }), "/enum"],
    ["members twice", draft("draft-04", { enum: [1, 1] }), "/enum"],
    ["a type that there is not", draft("draft-04", { items: { type: "any" } }), "/items/type"],
  ])("draft-04 does not have %s", async (_, schema, pointer) => {
    expect(await refusal(schema)).toMatchObject({ reason: "SCHEMA_INVALID", metadata: { pointer } });
  });

  test.each<[string, Schema, readonly string[]]>([
    ["2020-12", { enum: [] }, ["/enum"]],
    [
      "2019-09",
      { $schema: "https://json-schema.org/draft/2019-09/schema", properties: { a: { enum: [] }, b: { enum: [] } } },
      ["/properties/a/enum", "/properties/b/enum"],
    ],
    ["draft-07", draft("draft-07", { items: { enum: [] } }), ["/items/enum"]],
  ])("an empty enum is only odd in %s", async (_, schema, places) => {
    const found = await warnings(schema);
    expect(found).toHaveLength(places.length);
    for (const place of places) expect(found).toContainEqual(`${place}: an enum without members accepts no value`);
  });

  test("an empty enum is against draft-06", async () => {
    expect(await refusal(draft("draft-06", { enum: [] }))).toMatchObject({ metadata: { pointer: "/enum", keyword: "enum" } });
    expect(await refusal(draft("draft-07", { enum: [1, 1] }))).toBe("accepted");
  });

  test("what only Ajv knows is an annotation", async () => {
    expect(await refusal({ nullable: "yes", $async: true, discriminator: { propertyName: "a" }, id: 7, properties: { a: { $async: true } } })).toBe("accepted");
  });

  test("numbers may be larger than a double", async () => {
    expect(await refusal('{"maximum":1e400,"minimum":-1e400,"enum":[1e999]}')).toBe("accepted");
  });

  test("a byte order mark is no part of the text", async () => {
    expect(await refusal('\u{feff}{"type":"object"}')).toBe("accepted");
    expect(await refusal('\u{feff}{"type":"obj"}')).toMatchObject({ metadata: { pointer: "/type" } });
    expect(await refusal("\u{feff}\u{feff}{}")).toMatchObject({ reason: "SCHEMA_NOT_JSON" });
  });

  test("a schema of many references is accepted", async () => {
    const properties = Object.fromEntries(Array.from({ length: 4_000 }, (_, index) => [`property-with-the-number-${index}`, { $ref: "#/$defs/value" }]));
    const large = JSON.stringify({ properties, $defs: { value: text } });
    expect(large.length).toBeGreaterThan(200_000);
    expect(await refusal(large)).toBe("accepted");
  });
});

describe("patterns", () => {
  test("are accepted where they are no harder to match than RE2's", async () => {
    const patterns = ["^\\p{Letter}+$", "\\p{Script=Han}", "[\\b]", ".{1,2048}", "(a{1,40}){1,40}", "^.{0,65535}$"];
    expect(await refusal({ anyOf: patterns.map((pattern) => ({ pattern })), patternProperties: { "^\\p{Lowercase_Letter}": true } })).toBe("accepted");
  });

  test("that repeat too much are said to", async () => {
    const found = await refusal({ items: { pattern: "(([a-z]{1,1000}){1,1000})" } });
    expect(found).toMatchObject({ reason: "SCHEMA_PATTERN_UNSUPPORTED", metadata: { pointer: "/items/pattern", keyword: "pattern" } });
    expect(found).toMatchObject({ message: expect.stringMatching(/too large: its repeats, written out, come to more than 100000 characters$/) });
  });

  test("that only other engines know are accepted with a warning", async () => {
    expect(await warnings({ properties: { a: { pattern: "(?P<y>\\d+)" }, b: { pattern: "^[a-z]$" } }, patternProperties: { "(?i)x": true } })).toEqual([
      expect.stringMatching(/^\/patternProperties\/\(\?i\)x: no ECMAScript engine takes this/),
      expect.stringMatching(/^\/properties\/a\/pattern: no ECMAScript engine takes this/),
    ]);
  });
});

describe("warnings", () => {
  test("are few, however many there are", async () => {
    const found = await warnings({ properties: Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`p${"x".repeat(300)}${index}`, { enum: [] }])) });
    expect(found).toHaveLength(6);
    expect(found.at(-1)).toBe("and 25 more");
    expect(found.join("").length).toBeLessThan(1_000);
  });

  test("are remembered with the verdict", async () => {
    const schema = { title: "remembered", enum: [] };
    expect(await warnings(schema)).toEqual(await warnings(schema));
  });
});
