/** Pairs: objects. */
import { type Pair, breaking, compatible, inDialect, none, unknown } from "./pair.ts";

const text = { type: "string" };
const closed = (properties: Record<string, object | boolean>) => ({ type: "object", properties, additionalProperties: false }) as never;

export const objectPairs: readonly Pair[] = [
  breaking("a property required", { properties: { a: text } }, { properties: { a: text }, required: ["a"] }, "/required", {}),
  compatible("a property no longer required", { required: ["a", "b"] }, { required: ["a"] }, "/required", { a: 1, b: 1 }),
  none("required in another order", { required: ["a", "b"] }, { required: ["b", "a"] }, { a: 1, b: 1 }),
  none("required names where no object can be", text, { ...text, required: ["a"] }, "x"),

  breaking("a property defined in an open object", { type: "object" }, { type: "object", properties: { a: text } }, ["/properties/a", "properties"], { a: 1 }),
  compatible("a definition gone from an open object", { properties: { a: text } }, { properties: {} }, ["/properties/a", "properties"], { a: "x" }),
  compatible("a property defined in a closed object", closed({ a: text }), closed({ a: text, b: text }), ["/properties/b", "properties"], { a: "x" }),
  breaking("a definition gone from a closed object", closed({ a: text, b: text }), closed({ a: text }), ["/properties/b", "properties"], { b: "x" }),
  none("a property that may be anything, in an open object", { type: "object" }, { type: "object", properties: { a: true, b: { title: "B" } } }, { a: 1 }),
  breaking("open to closed", { properties: { a: text } }, { properties: { a: text }, additionalProperties: false }, "/additionalProperties", { z: 1 }),
  compatible("closed to open", closed({ a: text }), { type: "object", properties: { a: text } }, "/additionalProperties", { a: "x" }),
  breaking("a property narrowed", closed({ a: { type: ["string", "null"] } }), closed({ a: text }), "/properties/a/type", { a: null }),
  compatible("a property widened", closed({ a: text }), closed({ a: { type: ["string", "null"] } }), "/properties/a/type", { a: "x" }),
  breaking("a property refused", { properties: { a: text } }, { properties: { a: false } }, ["/properties/a", "properties"], { a: "x" }),
  none("a refused property of a closed object", closed({ a: text }), closed({ a: text, b: false }), { a: "x" }),
  none("a name that stands for itself", closed({ __proto__: text }), closed({ __proto__: text }), {}),
  breaking(
    "a property named like one of every object's",
    closed({ toString: text }),
    closed({ toString: { ...text, maxLength: 1 } }),
    "/properties/toString/maxLength",
    {
      toString: "xx",
    },
  ),

  breaking(
    "other properties narrowed",
    { additionalProperties: { type: "number" } },
    { additionalProperties: { type: "integer" } },
    "/additionalProperties/type",
    { a: 1.5 },
  ),
  breaking(
    "a definition apart from what held for all",
    { additionalProperties: text },
    { properties: { a: { type: "integer" } }, additionalProperties: text },
    "/properties/a/type",
    {
      a: "x",
    },
  ),
  none("a definition like what holds for all", { additionalProperties: text }, { properties: { a: text }, additionalProperties: text }, { a: "x" }),
  breaking(
    "a definition gone leaves what holds for all",
    { properties: { a: text }, additionalProperties: { type: "integer" } },
    { additionalProperties: { type: "integer" } },
    "/additionalProperties/type",
    {
      a: "x",
    },
  ),
  breaking("other properties restricted", { type: "object" }, { type: "object", additionalProperties: text }, "/additionalProperties", { a: 1 }),

  breaking(
    "properties of a pattern narrowed",
    { patternProperties: { "^x-": { maximum: 9 } } },
    { patternProperties: { "^x-": { maximum: 8 } } },
    "/patternProperties/^x-/maximum",
    {
      "x-a": 9,
    },
  ),
  breaking(
    "a pattern on an open object",
    { type: "object" },
    { type: "object", patternProperties: { "^x-": text } },
    ["/patternProperties/^x-", "patternProperties"],
    { "x-a": 1 },
  ),
  compatible(
    "a pattern on a closed object",
    closed({ a: text }),
    { ...(closed({ a: text }) as object), patternProperties: { "^x-": text } },
    ["/additionalProperties", "additionalProperties"],
    {
      a: "x",
    },
  ),
  breaking(
    "a pattern that takes in a defined property",
    closed({ "x-a": text }),
    { ...(closed({ "x-a": text }) as object), patternProperties: { "^x-": { maxLength: 1 } } },
    ["/patternProperties/^x-/maxLength", "maxLength"],
    { "x-a": "xx" },
  ),
  unknown(
    "a pattern that may take in a defined property",
    closed({ ab: text }),
    { ...(closed({ ab: text }) as object), patternProperties: { "^[a-c]+$": { maxLength: 1 } } },
    ["/patternProperties/^[a-c]+$/maxLength", "maxLength"],
    { ab: "xx" },
  ),
  breaking(
    "without its pattern, a name falls under the rest",
    { patternProperties: { "^x-": true }, additionalProperties: false },
    { additionalProperties: false },
    "/additionalProperties",
    {
      "x-a": 1,
    },
  ),

  breaking("names restricted", { type: "object" }, { type: "object", propertyNames: { maxLength: 2 } }, "/propertyNames/maxLength", { abc: 1 }),
  compatible("names free again", { propertyNames: { maxLength: 2 } }, {}, "/propertyNames/maxLength", { ab: 1 }),
  none("a limit that listed names keep", closed({ ab: text }), { ...(closed({ ab: text }) as object), propertyNames: { maxLength: 2 } }, { ab: "x" }),
  breaking(
    "a limit that a listed name breaks",
    closed({ abc: text }),
    { ...(closed({ abc: text }) as object), propertyNames: { maxLength: 2 } },
    "/propertyNames/maxLength",
    { abc: "x" },
  ),
  breaking("maxProperties lowered", { maxProperties: 2 }, { maxProperties: 1 }, "/maxProperties", { a: 1, b: 1 }),
  compatible("minProperties lowered", { minProperties: 2 }, { minProperties: 1 }, "/minProperties", { a: 1, b: 1 }),
  none("minProperties that required names fulfil", { type: "object", required: ["a"] }, { type: "object", required: ["a"], minProperties: 1 }, { a: 1 }),
  none("maxProperties of a closed object", closed({ a: text }), { ...(closed({ a: text }) as object), maxProperties: 1 }, { a: "x" }),

  breaking("a dependency added", { type: "object" }, { type: "object", dependentRequired: { a: ["b"] } }, ["/dependentRequired/a", "dependentRequired"], {
    a: 1,
  }),
  compatible("a dependency gone", { dependentRequired: { a: ["b"] } }, {}, ["/dependentRequired/a", "dependentRequired"], { a: 1, b: 1 }),
  none(
    "a dependency on what is required",
    { type: "object", required: ["b"] },
    { type: "object", required: ["b"], dependentRequired: { a: ["b"] } },
    { a: 1, b: 1 },
  ),
  none("a dependency of what is refused", closed({ b: text }), { ...(closed({ b: text }) as object), dependentRequired: { a: ["b"] } }, {}),
  breaking(
    "a dependent schema narrowed",
    { dependentSchemas: { a: { properties: { b: text } } } },
    { dependentSchemas: { a: { properties: { b: { ...text, maxLength: 1 } } } } },
    "/dependentSchemas/a/properties/b/maxLength",
    {
      a: 1,
      b: "xx",
    },
  ),
  breaking(
    "a dependency of draft-07",
    inDialect("draft-07", { type: "object" }),
    inDialect("draft-07", { type: "object", dependencies: { a: ["b"] } }),
    ["/dependencies/a", "dependencies"],
    { a: 1 },
  ),
  none("a keyword of 2019-09 in draft-07", inDialect("draft-07", {}), inDialect("draft-07", { dependentRequired: { a: ["b"] } }), { a: 1 }),
  unknown("a dependency of draft-07 in 2020-12", { type: "object" }, { type: "object", dependencies: { a: ["b"] } }, ["/dependencies/a", "dependencies"], {
    a: 1,
  }),

  compatible(
    "a property more in allOf, with unevaluatedProperties",
    { allOf: [{ properties: { a: text } }], unevaluatedProperties: false },
    { allOf: [{ properties: { a: text, b: text } }], unevaluatedProperties: false },
    ["/allOf/0/properties/b", "properties"],
    { a: "x" },
  ),
  breaking(
    "a property less in allOf, with unevaluatedProperties",
    { allOf: [{ properties: { a: true, b: true } }], unevaluatedProperties: false },
    { allOf: [{ properties: { a: true } }], unevaluatedProperties: false },
    ["/allOf/0/properties/b", "properties"],
    { b: 1 },
  ),
  none(
    "allOf written out, with unevaluatedProperties",
    { $ref: "#/$defs/a", $defs: { a: { patternProperties: { "^x-": text } } }, properties: { a: text }, unevaluatedProperties: false },
    { patternProperties: { "^x-": text }, properties: { a: text }, additionalProperties: false },
    { a: "x", "x-1": "y" },
  ),
  none(
    "nothing is left over by additionalProperties in allOf",
    { allOf: [{ additionalProperties: text }], unevaluatedProperties: false },
    { additionalProperties: text },
    { a: "x" },
  ),
  unknown(
    "unevaluatedProperties beside anyOf",
    { anyOf: [{ properties: { a: text } }, { type: "null" }], unevaluatedProperties: false },
    { anyOf: [{ properties: { a: text, b: text } }, { type: "null" }], unevaluatedProperties: false },
    "/unevaluatedProperties",
  ),
  unknown(
    "unevaluatedProperties that see less by anyOf",
    { anyOf: [{ properties: { a: true, b: true } }], unevaluatedProperties: false },
    { anyOf: [{ properties: { a: true } }], unevaluatedProperties: false },
    "/unevaluatedProperties",
    { b: 1 },
  ),
  compatible(
    "unevaluatedProperties kept, something else widened",
    { anyOf: [{ type: "object", unevaluatedProperties: false, anyOf: [{ properties: { a: text } }] }, { type: "null" }] },
    {
      anyOf: [{ type: "object", unevaluatedProperties: false, anyOf: [{ properties: { a: text } }] }, { type: ["null", "string"] }],
    },
    "/anyOf",
    { a: "x" },
    null,
  ),
  none("unevaluatedProperties alone are additionalProperties", { type: "object", properties: { a: text }, unevaluatedProperties: false }, closed({ a: text }), {
    a: "x",
  }),
  compatible(
    "a property more, with unevaluatedProperties alone",
    { properties: { a: text }, unevaluatedProperties: false },
    { properties: { a: text, b: text }, unevaluatedProperties: false },
    ["/properties/b", "properties"],
    {
      a: "x",
    },
  ),
];
