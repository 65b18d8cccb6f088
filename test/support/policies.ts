/** Short policies, and what is said of them. */
import { expect } from "vitest";
import { parsePolicy } from "../../src/approvals/policy/parse.ts";
import { problemText } from "../../src/documents/problems.ts";
import type { PolicyDocument } from "../../src/approvals/types.ts";

export const head = "key: k\nsubject: s\nttl: 7d\n";
const context = `context:
  type: object
  properties:
    verdict: {enum: [NONE, BREAKING]}
    amount: {type: integer}
    ratio: {type: number}
    team: {type: string}
    tags: {type: array, items: {type: string}}
    owner: {type: object, properties: {name: {type: string}}}
`;
export const stage = (requirement: string, rest = "") => `${head}stages:\n  - id: one\n    requirements:\n      - ${requirement}\n${rest}`;
export const route = (when: string) => `${head}${context}route:\n  - {id: r, when: '${when}', then: approve}\n  - {id: all, when: true, then: reject}\n`;

export function problems(text: string, isEnumerable = true): readonly string[] {
  return parsePolicy(text, { isEnumerable }).problems.map((problem) => `${problem.severity === "warning" ? "warning: " : ""}${problemText(problem)}`);
}

export function documentOf(text: string): PolicyDocument {
  const { document, problems: found } = parsePolicy(text, { isEnumerable: true });
  expect(found.filter(({ severity }) => severity === "error")).toEqual([]);
  if (!document) throw new Error("no document");
  return document;
}
