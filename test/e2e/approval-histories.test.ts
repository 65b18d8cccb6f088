/** What one finds of a request later, of another one of its subject, and by another version of its policy; in every mode. */
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { AuditService } from "../../gen/muster/audit/v1/audit_service_pb.ts";
import { ApprovalService, CloseHow, Decision, Grant, Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { Reason } from "../../gen/muster/approval/v1/reasons_pb.ts";
import { ask, decide, eventsUntilDecided, get, person, usePolicy } from "../support/approvals.ts";
import { refusal } from "../support/client.ts";
import { inEveryMode } from "../support/world.ts";

const { close, createApproval, listApprovals, revise } = ApprovalService.method;
const { exportAudit } = AuditService.method;

inEveryMode("histories of requests", (world) => {
  let scenes = 0;

  /** Amy asks, Bob decides, by a policy with these lines beside its stage. */
  async function scene(more = "ttl: 1h", need = 1) {
    const { muster, unique } = world();
    const key = unique(`history-${++scenes}`);
    const [root, amy, bob] = [person(muster.address, "root"), person(muster.address, "amy"), person(muster.address, "bob", { groups: key })];
    const document = (lines: string, count: number) =>
      `key: ${key}\nsubject: document\nstages: [{id: s, requirements: [{id: r, who: {groups: [${key}]}, need: ${count}}]}]\n${lines}\n`;
    await usePolicy(root, document(more, need));
    const subject = { type: "document", id: key, digest: "d1" };
    const inbox = async () => (await bob.unary(listApprovals, { mine: true, policyKey: key })).approvals.map(({ id }) => id);
    return {
      key,
      root,
      amy,
      bob,
      subject,
      inbox,
      replace: (lines: string, count: number) => usePolicy(root, document(lines, count)),
      open: (digest = "d1") => ask(amy, { policyKey: key, subject: { ...subject, digest } }),
      [Symbol.dispose]: () => [root, amy, bob].forEach((client) => client[Symbol.dispose]()),
    };
  }

  test("what expired stays in lists, with its events and its audit", async () => {
    using it = await scene("ttl: 1s");
    const { id } = await it.open();
    await eventsUntilDecided(it.amy, id);
    const expired = await it.root.unary(listApprovals, { decisions: [Decision.EXPIRED], policyKey: it.key });
    expect(expired.approvals.map((approval) => [approval.id, approval.decidedBy, approval.decisionReason])).toEqual([[id, "timer", "nobody decided in time"]]);
    expect((await it.root.unary(listApprovals, { decisions: [Decision.IN_REVIEW], policyKey: it.key })).approvals).toEqual([]);
    expect(await it.inbox()).toEqual([]);
    const { messages } = await it.root.stream(exportAudit, { kind: "approval", id });
    const actions = messages.map(({ row }) => row?.action);
    expect([actions[0], actions.at(-1)]).toEqual(["request_created", "request_expired"]);
    // The subject is free: asking again is another request.
    expect((await it.open()).id).not.toBe(id);
  });

  test.each([
    ["APPROVED", Decision.APPROVED],
    ["REJECTED", Decision.REJECTED],
    ["CANCELLED", Decision.CANCELLED],
  ])("what was %s stays in lists, too", async (_name, decision) => {
    using it = await scene();
    const opened = await it.open();
    if (decision === Decision.CANCELLED) await it.amy.unary(close, { approvalId: opened.id, how: CloseHow.WITHDRAW });
    else await decide(it.bob, opened, { verdict: decision === Decision.APPROVED ? Verdict.APPROVE : Verdict.REJECT, comment: "c" });
    const found = await it.root.unary(listApprovals, { decisions: [decision], subjectType: "document", subjectId: it.key });
    expect(found.approvals.map(({ id }) => id)).toEqual([opened.id]);
    expect(await it.inbox()).toEqual([]);
  });

  test("a vote that was cast before somebody watched is seen by the watch", async () => {
    using it = await scene();
    const opened = await it.open();
    await decide(it.bob, opened, { comment: "early" });
    const events = await eventsUntilDecided(it.amy, opened.id);
    expect(events.map(({ text }) => text)).toContain("bob approved stage s: early");
    expect(events.at(-1)).toMatchObject({ type: "request_approved", decision: Decision.APPROVED });
  });

  test("an approval of other content satisfies no later request of the subject", async () => {
    using it = await scene();
    const first = await it.open("d1");
    await decide(it.bob, first);
    const second = await it.open("d2");
    expect([second.id === first.id, second.decision]).toEqual([false, Decision.IN_REVIEW]);
    const watched = eventsUntilDecided(it.amy, second.id);
    expect(await decide(it.bob, { id: second.id, subject: first.subject })).toMatchObject({ counted: false, reason: Reason.SUBJECT_CHANGED });
    expect(await decide(it.bob, second, { verdict: Verdict.REJECT, comment: "no" })).toMatchObject({ counted: true });
    expect((await watched).at(-1)).toMatchObject({ decision: Decision.REJECTED });
    expect(await get(it.amy, first.id)).toMatchObject({ decision: Decision.APPROVED, grant: Grant.VALID });
  });

  test("what is approved already is found and not asked again, until it grants nothing more", async () => {
    using it = await scene();
    const first = await it.open();
    await decide(it.bob, first);
    const found = await it.amy.unary(createApproval, { policyKey: it.key, subject: it.subject });
    expect([found.created, found.approval?.id, found.approval?.decision]).toEqual([false, first.id, Decision.APPROVED]);
    expect(await it.inbox()).toEqual([]);
    await it.amy.unary(close, { approvalId: first.id, how: CloseHow.REVOKE, reason: "a mistake" });
    expect((await it.open()).id).not.toBe(first.id);
  });

  test("an approval of the same content under another policy grants nothing under this one", async () => {
    using one = await scene();
    using other = await scene();
    const first = await one.open();
    await decide(one.bob, first);
    const { approval, created } = await other.amy.unary(createApproval, { policyKey: other.key, subject: one.subject });
    expect([created, approval?.decision]).toEqual([true, Decision.IN_REVIEW]);
  });

  test("a request keeps its policy's version and says that there is a newer one; its revision is decided by that", async () => {
    using it = await scene("ttl: 1h", 1);
    const opened = await it.open();
    expect(await it.replace("ttl: 1h", 2)).toBe(2);
    expect(await get(it.amy, opened.id)).toMatchObject({ policyVersion: 1, newerPolicyVersion: 2 });
    const { approval } = await it.amy.unary(revise, { approvalId: opened.id, digest: "d2" });
    expect(approval).toMatchObject({ policyVersion: 2, newerPolicyVersion: 0, revision: 2 });
    expect(await decide(it.bob, { id: opened.id, subject: approval?.subject })).toMatchObject({ counted: true, approval: { decision: Decision.IN_REVIEW } });
    using cat = person(world().muster.address, "cat", { groups: it.key });
    expect(await decide(cat, { id: opened.id, subject: approval?.subject })).toMatchObject({ approval: { decision: Decision.APPROVED } });
  });

  test("a vote counts by the version that the request was opened under", async () => {
    using it = await scene("ttl: 1h", 1);
    const opened = await it.open();
    await it.replace("ttl: 1h", 2);
    expect(await decide(it.bob, opened)).toMatchObject({ approval: { decision: Decision.APPROVED, policyVersion: 1 } });
  });

  test("what was rejected is not revised, so that it does not escape a tightened policy", async () => {
    using it = await scene("ttl: 1h", 1);
    const opened = await it.open();
    await decide(it.bob, opened, { verdict: Verdict.REJECT, comment: "no" });
    await it.replace("ttl: 1h", 2);
    expect(await refusal(it.amy, revise, { approvalId: opened.id, digest: "d2" })).toMatchObject({
      code: status.FAILED_PRECONDITION,
      reason: "REQUEST_CLOSED",
    });
    expect(await it.open("d2")).toMatchObject({ policyVersion: 2, decision: Decision.IN_REVIEW });
  });

  test("what a rule of the policy decides is decided in the answer, and is in nobody's inbox", async () => {
    using it = await scene(
      "ttl: 1h\nroute: [{id: breaking, when: 'has(context.verdict) && context.verdict == \"BREAKING\"', then: reject, reason: breaks consumers}]",
    );
    const { approval } = await it.amy.unary(createApproval, { policyKey: it.key, subject: it.subject, contextJson: '{"verdict": "BREAKING"}' });
    expect(approval).toMatchObject({ decision: Decision.REJECTED, decisionReason: "breaks consumers", decidedBy: "route:breaking" });
    expect(await it.inbox()).toEqual([]);
    const fine = await it.amy.unary(createApproval, { policyKey: it.key, subject: it.subject, contextJson: '{"verdict": "NONE"}' });
    expect(await it.inbox()).toEqual([fine.approval?.id]);
  });
});
