import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ApprovalSchema, ListApprovalsResponseSchema, VoteResponseSchema } from "../../../gen/muster/approval/v1/approval_service_pb.ts";
import { fitting, shrink } from "./answer-size.ts";

const clientBytes = 4_194_304;
const approval = (context: number, names: number) =>
  create(ApprovalSchema, {
    id: "01a2011e-a4a0-7005-a6a4-f539b87dd561",
    contextJson: "x".repeat(context),
    votes: [{ comment: "c" }],
    stages: [{ requirements: [{ canVote: ["x".repeat(names)] }] }],
  });
const votes = (context: number, names: number) =>
  create(VoteResponseSchema, { results: Array.from({ length: 100 }, () => ({ approvalId: "a", counted: true, approval: approval(context, names) })) });

test("a page ends where the answer would be too large, and has one request at least", () => {
  const large = Array.from({ length: 100 }, () => approval(0, 60_000));
  const page = fitting(large);
  expect(page).toEqual(large.slice(0, page.length));
  expect(page.length).toBeGreaterThan(60);
  expect(toBinary(ListApprovalsResponseSchema, create(ListApprovalsResponseSchema, { approvals: page })).length).toBeLessThan(clientBytes);
  expect(fitting([approval(0, 5_000_000), approval(0, 1)])).toHaveLength(1);
  expect(fitting(large.slice(0, 50))).toHaveLength(50);
});

test("results of votes are whole where they fit", () => {
  const answer = votes(1_000, 1_000);
  shrink(answer.results);
  expect(answer).toEqual(votes(1_000, 1_000));
});

test("results that are too large have no contexts and votes", () => {
  const answer = votes(60_000, 1_000);
  shrink(answer.results);
  expect(toBinary(VoteResponseSchema, answer).length).toBeLessThan(clientBytes);
  expect(answer.results.map(({ approval: one }) => [one?.contextJson, one?.votes.length, one?.stages.length])).toEqual(answer.results.map(() => ["", 0, 1]));
});

test("and where they still do not fit, the last ones no request; each result is there", () => {
  const answer = votes(0, 60_000);
  shrink(answer.results);
  expect(toBinary(VoteResponseSchema, answer).length).toBeLessThan(clientBytes);
  const kept = answer.results.filter(({ approval: one }) => one !== undefined).length;
  expect(kept).toBeGreaterThan(60);
  expect(answer.results.map(({ counted, approval: one }, i) => [counted, one !== undefined, i < kept])).toEqual(
    answer.results.map((_, i) => [true, i < kept, i < kept]),
  );
});
