/** Bad input to the services of approvals: which error it is, and that nothing came of it; and what is no call changes nothing. */
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { ApprovalService, CloseHow, Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { PolicyService } from "../../gen/muster/approval/v1/policy_service_pb.ts";
import { ask, eventsSoFar, person, usePolicy } from "../support/approvals.ts";
import { refusal } from "../support/client.ts";
import { inEveryMode } from "../support/world.ts";

const { close, createApproval, getApproval, listApprovals, revise, vote, putStandIn } = ApprovalService.method;
const { activatePolicy, archivePolicy, getPolicy, putPolicy, simulatePolicy } = PolicyService.method;

inEveryMode("bad input to approvals", (world) => {
  let scenes = 0;

  async function scene() {
    const { muster, unique } = world();
    const key = unique(`bad-${++scenes}`);
    const [root, amy] = [person(muster.address, "root"), person(muster.address, "amy")];
    await usePolicy(
      root,
      `{key: ${key}, subject: document, ttl: 1h, context: {type: object, required: [amount], properties: {amount: {type: integer, maximum: 10}, note: {type: string}}},
        stages: [{id: s, requirements: [{id: r, who: {groups: [${key}]}, need: 1}]}]}`,
    );
    const subject = { type: "document", id: key, digest: "d1" };
    return { key, root, amy, subject, [Symbol.dispose]: () => [root, amy].forEach((client) => client[Symbol.dispose]()) };
  }

  const contexts: readonly (readonly [string, string, object])[] = [
    ["none, where some is required", "", { reason: "CONTEXT_INVALID", fields: ["context.amount"] }],
    ["no JSON", "{amount", { reason: "CONTEXT_INVALID", fields: ["context_json"] }],
    ["no object", "[1]", { reason: "CONTEXT_INVALID", fields: ["context_json"] }],
    ["what breaks the schema in two places", '{"amount": 11, "note": 1}', { reason: "CONTEXT_INVALID", fields: ["context.amount", "context.note"] }],
    ["an integer beyond 2^53", '{"amount": 9007199254740993}', { reason: "CONTEXT_INVALID", fields: ["context.amount"] }],
    ["more than 64 KiB", JSON.stringify({ amount: 1, note: "x".repeat(65_536) }), { reason: "INVALID_FIELDS", fields: ["context_json"] }],
    ["33 levels", `{"amount": 1, "note": ${"[".repeat(33)}${"]".repeat(33)}}`, { reason: "CONTEXT_INVALID" }],
  ];

  test.each(contexts)("a context that is %s is refused, of a new request and of a revision", async (_name, contextJson, expected) => {
    using it = await scene();
    const opened = await ask(it.amy, { policyKey: it.key, subject: it.subject, contextJson: '{"amount": 1}' });
    const error = { code: status.INVALID_ARGUMENT, ...expected };
    const other = { ...it.subject, id: `${it.key}-other` };
    expect(await refusal(it.amy, createApproval, { policyKey: it.key, subject: other, contextJson })).toMatchObject(error);
    // Without a context a revision keeps the former one.
    if (contextJson !== "") expect(await refusal(it.amy, revise, { approvalId: opened.id, digest: "d2", contextJson })).toMatchObject(error);
    const { approvals } = await it.amy.unary(listApprovals, { policyKey: it.key });
    expect(approvals.map(({ id, sequence }) => [id, sequence])).toEqual([[opened.id, opened.sequence]]);
  });

  test("a context of 1 MiB is too much for any call", async () => {
    using it = await scene();
    const contextJson = JSON.stringify({ amount: 1, note: "x".repeat(1_048_576) });
    expect(await refusal(it.amy, createApproval, { policyKey: it.key, subject: it.subject, contextJson })).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });

  test("a context that begins with the mark of UTF-8 is that without it", async () => {
    using it = await scene();
    const opened = await ask(it.amy, { policyKey: it.key, subject: it.subject, contextJson: '\ufeff{"amount": 1}' });
    expect(opened.contextJson).toBe('{"amount":1}');
  });

  test("a revision is decided by no policy that is for other subjects by now", async () => {
    using it = await scene();
    const { id: approvalId } = await ask(it.amy, { policyKey: it.key, subject: it.subject, contextJson: '{"amount": 1}' });
    await usePolicy(it.root, `{key: ${it.key}, subject: release, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {users: [bob]}, need: 1}]}]}`);
    expect(await refusal(it.amy, revise, { approvalId, digest: "d2" })).toMatchObject({ reason: "SUBJECT_TYPE_DIFFERS" });
  });

  test("a revision that keeps its context is refused where that does not fit the policy of now", async () => {
    using it = await scene();
    const { id: approvalId } = await ask(it.amy, { policyKey: it.key, subject: it.subject, contextJson: '{"amount": 9}' });
    const stages = "stages: [{id: s, requirements: [{id: r, who: {users: [bob]}, need: 1}]}]";
    await usePolicy(
      it.root,
      `{key: ${it.key}, subject: document, ttl: 1h, context: {type: object, properties: {amount: {type: integer, maximum: 5}}}, ${stages}}`,
    );
    expect(await refusal(it.amy, revise, { approvalId, digest: "d2" })).toMatchObject({ reason: "CONTEXT_INVALID", fields: ["context.amount"] });
    expect(await it.amy.unary(revise, { approvalId, digest: "d2", contextJson: '{"amount": 4}' })).toMatchObject({ approval: { revision: 2 } });
  });

  test("what is not revoked is not evicted", async () => {
    using it = await scene();
    const { id: approvalId } = await ask(it.amy, { policyKey: it.key, subject: it.subject, contextJson: '{"amount": 1}' });
    expect(await refusal(it.root, close, { approvalId, how: CloseHow.CANCEL, evict: true })).toMatchObject({ reason: "INVALID_FIELDS", fields: ["evict"] });
  });

  test("a policy, key, version or request that is not there", async () => {
    using it = await scene();
    const { root, amy, subject } = it;
    const none = world().unique("none");
    expect(await refusal(amy, createApproval, { policyKey: none, subject })).toMatchObject({ code: status.FAILED_PRECONDITION, reason: "POLICY_NOT_ACTIVE" });
    for (const [key, version, reason] of [
      [none, 1, "POLICY_NOT_FOUND"],
      [it.key, 99, "POLICY_VERSION_NOT_FOUND"],
    ] as const) {
      const notFound = { code: status.NOT_FOUND, reason };
      expect(await refusal(root, activatePolicy, { key, version })).toMatchObject(notFound);
      expect(await refusal(root, archivePolicy, { key, version })).toMatchObject(notFound);
      expect(await refusal(root, getPolicy, { key, version })).toMatchObject(notFound);
    }
    expect(await refusal(root, simulatePolicy, { policy: { case: "key", value: none }, subject })).toMatchObject({ reason: "POLICY_NOT_FOUND" });
    const id = "01a218d4-af48-707d-a057-5afb22360873";
    expect(await refusal(amy, getApproval, { id })).toMatchObject({ code: status.NOT_FOUND, reason: "APPROVAL_NOT_FOUND" });
    // An archived policy takes no new requests.
    await root.unary(archivePolicy, { key: it.key });
    expect(await refusal(amy, createApproval, { policyKey: it.key, subject, contextJson: '{"amount": 1}' })).toMatchObject({ reason: "POLICY_NOT_ACTIVE" });
  });

  test("a subject of another type, or without what names it; all that is wrong is said at once", async () => {
    using it = await scene();
    const { key, amy, subject } = it;
    const differs = { ...subject, type: "release" };
    expect(await refusal(amy, createApproval, { policyKey: key, subject: differs })).toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: "SUBJECT_TYPE_DIFFERS",
      fields: ["subject.type"],
    });
    const invalid = { code: status.INVALID_ARGUMENT, reason: "INVALID_FIELDS" };
    expect(await refusal(amy, createApproval, { subject: { type: "a b", id: "\u0000", digest: "é" }, commandId: "a b" })).toMatchObject({
      ...invalid,
      fields: ["command_id", "policy_key", "subject.type", "subject.id", "subject.digest"],
    });
    expect(await refusal(amy, createApproval, { policyKey: key })).toMatchObject({ ...invalid, fields: ["subject"] });
    expect(await refusal(amy, vote, { items: [] })).toMatchObject({ ...invalid, fields: ["items"] });
    expect(await refusal(amy, vote, { items: Array.from({ length: 101 }, () => ({ approvalId: "a", digest: "d", verdict: Verdict.APPROVE })) })).toMatchObject({
      ...invalid,
      fields: ["items"],
    });
    expect(await refusal(amy, vote, { items: [{ approvalId: "", digest: "", verdict: Verdict.UNSPECIFIED }] })).toMatchObject({
      ...invalid,
      fields: ["items[0].verdict", "items[0].approval_id", "items[0].digest"],
    });
    expect(await refusal(amy, listApprovals, { pageSize: 501, pageToken: "x", subjectId: "y" })).toMatchObject({
      ...invalid,
      fields: ["page_size", "page_token", "subject_type"],
    });
    expect(await refusal(amy, putStandIn, { to: "" })).toMatchObject(invalid);
    expect(await refusal(amy, putPolicy, { document: "key: [a" })).toMatchObject({ code: status.INVALID_ARGUMENT, reason: "POLICY_INVALID" });
  });

  // Mail scanners and browsers follow links: there is none that decides.
  test("GET, HEAD and OPTIONS decide nothing, whatever the path and the query", async () => {
    using it = await scene();
    const { address } = world().muster;
    const opened = await ask(it.amy, { policyKey: it.key, subject: it.subject, contextJson: '{"amount": 1}' });
    const message = JSON.stringify({
      items: [{ approvalId: opened.id, digest: "d1", verdict: "VERDICT_APPROVE" }],
      approvalId: opened.id,
      how: 1,
      id: opened.id,
    });
    const query = new URLSearchParams({ connect: "v1", encoding: "json", message });
    const headers = { "muster-principal": "bob", "muster-groups": it.key };
    const paths = [ApprovalService, PolicyService].flatMap((service) => service.methods.map(({ name }) => `/${service.typeName}/${name}`));
    for (const path of [...paths, "/", `/approvals/${opened.id}/approve`]) {
      for (const method of ["GET", "HEAD", "OPTIONS"]) {
        const answer = await fetch(`http://${address}${path}?${query}`, { method, headers });
        expect([method, path, answer.ok]).toEqual([method, path, false]);
      }
    }
    expect((await eventsSoFar(it.amy, opened.id)).length).toBe(Number(opened.sequence));
    // The same message as a call does decide.
    const voted = await fetch(`http://${address}/${ApprovalService.typeName}/Vote`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify({ items: [{ approvalId: opened.id, digest: "d1", verdict: "VERDICT_APPROVE" }] }),
    });
    expect(await voted.json()).toMatchObject({ results: [{ counted: true }] });
  });
});
