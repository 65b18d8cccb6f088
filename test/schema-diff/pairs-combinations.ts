// oxlint-disable unicorn/no-thenable -- a keyword of JSON Schema
/** Pairs: what schemas say of the same value together. */
import type { JsonValue } from "../../src/schema-diff/json.ts";
import { type Pair, breaking, compatible, inDialect, none, unknown } from "./pair.ts";

const text = { type: "string" };
const count = { type: "integer" };
const kind = (name: string, more: Record<string, JsonValue> = {}) => ({ type: "object", properties: { kind: { const: name }, ...more }, required: ["kind"] });

export const combinationPairs: readonly Pair[] = [
  none("everything", true, {}, 1),
  breaking("nothing", {}, false, ["", ""], 1),
  compatible("from nothing", false, text, ["", ""]),
  none("a contradiction is nothing", { type: "string", const: 1 }, false),
  compatible("whatever a contradiction becomes", { type: "string", minLength: 2, maxLength: 1 }, { type: "string", pattern: "^a$" }, "/maxLength"),

  breaking("allOf one more", { allOf: [text] }, { allOf: [text, { maxLength: 2 }] }, "/allOf/1/maxLength", "abc"),
  compatible("allOf one less", { allOf: [text, { maxLength: 2 }] }, { allOf: [text] }, "/allOf/1/maxLength", "ab"),
  none("allOf written out", { allOf: [text, { maxLength: 2 }] }, { type: "string", maxLength: 2 }, "ab"),
  none("allOf in another order", { allOf: [text, { maxLength: 2 }] }, { allOf: [{ maxLength: 2 }, text] }, "ab"),
  breaking(
    "additionalProperties do not see into allOf",
    { allOf: [{ properties: { a: text } }], properties: { b: text } },
    {
      allOf: [{ properties: { a: text } }],
      properties: { b: text },
      additionalProperties: false,
    },
    "/additionalProperties",
    { a: "x" },
  ),

  compatible("anyOf one more", { anyOf: [text, count] }, { anyOf: [text, count, { type: "null" }] }, "/anyOf", "a", 1),
  breaking("anyOf one less", { anyOf: [text, count] }, { anyOf: [text] }, "/anyOf", 1),
  none("anyOf in another order", { anyOf: [text, count] }, { anyOf: [count, text] }, "a", 1),
  none("anyOf types is a list of types", { anyOf: [text, count] }, { type: ["string", "integer"] }, "a", 1),
  breaking("anyOf, one of two apart narrowed", { anyOf: [text, { ...count, maximum: 9 }] }, { anyOf: [text, { ...count, maximum: 8 }] }, "/anyOf/1/maximum", 9),
  compatible(
    "anyOf, one of two apart widened",
    { anyOf: [text, { ...count, maximum: 1000 }] },
    { anyOf: [text, { ...count, maximum: 2000 }] },
    "/anyOf/1/maximum",
    "a",
    1000,
  ),
  compatible(
    "anyOf that covers a narrowed neighbour",
    { anyOf: [{ maximum: 9 }, { maximum: 7 }] },
    { anyOf: [{ maximum: 10 }, { maximum: 5 }] },
    "/anyOf/0/maximum",
    9,
    7,
  ),
  unknown(
    "anyOf, one of two that overlap narrowed",
    { anyOf: [{ minLength: 5 }, { pattern: "^a+$" }] },
    { anyOf: [{ minLength: 6 }, { pattern: "^a+$" }] },
    "/anyOf/0/minLength",
    "bbbbb",
  ),
  breaking("anyOf of some types on anything", {}, { anyOf: [text, count] }, "/anyOf", null),
  breaking(
    "anyOf by kind, one kind narrowed",
    { anyOf: [kind("a", { n: { maximum: 9 } }), kind("b")] },
    { anyOf: [kind("a", { n: { maximum: 8 } }), kind("b")] },
    "/anyOf/0/properties/n/maximum",
    {
      kind: "a",
      n: 9,
    },
  ),

  compatible("oneOf one more, apart", { oneOf: [text, count] }, { oneOf: [text, count, { type: "null" }] }, "/oneOf", "a", 1),
  breaking("oneOf one more that accepts the same", { oneOf: [text] }, { oneOf: [text, { type: ["string", "null"] }] }, "/oneOf", "a"),
  breaking(
    "oneOf, one of two widened into the other",
    { oneOf: [{ type: "integer" }, text] },
    { oneOf: [{ type: ["integer", "string"] }, text] },
    "/oneOf",
    "a",
  ),
  unknown("oneOf, one of two that overlap widened", { oneOf: [{ maximum: 4 }, { minimum: 6 }] }, { oneOf: [{ maximum: 7 }, { minimum: 6 }] }, "/oneOf", 6),
  none("oneOf apart is anyOf", { oneOf: [text, count] }, { anyOf: [text, count] }, "a", 1),
  breaking("anyOf that overlaps is not oneOf", { anyOf: [{ minimum: 1 }, { maximum: 9 }] }, { oneOf: [{ minimum: 1 }, { maximum: 9 }] }, "/oneOf", 5),
  none("oneOf that overlaps, in another order", { oneOf: [{ minLength: 2 }, { pattern: "^[ab]" }] }, { oneOf: [{ pattern: "^[ab]" }, { minLength: 2 }] }, "xx"),
  compatible(
    "oneOf that overlaps stays, something else widens",
    { properties: { a: { oneOf: [{ minLength: 2 }, { pattern: "^[ab]" }] }, b: { maximum: 1 } } },
    {
      properties: { a: { oneOf: [{ minLength: 2 }, { pattern: "^[ab]" }] }, b: { maximum: 2 } },
    },
    "/properties/b/maximum",
    { a: "xx", b: 1 },
  ),
  compatible("oneOf by kind, one kind more", { oneOf: [kind("a"), kind("b")] }, { oneOf: [kind("a"), kind("b"), kind("c")] }, "/oneOf", { kind: "a" }),
  breaking("oneOf by kind, one kind less", { oneOf: [kind("a"), kind("b")] }, { oneOf: [kind("a")] }, "/oneOf", {
    kind: "b",
  }),
  breaking(
    "oneOf by kind, something required",
    { oneOf: [kind("a"), kind("b")] },
    { oneOf: [kind("a"), { ...kind("b"), required: ["kind", "n"] }] },
    "/oneOf/1/required",
    { kind: "b" },
  ),

  compatible("not, refusing less", { not: { type: ["string", "null"] } }, { not: text }, "/not", 1),
  unknown("not, refusing more", { not: text }, { not: { type: ["string", "null"] } }, "/not", null),
  unknown("not, with a wider schema in it", { not: { maximum: 4 } }, { not: { maximum: 5 } }, "/not", 5),
  none("not, of what cannot be", text, { ...text, not: count }, "a"),
  breaking("not anything", {}, { not: {} }, "/not", 1),
  compatible("not nothing", { not: { not: text } }, { not: { not: { type: ["string", "null"] } } }, "/not/not/type", "a"),

  compatible("then widened", { if: { minimum: 5 }, then: { maximum: 9 } }, { if: { minimum: 5 }, then: { maximum: 10 } }, "/if", 9, 1),
  unknown("then narrowed", { if: { minimum: 5 }, then: { maximum: 9 } }, { if: { minimum: 5 }, then: { maximum: 8 } }, "/if", 9),
  compatible("a condition that concerns less", { if: { minimum: 5 }, then: { maximum: 9 } }, { if: { minimum: 6 }, then: { maximum: 9 } }, "/if", 9),
  unknown("a condition that concerns more", { if: { minimum: 5 }, then: { multipleOf: 2 } }, { if: { minimum: 4 }, then: { multipleOf: 4 } }, "/if", 6),
  unknown("else with a narrower condition", { if: { minimum: 5 }, else: { multipleOf: 2 } }, { if: { minimum: 6 }, else: { multipleOf: 2 } }, "/if", 5),
  none("then without if", {}, { then: false }, 1),
  none("a condition that nothing meets", text, { ...text, if: count, then: false }, "a"),
  none(
    "a condition in draft-06",
    inDialect("draft-06", { if: text, then: { maxLength: 2 } }),
    inDialect("draft-06", { then: { maxLength: 2 }, if: text }),
    "ab",
  ),
];
