import { expect, test } from "vitest";
import { chained, firstBroken, subjectText, type AuditEntry, type AuditRow } from "./audit.ts";

const entry = (action: AuditEntry["action"]): AuditEntry => ({
  subject: { kind: "instance", id: "echo-10.0.0.1-80" },
  at: 7,
  actor: "ci",
  action,
  detail: { attempt_id: "a" },
});

function chain(): AuditRow[] {
  const rows: AuditRow[] = [];
  for (const action of ["REGISTRATION_STARTED", "REGISTERED", "UNREGISTERED"] as const) rows.push(chained(entry(action), rows.at(-1)));
  return rows;
}

test("a chain as it was written holds", () => {
  expect(firstBroken(chain())).toBeUndefined();
  expect(firstBroken([])).toBeUndefined();
  expect(chain().map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
});

const edits: readonly (readonly [what: string, edit: (rows: AuditRow[]) => AuditRow[], at: number])[] = [
  ["an edited actor", ([a, b, c]) => [a!, { ...b!, actor: "somebody" }, c!], 2],
  ["an edited detail", ([a, b, c]) => [{ ...a!, detail: {} }, b!, c!], 1],
  ["a row taken out", ([a, , c]) => [a!, c!], 2],
  ["two rows swapped", ([a, b, c]) => [a!, c!, b!], 2],
  ["a row written anew with a fitting hash", ([a, b, c]) => [a!, chained({ ...entry("REGISTERED"), actor: "x" }, a), { ...c!, sequence: b!.sequence + 1 }], 3],
  ["the first row taken out", ([, b, c]) => [b!, c!], 1],
];
test.each(edits)("%s shows", (_what, edit, at) => {
  expect(firstBroken(edit(chain()))).toBe(at);
});

test("subjects of different kinds are different texts, and an instance is its service id, as in chains from before there were kinds", () => {
  expect(subjectText({ kind: "instance", id: "echo-10.0.0.1-80" })).toBe("echo-10.0.0.1-80");
  expect(subjectText({ kind: "approval", id: "echo-10.0.0.1-80" })).toBe("approval/echo-10.0.0.1-80");
});
