/** Pairs: references, recursion, dialects, annotations. */
import type { JsonValue } from "../../src/schema-diff/json.ts";
import { type Pair, breaking, compatible, inDialect, none, unknown } from "./pair.ts";

const text = { type: "string" };
const tree = (value: JsonValue) => ({
  $defs: { node: { type: "object", properties: { value, children: { items: { $ref: "#/$defs/node" } } } } },
  $ref: "#/$defs/node",
});

export const referencePairs: readonly Pair[] = [
  none("a schema moved to a definition", { properties: { a: text } }, { properties: { a: { $ref: "#/$defs/text" } }, $defs: { text } }, { a: "x" }),
  none("a definition under another name", { $defs: { a: text }, $ref: "#/$defs/a" }, { definitions: { b: text }, $ref: "#/definitions/b" }, "x"),
  none("a reference to a reference", { $ref: "#/$defs/a", $defs: { a: text } }, { $ref: "#/$defs/b", $defs: { a: text, b: { $ref: "#/$defs/a" } } }, "x"),
  none("a definition that nothing refers to", { $defs: { a: text } }, { $defs: { a: { type: "null" } } }, 1),
  none("a reference by anchor", { $ref: "#/$defs/a", $defs: { a: text } }, { $ref: "#a", $defs: { a: { ...text, $anchor: "a" } } }, "x"),
  none("names that must be escaped", { $ref: "#/$defs/a~1b%25", $defs: { "a/b%": text } }, text, "x"),
  breaking(
    "a definition narrowed",
    { items: { $ref: "#/$defs/a" }, $defs: { a: text } },
    { items: { $ref: "#/$defs/a" }, $defs: { a: { ...text, maxLength: 1 } } },
    "/$defs/a/maxLength",
    ["xx"],
  ),
  compatible(
    "a definition widened",
    { items: { $ref: "#/$defs/a" }, $defs: { a: { ...text, maxLength: 1 } } },
    { items: { $ref: "#/$defs/a" }, $defs: { a: text } },
    "/$defs/a/maxLength",
    ["x"],
  ),
  breaking(
    "a keyword beside a reference",
    { $ref: "#/$defs/a", $defs: { a: text } },
    { $ref: "#/$defs/a", maxLength: 1, $defs: { a: text } },
    "/maxLength",
    "xx",
  ),
  unknown(
    "a keyword beside a reference in draft-07",
    inDialect("draft-07", { definitions: { a: text }, allOf: [{ $ref: "#/definitions/a" }] }),
    inDialect("draft-07", {
      definitions: { a: text },
      allOf: [{ $ref: "#/definitions/a", maxLength: 1 }],
    }),
    "/allOf/0/maxLength",
    "xx",
  ),
  unknown(
    "a keyword gone from beside a reference in draft-07, where the reference narrows",
    inDialect("draft-07", { definitions: { a: text }, allOf: [{ $ref: "#/definitions/a", maxLength: 1 }] }),
    inDialect("draft-07", {
      definitions: { a: { ...text, maxLength: 3 } },
      allOf: [{ $ref: "#/definitions/a" }],
    }),
    "/definitions/a/maxLength",
  ),
  none(
    "an annotation beside a reference in draft-07",
    inDialect("draft-07", { definitions: { a: text }, $ref: "#/definitions/a" }),
    inDialect("draft-07", { definitions: { a: text }, $ref: "#/definitions/a", title: "A" }),
    "x",
  ),
  none(
    "a keyword of its own beside a reference, kept",
    inDialect("draft-07", { definitions: { a: text }, properties: { a: { $ref: "#/definitions/a", maxLength: 1 } } }),
    inDialect("draft-07", {
      definitions: { b: text },
      properties: { a: { $ref: "#/definitions/b", maxLength: 1 } },
    }),
    { a: "x" },
  ),

  unknown(
    "a dependency beside a reference in draft-07, in a closed object",
    inDialect("draft-07", { type: "object", properties: { a: { $ref: "#" }, b: {} }, additionalProperties: false }),
    inDialect("draft-07", { type: "object", properties: { a: { $ref: "#", dependencies: { b: false } }, b: {} }, additionalProperties: false }),
    ["/properties/a/dependencies/b", "dependencies"],
    { a: { b: 1 } },
  ),
  none(
    "recursion with another name",
    tree(text),
    { $defs: { twig: { type: "object", properties: { value: text, children: { items: { $ref: "#/$defs/twig" } } } } }, $ref: "#/$defs/twig" },
    { children: [{ value: "x" }] },
  ),
  breaking("recursion, narrowed within", tree({ maximum: 9 }), tree({ maximum: 8 }), "/$defs/node/properties/value/maximum", { children: [{ value: 9 }] }),
  compatible("recursion, widened within", tree({ maximum: 9 }), tree({ maximum: 10 }), "/$defs/node/properties/value/maximum", { children: [{ value: 9 }] }),
  none("recursion by the root, unrolled once", { type: "array", items: { $ref: "#" } }, { type: "array", items: { type: "array", items: { $ref: "#" } } }, [
    [],
    [[]],
  ]),
  breaking("recursion cut off", { items: { $ref: "#" } }, { items: { items: false } }, "/items/items", [[[]]]),
  none(
    "recursion without an end, unchanged",
    { $defs: { a: { anyOf: [{ $ref: "#/$defs/a" }] } }, type: "string" },
    { type: "string", $defs: { a: { anyOf: [{ $ref: "#/$defs/a" }] } } },
  ),
  unknown("recursion without an end", { type: "string" }, { $defs: { a: { anyOf: [{ $ref: "#/$defs/a" }, text] } }, $ref: "#/$defs/a" }, ["", ""]),

  compatible(
    "a base URI within",
    { $defs: { a: { $id: "x", type: "string" } }, $ref: "#/$defs/a" },
    { $defs: { a: { $id: "x", type: ["string", "null"] } }, $ref: "#/$defs/a" },
    "/$defs/a/type",
    "x",
  ),
  breaking(
    "references that begin at the schema embedded around them",
    { $id: "https://x/r", $defs: { v: { type: "null" } }, properties: { p: { $id: "e", $ref: "#/$defs/v", $defs: { v: text } } } },
    { $id: "https://x/r", $defs: { v: { type: "null" } }, properties: { p: { $id: "e", $ref: "#/$defs/v", $defs: { v: { ...text, maxLength: 1 } } } } },
    "/properties/p/$defs/v/maxLength",
    { p: "xx" },
  ),
  none(
    "the same text of a reference with another base",
    {
      properties: {
        a: { $id: "https://x/a", $ref: "#/$defs/v", $defs: { v: text } },
        b: { $id: "https://x/b", $ref: "#/$defs/v", $defs: { v: { const: 1 } } },
      },
    },
    { properties: { a: text, b: { const: 1 } } },
    { a: "x", b: 1 },
  ),
  breaking(
    "an embedded schema by its URI, narrowed",
    { $id: "https://x/r", items: { $ref: "e.json" }, $defs: { e: { $id: "https://x/e.json", ...text } } },
    { $id: "https://x/r", items: { $ref: "e.json" }, $defs: { e: { $id: "https://x/e.json", ...text, maxLength: 1 } } },
    "/$defs/e/maxLength",
    ["xx"],
  ),
  none(
    "a document under another URI of its own",
    { $id: "https://x/1/r.json", items: { $ref: "r.json#/$defs/a" }, $defs: { a: text } },
    { $id: "https://x/2/r.json", items: { $ref: "r.json#/$defs/a" }, $defs: { a: text } },
    ["x"],
  ),
  none(
    "the schema of a dialect, beside something else",
    { properties: { s: { $ref: "http://json-schema.org/draft-07/schema#" } } },
    { properties: { s: { $ref: "http://json-schema.org/draft-07/schema#" } }, title: "A" },
  ),
  unknown(
    "a reference that leads to where its dialect or its validator says",
    inDialect("draft-07", { definitions: { v: text }, properties: { p: { $id: "e", $ref: "#/definitions/v", definitions: { v: { type: "null" } } } } }),
    inDialect("draft-07", { definitions: { v: {} }, properties: { p: { $id: "e", $ref: "#/definitions/v", definitions: { v: { type: "null" } } } } }),
    "/properties/p/$ref",
  ),
  unknown(
    "references in what draft-06 does not know, though some validators do",
    inDialect("draft-06", { definitions: { a: text, b: { type: "null" } }, if: { $ref: "#/definitions/a" }, else: false }),
    inDialect("draft-06", { definitions: { a: text, b: { type: "null" } }, if: { $ref: "#/definitions/b" }, else: false }),
    "/if",
    "x",
  ),
  unknown(
    "a schema of another dialect within",
    { $defs: { a: { $id: "a", $schema: "http://json-schema.org/draft-07/schema#", maximum: 9 } }, $ref: "a" },
    { $defs: { a: { $id: "a", $schema: "http://json-schema.org/draft-07/schema#", maximum: 10 } }, $ref: "a" },
    "/$schema",
  ),
  unknown(
    "$dynamicRef, something changed",
    { $defs: { a: { $dynamicAnchor: "a", type: "string" } }, items: { $dynamicRef: "#a" } },
    { $defs: { a: { $dynamicAnchor: "a", type: "null" } }, items: { $dynamicRef: "#a" } },
    "/items/$dynamicRef",
  ),
  none(
    "$dynamicRef, only described otherwise",
    { $defs: { a: { $dynamicAnchor: "a", type: "string" } }, items: { $dynamicRef: "#a" } },
    { title: "A", $defs: { a: { $dynamicAnchor: "a", type: "string" } }, items: { $dynamicRef: "#a" } },
    "x",
  ),

  none("annotations", { title: "A", description: "a", default: 1, examples: [1] }, { title: "B", deprecated: true, $comment: "c", "x-order": 3 }, 1),
  compatible(
    "an annotation that something refers to",
    { default: { maximum: 9 }, items: { $ref: "#/default" } },
    { default: { maximum: 10 }, items: { $ref: "#/default" } },
    "/default/maximum",
    [9],
  ),
  none(
    "a property called title",
    { properties: { title: { title: "x", maxLength: 1 } } },
    { properties: { title: { title: "y", maxLength: 1 } } },
    { title: "x" },
  ),
  breaking(
    "a property called description, narrowed",
    { properties: { description: text } },
    { properties: { description: { ...text, maxLength: 1 } } },
    "/properties/description/maxLength",
    {
      description: "xx",
    },
  ),
  breaking("a value that looks like an annotation", { const: { title: "A" } }, { const: { title: "B" } }, "/const", { title: "A" }),
  none("OpenAPI's nullable is an annotation here", { type: "string", nullable: true }, { type: "string" }, "x"),

  none("the dialect said or unsaid", text, { $schema: "https://json-schema.org/draft/2020-12/schema", ...text }, "x"),
  none(
    "another dialect, the same meaning",
    inDialect("draft-07", { type: "object", properties: { a: text }, required: ["a"] }),
    { type: "object", properties: { a: text }, required: ["a"] },
    { a: "x" },
  ),
  breaking("another dialect, and narrower", inDialect("draft-07", text), { ...text, maxLength: 1 }, "/maxLength", "xx"),
  unknown(
    "another dialect, in which a tuple is something else",
    inDialect("draft-07", { items: [text], additionalItems: false }),
    { prefixItems: [text], items: false },
    "/$schema",
  ),
  unknown(
    "another dialect, in which a keyword begins to count",
    inDialect("draft-07", { dependentRequired: { a: ["b"] } }),
    { dependentRequired: { a: ["b"] } },
    "/$schema",
    { a: 1 },
  ),
];
