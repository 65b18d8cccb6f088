import { expect, test } from "vitest";
import { registration } from "../../test/contract/store/fixtures.ts";
import { derivedTags, inheritedTags, shownTags, tagsOf } from "./tags.ts";

const asked = registration("former");
const set = registration("former", { desiredTags: ["set"] });

test("a registration has the tags that were set, else those it asked for", () => {
  expect(tagsOf(asked)).toEqual(["x"]);
  expect(tagsOf(set)).toEqual(["set"]);
  expect(tagsOf(registration("former", { desiredTags: [] }))).toEqual([]);
});

test("tags that were set are inherited by a request for the same tags as before, and by no other", () => {
  expect(inheritedTags(["x"], set)).toEqual(["set"]);
  for (const other of [["set"], [], ["x", "more"]]) expect(inheritedTags(other, set)).toBeUndefined();
  expect(inheritedTags(["x"], registration("former", { desiredTags: [] }))).toEqual([]);
  expect(inheritedTags(["x"], asked)).toBeUndefined();
  expect(inheritedTags(["x"], undefined)).toBeUndefined();
});

test("type and capabilities add tags, each once", () => {
  expect(derivedTags({ type: "SERVICE", capabilities: [] })).toEqual([]);
  expect(shownTags({ type: "MODULE", capabilities: ["PARSER"] }, ["a", "module", "a"])).toEqual(["a", "module", "capability:PARSER"]);
  expect(shownTags({ type: "CONNECTOR", capabilities: ["SINK"] }, [])).toEqual(["capability:SINK"]);
});
