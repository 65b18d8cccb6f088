/** Votes of a simulation as they stand on the command line. */
import { expect, test } from "vitest";
import { Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { voteOf } from "../../src/cli/approvals/simulate.ts";

test.each([
  ["bob=approve", "bob", Verdict.APPROVE, []],
  ["bob=request-changes:sre,leads", "bob", Verdict.REQUEST_CHANGES, ["sre", "leads"]],
  ["https://idp|a=b=reject", "https://idp|a=b", Verdict.REJECT, []],
  ["bob=approve:cn=admins", "bob", Verdict.APPROVE, ["cn=admins"]],
  ["bob=abstain:cn=approve", "bob", Verdict.ABSTAIN, ["cn=approve"]],
])("%s", (text, voter, verdict, groups) => {
  expect(voteOf(text)).toEqual({ voter, verdict, groups });
});

test.each(["bob", "=approve", "bob=approv", "bob=approve:", "bob=APPROVE"])("%j is none", (text) => {
  expect(() => voteOf(text)).toThrow("must be PERSON=VERDICT");
});
