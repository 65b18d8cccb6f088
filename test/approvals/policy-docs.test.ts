/** The policies of docs/approvals.md: each is right, and does what its sentence says. */
import { describe, expect, test } from "vitest";
import type { World } from "../../src/approvals/people.ts";
import { parsePolicy } from "../../src/approvals/policy/parse.ts";
import { createPolicy } from "../../src/approvals/policy/policy.ts";
import { simulate } from "../../src/approvals/simulate.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { Member, Policy, Verdict } from "../../src/approvals/types.ts";
import { read } from "../support/source-tree.ts";

const section = /\n### Six policies\n([^]*?)(?:\n#{1,3} |$)/.exec(read("docs/approvals.md"))?.[1] ?? "";
const texts = [...section.matchAll(/```yaml\n([^]*?)```/g)].map(([, text = ""]) => text);
const policies = new Map(
  texts.map((text): readonly [string, Policy] => {
    const { document, problems } = parsePolicy(text, { isEnumerable: true });
    expect([text, problems]).toEqual([text, []]);
    if (!document) throw new Error("no document");
    return [document.key, createPolicy(document, 1)];
  }),
);

const member = (name: string, groups: readonly string[] = [], roles: readonly string[] = [], aliases: readonly string[] = []): Member => ({
  key: `idp|${name}`,
  name,
  groups,
  roles,
  aliases,
  isEnabled: true,
});
const people = [
  member("req", ["developers", "accounting", "team-a"]),
  member("own", [], [], ["owner@example.org"]),
  member("dev", ["developers", "team-a"]),
  member("ops", ["sre", "team-b"]),
  ...["b1", "b2", "b3", "b4", "b5"].map((name) => member(name, ["board"])),
  member("law", ["legal", "finance"]),
  member("fin", ["finance"]),
  member("sec", [], ["security-officer"]),
  member("boss", [], ["director"], ["cto@example.org"]),
  member("acc", ["accounting"]),
  member("man", ["managers"]),
];
const world: World = { now: 0, directory: { version: 1, members: people }, standIns: [] };

/** What becomes of a request with these votes, such as `dev` or `-ops`, in this order: the decision, and the stage that waits. */
function outcome(key: string, context: JsonObject, ...votes: readonly string[]): string {
  const policy = policies.get(key);
  if (!policy) throw new Error(`no policy ${key}`);
  const personOf = (name: string) => people.find((each) => each.name === name) ?? member(name);
  const command = { id: "r", tenant: "default", subject: { type: policy.document.subject, id: "x", digest: "d" }, context, requester: personOf("req") };
  const cast = votes.map((vote) => ({
    voter: personOf(vote.replace("-", "")),
    verdict: (vote.startsWith("-") ? "reject" : "approve") as Verdict,
    comment: "so",
  }));
  const { approval, votes: answers } = simulate(command, cast, policy, world);
  const refused = answers.flatMap((answer, index) => (answer ? [`${votes[index]}: ${answer.refusal}`] : []));
  const active = approval.stages.find(({ status }) => status === "ACTIVE")?.id;
  return [approval.decision, ...(active === undefined ? [] : [active]), ...refused].join(" ");
}

test("there are six", () => {
  expect([...policies.keys()]).toEqual(["one-owner", "two-stages", "quorum", "four-eyes-twice", "by-verdict", "separation-of-duties"]);
});

describe("they do what is said of them", () => {
  test.each<readonly [string, JsonObject, readonly string[], string]>([
    ["one-owner", { owner: "Owner@Example.org" }, ["own"], "APPROVED"],
    ["one-owner", { owner: "owner@example.org" }, ["dev"], "IN_REVIEW owner dev: NOT_ELIGIBLE"],
    ["two-stages", {}, ["dev"], "IN_REVIEW operations"],
    ["two-stages", {}, ["ops", "dev", "ops"], "APPROVED ops: NOT_ELIGIBLE"],
    ["two-stages", {}, ["req"], "IN_REVIEW team req: SOD_REQUESTER"],
    ["two-stages", { urgent: true }, ["ops"], "APPROVED"],
    ["quorum", {}, ["b1", "b2"], "IN_REVIEW board"],
    ["quorum", {}, ["b1", "b2", "-b4", "b3"], "APPROVED"],
    ["quorum", {}, ["b1", "b2", "-b4", "-b5"], "REJECTED"],
    ["four-eyes-twice", {}, ["law", "sec", "boss"], "IN_REVIEW review"],
    ["four-eyes-twice", {}, ["law", "sec", "boss", "fin"], "APPROVED"],
    ["by-verdict", { verdict: "COMPATIBLE", downgrade: false, team: "team-a" }, [], "APPROVED"],
    ["by-verdict", { verdict: "COMPATIBLE", downgrade: true, team: "team-a" }, [], "REJECTED"],
    ["by-verdict", { verdict: "BREAKING", downgrade: false, team: "team-a", consumers: [] }, ["dev"], "APPROVED"],
    ["by-verdict", { verdict: "BREAKING", downgrade: false, team: "team-a", consumers: ["team-b"] }, ["dev"], "IN_REVIEW review"],
    ["by-verdict", { verdict: "BREAKING", downgrade: false, team: "team-a", consumers: ["team-b"] }, ["dev", "ops"], "APPROVED"],
    ["separation-of-duties", { amount: 5 }, ["acc", "acc"], "IN_REVIEW release"],
    ["separation-of-duties", { amount: 5 }, ["acc", "man"], "APPROVED"],
    ["separation-of-duties", { amount: 100_001 }, ["acc", "man"], "IN_REVIEW release"],
    ["separation-of-duties", { amount: 100_001 }, ["acc", "boss", "man"], "APPROVED"],
  ])("%s of %j, votes %j: %s", (key, context, votes, expected) => {
    expect(outcome(key, context, ...votes)).toBe(expected);
  });
});
