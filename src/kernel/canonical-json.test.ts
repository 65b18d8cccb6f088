import { expect, test } from "vitest";
import { canonicalJson } from "./canonical-json.ts";

test.each<[string, unknown, string]>([
  ["members by their names, at every depth", { b: 1, a: { d: [{ z: null, y: true }], c: "x" } }, '{"a":{"c":"x","d":[{"y":true,"z":null}]},"b":1}'],
  // As all stored hashes have them.
  ["names that are array indices first, as numbers", { b: 1, "10": 2, "9": 3, a: 4 }, '{"9":3,"10":2,"a":4,"b":1}'],
  ["a member __proto__ like others", JSON.parse('{"a": {"__proto__": {"y": 1, "x": 2}, "b": 3}}'), '{"a":{"__proto__":{"x":2,"y":1},"b":3}}'],
  ["capitals before small letters, by code units", { é: 1, b: 2, B: 3, "\u{1F600}": 4, "\uffff": 5 }, '{"B":3,"b":2,"é":1,"\u{1F600}":4,"\uffff":5}'],
  ["no member that is undefined, and null for one in a list", { a: undefined, b: [undefined] }, '{"b":[null]}'],
  ["what is no object as it is", "x", '"x"'],
])("%s", (_what, value, text) => {
  expect(canonicalJson(value)).toBe(text);
});
