/** Requests for approval through a stock gRPC client, in every mode. */
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { ApprovalService, ApprovalView, CloseHow, Decision, Grant, Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { EventService } from "../../gen/muster/event/v1/event_service_pb.ts";
import { PolicyService } from "../../gen/muster/approval/v1/policy_service_pb.ts";
import { Reason } from "../../gen/muster/approval/v1/reasons_pb.ts";
import { ask, decide, eventsUntilDecided, get, person, usePolicy } from "../support/approvals.ts";
import { refusal } from "../support/client.ts";
import { eventually } from "../support/instances.ts";
import { headerOf, linesOfTopic } from "../support/kcat.ts";
import { inEveryMode } from "../support/world.ts";

const { createApproval, getApproval, listApprovals, revise, close, vote, reassign, putStandIn, deleteStandIn } = ApprovalService.method;
const { simulatePolicy } = PolicyService.method;
const { listEvents } = EventService.method;

const twoStages = (key: string) => `
key: ${key}
subject: document
ttl: 7d
stages:
  - id: team
    requirements: [{id: one, who: {groups: [${key}-team]}, need: 1}]
  - id: security
    requirements: [{id: one, who: {roles: [${key}-security]}, need: 1}]
`;

inEveryMode("approvals", (world) => {
  let scenes = 0;

  /** Amy asks, Bob of the team and Cat of security decide. */
  async function people(policy: (key: string) => string = twoStages) {
    const { muster, unique } = world();
    const key = unique(`policy-${++scenes}`);
    const admin = person(muster.address, "root");
    await usePolicy(admin, policy(key));
    const amy = person(muster.address, "amy");
    const bob = person(muster.address, "bob", { groups: `${key}-team` });
    const cat = person(muster.address, "cat", { roles: `${key}-security` });
    const subject = { type: "document", id: unique(`doc-${scenes}`), digest: "sha256-1" };
    const all = [admin, amy, bob, cat];
    return { key, admin, amy, bob, cat, subject, [Symbol.dispose]: () => all.forEach((client) => client[Symbol.dispose]()) };
  }

  test("two people of two groups decide, and whoever waits sees each event once and the outcome", async () => {
    using scene = await people();
    const { key, amy, bob, cat, subject } = scene;
    const opened = await ask(amy, { policyKey: key, subject, contextJson: '{"amount": 3}' });
    expect(opened).toMatchObject({ decision: Decision.IN_REVIEW, policyVersion: 1, revision: 1, mayVote: false, mayNotVoteReason: Reason.SOD_REQUESTER });
    const watched = eventsUntilDecided(amy, opened.id);
    expect(await get(bob, opened.id)).toMatchObject({ mayVote: true });
    expect(await decide(cat, opened)).toMatchObject({ counted: false, reason: Reason.NOT_ELIGIBLE });
    expect(await decide(bob, opened, { comment: "fine" })).toMatchObject({ counted: true, approval: { decision: Decision.IN_REVIEW } });
    expect(await decide(bob, opened, { comment: "fine" })).toMatchObject({ counted: true });
    expect(await decide(cat, opened)).toMatchObject({ counted: true, approval: { decision: Decision.APPROVED, grant: Grant.VALID, decidedBy: "open|cat" } });
    expect(await decide(cat, opened, { verdict: Verdict.REJECT, comment: "no" })).toMatchObject({ counted: false, reason: Reason.REQUEST_CLOSED });

    const events = await watched;
    expect(events.map(({ type }) => type)).toEqual([
      "request_created",
      "stage_started",
      "vote_recorded",
      "stage_completed",
      "stage_started",
      "vote_recorded",
      "stage_completed",
      "request_approved",
    ]);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => BigInt(i + 1)));
    expect(events.at(2)?.text).toBe("bob approved stage team: fine");
    expect((await eventsUntilDecided(amy, opened.id, 6n)).map(({ sequence }) => sequence)).toEqual([7n, 8n]);
  });

  test("each change of state is an event of the log, for the tenant", async () => {
    using scene = await people();
    const { key, amy, bob, subject } = scene;
    const opened = await ask(amy, { policyKey: key, subject });
    await decide(bob, opened, { verdict: Verdict.REJECT, comment: "not yet" });
    // An event has its position soon after its commit.
    const events = await eventually(async () => {
      const list = await amy.unary(listEvents, { filter: { subjectKind: "approval", subjectId: opened.id } });
      return list.events.length >= 5 ? list.events : undefined;
    });
    expect(events.map(({ type }) => type)).toEqual([
      "ApprovalCreated",
      "ApprovalStageStarted",
      "ApprovalVoteRecorded",
      "ApprovalStageCompleted",
      "ApprovalRejected",
    ]);
    const { real } = world();
    if (real) {
      const published = await eventually(async () => {
        const lines = await linesOfTopic(real, "platform.approval.events", "%k\t%h");
        const own = lines.map((line) => line.split("\t")).filter(([key]) => key === opened.id);
        return own.length >= 5 ? own : undefined;
      });
      const types = published.map(([, headers = ""]) => headerOf(headers, "ce_type"));
      expect([...new Set(types)]).toEqual(events.map(({ type }) => `muster.approval.v1.${type}`));
    }
    expect(await get(amy, opened.id)).toMatchObject({ decision: Decision.REJECTED, decisionReason: "not yet", grant: Grant.UNSPECIFIED });
  });

  test("the same command answers the same, with other content it is refused", async () => {
    using scene = await people();
    const { key, amy, bob, subject } = scene;
    const request = { commandId: "create-1", policyKey: key, subject };
    const first = await amy.unary(createApproval, request);
    const again = await amy.unary(createApproval, request);
    expect([first.created, again.created, again.approval?.id]).toEqual([true, false, first.approval?.id]);
    expect(await refusal(amy, createApproval, { ...request, subject: { ...subject, digest: "other" } })).toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: "COMMAND_ID_REUSED",
    });
    const opened = first.approval ?? expect.fail();
    expect(await decide(bob, opened, { commandId: "vote-1" })).toMatchObject({ counted: true });
    expect(await decide(bob, opened, { commandId: "vote-1" })).toMatchObject({ counted: true });
    expect(await decide(bob, opened, { commandId: "vote-1", comment: "x" })).toMatchObject({ counted: false, reason: Reason.COMMAND_ID_REUSED });
    const { sequence } = await get(amy, opened.id);
    expect(sequence).toBe(5n);
  });

  test("one open request a subject: the same content is joined, other content is revised", async () => {
    using scene = await people();
    const { key, admin, amy, bob, cat, subject } = scene;
    const opened = await ask(amy, { policyKey: key, subject });
    const joined = await bob.unary(createApproval, { policyKey: key, subject });
    expect([joined.created, joined.approval?.id, joined.approval?.mayNotVoteReason]).toEqual([false, opened.id, Reason.SOD_REQUESTER]);
    expect(await refusal(admin, createApproval, { policyKey: key, subject: { ...subject, digest: "sha256-2" } })).toMatchObject({
      code: status.ALREADY_EXISTS,
      reason: "OPEN_REQUEST_FOR_SUBJECT",
      metadata: { approval_id: opened.id },
    });
    const { approval } = await amy.unary(revise, { approvalId: opened.id, digest: "sha256-2" });
    expect(approval).toMatchObject({ revision: 2, subject: { digest: "sha256-2" }, decision: Decision.IN_REVIEW });
    expect(await decide(cat, opened)).toMatchObject({ counted: false });
  });

  test("a vote on other content than the request has is refused and changes nothing", async () => {
    using scene = await people();
    const { key, amy, bob, subject } = scene;
    const opened = await ask(amy, { policyKey: key, subject });
    expect(await decide(bob, opened, { digest: "stale" })).toMatchObject({ counted: false, reason: Reason.SUBJECT_CHANGED });
    expect((await get(amy, opened.id)).sequence).toBe(opened.sequence);
  });

  test("the inbox has what one may decide, and nothing else", async () => {
    using scene = await people();
    const { key, amy, bob, cat, subject } = scene;
    const opened = await ask(amy, { policyKey: key, subject });
    const mine = async (client: typeof amy) => (await client.unary(listApprovals, { mine: true, policyKey: key })).approvals.map(({ id }) => id);
    expect([await mine(amy), await mine(bob), await mine(cat)]).toEqual([[], [opened.id], []]);
    await decide(bob, opened);
    expect([await mine(bob), await mine(cat)]).toEqual([[], [opened.id]]);
    const counted = await cat.unary(listApprovals, { mine: true, policyKey: key });
    expect([counted.count, counted.countIsMore]).toEqual([1, false]);
  });

  test("a stand-in decides for somebody who is absent, and the requester's stand-in does not", async () => {
    using scene = await people();
    const { muster } = world();
    const { key, amy, bob, subject } = scene;
    using dan = person(muster.address, "dan");
    const opened = await ask(amy, { policyKey: key, subject });
    expect(await decide(dan, opened)).toMatchObject({ counted: false, reason: Reason.NOT_ELIGIBLE });
    const until = { seconds: BigInt(Math.floor(Date.now() / 1_000) + 3_600), nanos: 0 };
    const { standIn } = await bob.unary(putStandIn, { to: "open|dan", until, policyKeys: [key] });
    const own = await amy.unary(putStandIn, { to: "open|dan", until, policyKeys: [key] });
    expect(await decide(dan, opened)).toMatchObject({ counted: false, reason: Reason.SOD_STAND_IN });
    await amy.unary(deleteStandIn, { id: own.standIn?.id ?? "" });
    const result = await decide(dan, opened);
    expect(result).toMatchObject({ counted: true });
    expect(result.approval?.votes).toMatchObject([{ voter: { name: "dan" }, standsInFor: ["open|bob"] }]);
    expect(standIn?.from?.key).toBe("open|bob");
  });

  test("explanation, reassignment and closing", async () => {
    using scene = await people();
    const { key, admin, amy, bob, subject } = scene;
    const opened = await ask(amy, { policyKey: key, subject });
    const explained = await amy.unary(getApproval, { id: opened.id, view: ApprovalView.EXPLAIN });
    expect(explained.explanation?.summary).toContain(`one has 0 of 1; anybody of group ${key}-team can vote`);
    const { approval } = await amy.unary(close, { approvalId: opened.id, how: CloseHow.WITHDRAW, reason: "a mistake" });
    expect(approval).toMatchObject({ decision: Decision.CANCELLED, decisionReason: "a mistake" });
    expect(await decide(bob, opened)).toMatchObject({ counted: false, reason: Reason.REQUEST_CLOSED });
    expect(await refusal(admin, reassign, { approvalId: opened.id, to: "open|eve" })).toMatchObject({
      code: status.FAILED_PRECONDITION,
      reason: "REQUEST_CLOSED",
    });
  });

  test("a dry run keeps nothing", async () => {
    using scene = await people();
    const { key, amy, bob, subject } = scene;
    const { approval, created } = await amy.unary(createApproval, { policyKey: key, subject, validateOnly: true });
    expect([created, approval?.decision]).toEqual([true, Decision.IN_REVIEW]);
    expect((await amy.unary(listApprovals, { policyKey: key })).approvals).toEqual([]);
    const opened = await ask(amy, { policyKey: key, subject });
    const { results } = await bob.unary(vote, { items: [{ approvalId: opened.id, verdict: Verdict.APPROVE, digest: subject.digest }], validateOnly: true });
    expect(results).toMatchObject([{ counted: true }]);
    expect((await get(bob, opened.id)).sequence).toBe(opened.sequence);
  });

  test("a simulation shows route, people and the outcome of votes, and keeps nothing", async () => {
    using scene = await people();
    const { key, amy, subject } = scene;
    const simulated = await amy.unary(simulatePolicy, {
      policy: { case: "key", value: key },
      subject,
      requester: "open|amy",
      votes: [
        { voter: "open|amy", groups: [`${key}-team`], verdict: Verdict.APPROVE },
        { voter: "open|bob", groups: [`${key}-team`], verdict: Verdict.APPROVE },
        { voter: "open|cat", roles: [`${key}-security`], verdict: Verdict.REJECT },
      ],
    });
    expect(simulated.votes.map(({ counted, reason }) => [counted, reason])).toEqual([
      [false, Reason.SOD_REQUESTER],
      [true, Reason.UNSPECIFIED],
      [true, Reason.UNSPECIFIED],
    ]);
    expect(simulated.approval).toMatchObject({ id: "", decision: Decision.REJECTED });
    expect(simulated.events).toContain("stage security is rejected");
    const waiting = await amy.unary(simulatePolicy, { policy: { case: "document", value: twoStages("draft") }, subject });
    expect(waiting.explanation?.summary).toContain("anybody of group draft-team can vote");
    expect((await amy.unary(listApprovals, { policyKey: key })).approvals).toEqual([]);
    expect(await refusal(amy, simulatePolicy, { policy: { case: "document", value: "key: x" }, subject })).toMatchObject({ reason: "POLICY_INVALID" });
  });
});
