/** Pairs: arrays. */
import { type Pair, breaking, compatible, inDialect, none, unknown } from "./pair.ts";

const text = { type: "string" };
const count = { type: "integer" };

export const arrayPairs: readonly Pair[] = [
  breaking("items narrowed", { items: { type: ["string", "null"] } }, { items: text }, "/items/type", [null]),
  compatible("items widened", { items: text }, { items: { type: ["string", "null"] } }, "/items/type", ["a"]),
  breaking("items restricted", { type: "array" }, { type: "array", items: text }, "/items", [1]),
  compatible("items free again", { type: "array", items: text }, { type: "array" }, "/items", ["a"]),
  breaking("a tuple closed", { prefixItems: [text] }, { prefixItems: [text], items: false }, "/items", ["a", 1]),
  breaking("one position narrowed", { prefixItems: [text, {}] }, { prefixItems: [text, count] }, ["/prefixItems/1", "prefixItems"], ["a", "b"]),
  compatible(
    "a position more in a closed tuple",
    { prefixItems: [text], items: false },
    { prefixItems: [text, count], items: false },
    ["/items", "items"],
    ["a"],
  ),
  breaking("a position apart from the other items", { items: text }, { prefixItems: [count], items: text }, "/prefixItems/0/type", ["a"]),
  breaking("a position gone leaves what holds for the rest", { prefixItems: [text], items: count }, { items: count }, "/items/type", ["a"]),
  none("a position like the other items", { items: text }, { prefixItems: [text, text], items: text }, ["a", "b"]),
  none("a position that cannot be reached", { maxItems: 1, items: text }, { maxItems: 1, prefixItems: [text, count] }, ["a"]),
  none("nothing follows a refused position", { type: "array", prefixItems: [text, false], items: count }, { type: "array", prefixItems: [text, false] }, ["a"]),
  none(
    "a tuple of draft-07 in another order of keys",
    inDialect("draft-07", { items: [text], additionalItems: false }),
    inDialect("draft-07", { additionalItems: false, items: [text] }),
    ["a"],
  ),
  breaking(
    "a tuple of draft-07 closed",
    inDialect("draft-07", { items: [text] }),
    inDialect("draft-07", { items: [text], additionalItems: false }),
    "/additionalItems",
    ["a", 1],
  ),
  none("additionalItems without a tuple", inDialect("draft-07", { items: text }), inDialect("draft-07", { items: text, additionalItems: false }), ["a", "b"]),
  none("additionalItems in 2020-12", { prefixItems: [text] }, { prefixItems: [text], additionalItems: false }, ["a", 1]),
  none("prefixItems in 2019-09", inDialect("2019-09", {}), inDialect("2019-09", { prefixItems: [text] }), [1]),

  breaking("maxItems lowered", { maxItems: 3 }, { maxItems: 2 }, "/maxItems", [1, 2, 3]),
  compatible("maxItems raised", { maxItems: 2 }, { maxItems: 3 }, "/maxItems", [1, 2]),
  breaking("minItems added", { type: "array" }, { type: "array", minItems: 1 }, "/minItems", []),
  none("maxItems of a closed tuple", { prefixItems: [text], items: false }, { prefixItems: [text], items: false, maxItems: 1 }, ["a"]),
  breaking("uniqueItems added", { type: "array" }, { type: "array", uniqueItems: true }, "/uniqueItems", [1, 1]),
  compatible("uniqueItems gone", { uniqueItems: true }, { uniqueItems: false }, "/uniqueItems", [1, 2]),
  none("one item is unique", { type: "array", maxItems: 1 }, { type: "array", maxItems: 1, uniqueItems: true }, [1]),

  breaking("contains added", { type: "array" }, { type: "array", contains: { const: 1 } }, "/contains", []),
  compatible("contains gone", { contains: { const: 1 } }, {}, "/contains", [1]),
  compatible("contains something wider", { type: "array", contains: { const: 1 } }, { type: "array", contains: count }, "/contains", [1]),
  unknown("contains something narrower", { contains: count }, { contains: { const: 1 } }, "/contains", [2]),
  breaking("minContains raised", { contains: count }, { contains: count, minContains: 2 }, "/minContains", [1]),
  compatible("minContains lowered", { contains: count, minContains: 2 }, { contains: count }, "/minContains", [1, 2]),
  none("minContains of nought", {}, { contains: count, minContains: 0 }, []),
  breaking("maxContains lowered", { contains: count, maxContains: 2 }, { contains: count, maxContains: 1 }, "/maxContains", [1, 2]),
  unknown("a wider contains under maxContains", { contains: { const: 1 }, maxContains: 1 }, { contains: count, maxContains: 1 }, "/maxContains", [1, 2]),
  none("minContains in draft-07", inDialect("draft-07", { contains: count }), inDialect("draft-07", { contains: count, minContains: 2 }), [1]),
  unknown(
    "unevaluatedItems beside contains",
    { contains: count, unevaluatedItems: false },
    { contains: { const: 1 }, unevaluatedItems: false },
    "/unevaluatedItems",
    [2],
  ),
  compatible(
    "a position more in allOf, with unevaluatedItems",
    { allOf: [{ prefixItems: [text] }], unevaluatedItems: false },
    { allOf: [{ prefixItems: [text, count] }], unevaluatedItems: false },
    "/unevaluatedItems",
    ["a"],
  ),
  none("unevaluatedItems alone", { prefixItems: [text], unevaluatedItems: false }, { prefixItems: [text], items: false }, ["a"]),
];
