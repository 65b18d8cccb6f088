/** Pairs in draft-04, and from it to later dialects. */
import { type Pair, breaking, compatible, inDialect, none, unknown } from "./pair.ts";

const text = { type: "string" };
const old = (schema: Parameters<typeof inDialect>[1]) => inDialect("draft-04", schema);

export const draft04Pairs: readonly Pair[] = [
  breaking("a bound turned exclusive", old({ minimum: 1 }), old({ minimum: 1, exclusiveMinimum: true }), "/exclusiveMinimum", 1),
  compatible("a bound turned inclusive", old({ maximum: 1, exclusiveMaximum: true }), old({ maximum: 1 }), "/exclusiveMaximum", 0),
  none("a bound that is not exclusive, said or unsaid", old({ maximum: 1, exclusiveMaximum: false }), old({ maximum: 1 }), 1),
  breaking("an exclusive bound raised", old({ minimum: 1, exclusiveMinimum: true }), old({ minimum: 2, exclusiveMinimum: true }), "/minimum", 2),
  none("integers above one", old({ type: "integer", minimum: 1, exclusiveMinimum: true }), old({ type: "integer", minimum: 2 }), 2),
  none("a definition by its id", old({ items: { $ref: "#a" }, definitions: { a: { id: "#a", ...text } } }), old({ items: text }), ["x"]),
  breaking(
    "an embedded schema by its id",
    old({ id: "http://x/r", items: { $ref: "a" }, definitions: { a: { id: "a", ...text } } }),
    old({ id: "http://x/r", items: { $ref: "a" }, definitions: { a: { id: "a", type: "null" } } }),
    "/definitions/a/type",
    ["x"],
  ),
  none("an exclusive bound, said as draft-07 says it", old({ minimum: 1, exclusiveMinimum: true }), inDialect("draft-07", { exclusiveMinimum: 1 }), 2),
  breaking("the same, and narrower", old({ minimum: 1, exclusiveMinimum: true }), { exclusiveMinimum: 2 }, "/exclusiveMinimum", 2),
  none(
    "objects alike in both",
    old({ type: "object", properties: { a: text }, required: ["a"] }),
    { type: "object", properties: { a: text }, required: ["a"] },
    { a: "x" },
  ),
  unknown("a keyword that draft-04 does not know, though some validators do", old({ type: "string" }), old({ type: "string", const: "x" }), "/$schema"),
  none("the same, unchanged", old({ const: 1, title: "a" }), old({ const: 1, title: "b" })),
  unknown("a keyword that begins to count", old({ propertyNames: { maxLength: 1 } }), inDialect("draft-07", { propertyNames: { maxLength: 1 } }), "/$schema"),
];
