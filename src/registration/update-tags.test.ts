import { expect, test } from "vitest";
import { registration, request } from "../../test/contract/store/fixtures.ts";
import { inheritedTags } from "./update-tags.ts";

const set = registration("former", { request: { ...request, tags: ["set"] }, requestedTags: ["asked"] });

test("tags that were set are inherited by a request for the same tags as before, and by no other", () => {
  expect(inheritedTags(["asked"], set)).toEqual({ tags: ["set"], requestedTags: ["asked"] });
  for (const other of [["set"], [], ["asked", "more"]]) expect(inheritedTags(other, set)).toEqual({ tags: other });
});

test("without tags that were set a request has those it asks for", () => {
  expect(inheritedTags(["asked"], undefined)).toEqual({ tags: ["asked"] });
  expect(inheritedTags(["asked"], registration("former"))).toEqual({ tags: ["asked"] });
});
