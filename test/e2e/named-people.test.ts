/** People whom callers name: a login or an address is the same person in every case, and what nobody can be called is refused. */
import { expect, test } from "vitest";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { ApprovalService, Decision, Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { PolicyService } from "../../gen/muster/approval/v1/policy_service_pb.ts";
import { Reason } from "../../gen/muster/approval/v1/reasons_pb.ts";
import { ask, decide, get, person, usePolicy } from "../support/approvals.ts";
import { refusal } from "../support/client.ts";
import { inEveryMode } from "../support/world.ts";

const { createApproval, putStandIn, reassign } = ApprovalService.method;
const { simulatePolicy } = PolicyService.method;

inEveryMode("people whom callers name", (world) => {
  let scenes = 0;

  async function scene() {
    const { muster, unique } = world();
    const policyKey = unique(`named-${++scenes}`);
    const people = ["root", "amy", "bob", "Dan"].map((name) => person(muster.address, name));
    const [root, amy, bob, dan] = people as [(typeof people)[0], (typeof people)[0], (typeof people)[0], (typeof people)[0]];
    await usePolicy(root, `{key: ${policyKey}, subject: document, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {users: [Bob, cat]}, need: 1}]}]}`);
    const question = { policyKey, subject: { type: "document", id: policyKey, digest: "d" } };
    return { root, amy, bob, dan, question, [Symbol.dispose]: () => people.forEach((client) => client[Symbol.dispose]()) };
  }

  test("a request on behalf of somebody is not decided by that person", async () => {
    using it = await scene();
    const opened = await ask(it.amy, { ...it.question, onBehalfOf: "BOB" });
    expect(await decide(it.bob, opened)).toMatchObject({ counted: false, reason: Reason.SOD_REQUESTER });
  });

  test("nor one that was there already, and that somebody asks for on behalf of him", async () => {
    using it = await scene();
    const opened = await ask(it.amy, it.question);
    expect(await ask(it.dan, { ...it.question, onBehalfOf: "BOB" })).toMatchObject({ id: opened.id, requesters: [{}, {}, {}] });
    expect(await decide(it.bob, opened)).toMatchObject({ counted: false, reason: Reason.SOD_REQUESTER });
  });

  test("a place does not move any more from who has voted, by whatever name", async () => {
    using it = await scene();
    await usePolicy(
      it.root,
      `{key: ${it.question.policyKey}, subject: document, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {users: [Bob, cat]}, need: 2}]}]}`,
    );
    const opened = await ask(it.amy, it.question);
    await decide(it.bob, opened);
    expect(await refusal(it.root, reassign, { approvalId: opened.id, from: "BOB", to: "dan" })).toMatchObject({ reason: "ALREADY_COUNTED" });
  });

  test("a place goes from and to a person, however the login is written, and not to who asked", async () => {
    using it = await scene();
    const opened = await ask(it.amy, it.question);
    expect(await refusal(it.bob, reassign, { approvalId: opened.id, to: "AMY" })).toMatchObject({ reason: "SOD_REQUESTER" });
    await it.root.unary(reassign, { approvalId: opened.id, from: "BOB", to: "dAN" });
    expect(await decide(it.bob, opened)).toMatchObject({ reason: Reason.NOT_ELIGIBLE });
    expect(await decide(it.dan, opened)).toMatchObject({ counted: true });
    expect(await get(it.amy, opened.id)).toMatchObject({ decision: Decision.APPROVED });
  });

  test("a simulation says of them what becomes of a real request", async () => {
    using it = await scene();
    const { policyKey: key, subject } = it.question;
    const simulated = async (requester: string, voter: string) => {
      const vote = { voter, verdict: Verdict.APPROVE };
      const { votes } = await it.root.unary(simulatePolicy, { policy: { case: "key", value: key }, subject, requester, votes: [vote] });
      return votes[0];
    };
    expect(await simulated("amy", "BOB")).toMatchObject({ counted: true });
    expect(await simulated("Bob", "bob")).toMatchObject({ reason: Reason.SOD_REQUESTER });
    const other = { ...subject, type: "release" };
    expect(await refusal(it.root, simulatePolicy, { policy: { case: "key", value: key }, subject: other })).toMatchObject({ reason: "SUBJECT_TYPE_DIFFERS" });
  });

  test.each(["b b", "b\u00f6b", " "])("nobody is called %j", async (name) => {
    using it = await scene();
    const { policyKey: key, subject } = it.question;
    const { id: approvalId } = await ask(it.amy, it.question);
    const invalid = (...fields: readonly string[]) => ({ reason: "INVALID_FIELDS", fields });
    expect(await refusal(it.amy, createApproval, { ...it.question, onBehalfOf: name })).toMatchObject(invalid("on_behalf_of"));
    expect(await refusal(it.root, reassign, { approvalId, from: name, to: name })).toMatchObject(invalid("from", "to"));
    expect(await refusal(it.bob, putStandIn, { to: name, until: timestampFromMs(4_000_000_000_000) })).toMatchObject(invalid("to"));
    const votes = [{ voter: name, verdict: Verdict.APPROVE }];
    expect(await refusal(it.root, simulatePolicy, { policy: { case: "key", value: key }, subject, requester: name, votes })).toMatchObject(
      invalid("requester", "votes[0].voter"),
    );
  });
});
