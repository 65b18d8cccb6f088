import { expect, test } from "vitest";
import { refusal } from "./answer.ts";

function messageOf(status: number, body: unknown): string {
  return refusal({ status, body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)) }).message;
}

test("a violated rule is reported in the registry's own words", () => {
  // As Apicurio 3 answers to a version that breaks a COMPATIBILITY rule.
  const title = "Incompatible artifact: a [JSON], num of incompatible diffs: {1}, list of diff types: [SUBSCHEMA_TYPE_CHANGED at /properties/a]";
  const detail = `${title} Causes: SUBSCHEMA_TYPE_CHANGED at /properties/a`;
  const causes = [{ description: "SUBSCHEMA_TYPE_CHANGED", context: "/properties/a" }];
  const message = messageOf(409, { causes, detail, title, status: 409, name: "RuleViolationException" });
  expect(message).toBe(`schema registry refused: RuleViolationException: ${detail}`);
});

test("its words are printable and short; of other problems only the name is reported, and of what is no problem the status", () => {
  expect(messageOf(409, { name: "RuleViolationException", detail: `a\u001b[31m${"x".repeat(1_000)}` })).toMatch(/: a\\u001b\[31mx{400,445}…$/);
  expect(messageOf(409, { name: "RuleViolationException" })).toBe("schema registry refused: RuleViolationException");
  expect(messageOf(422, { name: "UnprocessableEntityException", detail: "secret" })).toBe("schema registry refused: UnprocessableEntityException");
  for (const body of ["<html>", "null", "[]", { name: 7 }, { name: "a b" }]) expect(messageOf(403, body)).toBe("schema registry refused: HTTP 403");
});
