/** A command that is sent many times at once is carried out once, and everybody is answered the same; in every mode. */
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { ApprovalService, CloseHow, Decision, Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { ask, decide, eventsSoFar, get, person, usePolicy } from "../support/approvals.ts";
import { refusal, type MusterClient } from "../support/client.ts";
import { inEveryMode } from "../support/world.ts";

const { close, createApproval, reassign, revise } = ApprovalService.method;
const times = 10;
const tenTimes = <T>(work: () => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: times }, work));

inEveryMode("the same command ten times at once", (world) => {
  let scenes = 0;

  async function scene() {
    const { muster, unique } = world();
    const key = unique(`again-${++scenes}`);
    using root = person(muster.address, "root");
    await usePolicy(
      root,
      `{key: ${key}, subject: document, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {users: [open|bob, open|dan], groups: [${key}]}, need: 2}]}]}`,
    );
    const request = { policyKey: key, subject: { type: "document", id: key, digest: "d1" } };
    const typesOf = async (client: MusterClient, id: string) => (await eventsSoFar(client, id)).map(({ type }) => type);
    return { request, typesOf, as: (name: string) => person(muster.address, name) };
  }

  test("opens one request", async () => {
    const { request, typesOf, as } = await scene();
    using amy = as("amy");
    const answers = await tenTimes(() => amy.unary(createApproval, { ...request, commandId: "c" }));
    const ids = new Set(answers.map(({ approval }) => approval?.id));
    expect([ids.size, answers.filter(({ created }) => created).length]).toEqual([1, 1]);
    expect((await typesOf(amy, [...ids][0] ?? "")).filter((type) => type === "request_created" || type === "requester_joined")).toEqual(["request_created"]);
  });

  test("joins a request once, and finds one that is approved", async () => {
    const { request, typesOf, as } = await scene();
    using amy = as("amy");
    using eve = as("eve");
    const opened = await ask(amy, request);
    const answers = await tenTimes(() => eve.unary(createApproval, { ...request, commandId: "c" }));
    expect(new Set(answers.map(({ approval, created }) => `${approval?.id} ${created}`))).toEqual(new Set([`${opened.id} false`]));
    expect((await typesOf(amy, opened.id)).filter((type) => type === "requester_joined")).toEqual(["requester_joined"]);
    for (const name of ["bob", "dan"]) {
      using voter = as(name);
      await decide(voter, opened);
    }
    const found = await tenTimes(() => amy.unary(createApproval, { ...request, commandId: "d" }));
    expect(new Set(found.map(({ approval, created }) => `${approval?.id} ${approval?.decision} ${created}`))).toEqual(
      new Set([`${opened.id} ${Decision.APPROVED} false`]),
    );
  });

  test("counts one vote, and the last one decides once", async () => {
    const { request, typesOf, as } = await scene();
    using amy = as("amy");
    const opened = await ask(amy, request);
    for (const [name, decision] of [
      ["bob", Decision.IN_REVIEW],
      ["dan", Decision.APPROVED],
    ] as const) {
      using voter = as(name);
      const results = await tenTimes(() => decide(voter, opened, { commandId: "v", comment: "yes" }));
      expect(results.map(({ counted, approval }) => [counted, approval?.decision])).toEqual(results.map(() => [true, decision]));
    }
    const types = await typesOf(amy, opened.id);
    expect([types.filter((type) => type === "vote_recorded").length, types.filter((type) => type === "request_approved").length]).toEqual([2, 1]);
  });

  test("gives one revision, moves a place once, closes once", async () => {
    const { request, typesOf, as } = await scene();
    using amy = as("amy");
    using bob = as("bob");
    const { id } = await ask(amy, request);
    const revised = await tenTimes(() => amy.unary(revise, { approvalId: id, digest: "d2", commandId: "r" }));
    expect(new Set(revised.map(({ approval }) => approval?.revision))).toEqual(new Set([2]));
    const moved = await tenTimes(() => bob.unary(reassign, { approvalId: id, to: "open|eve", commandId: "m" }));
    expect(new Set(moved.map(({ approval }) => approval?.sequence)).size).toBe(1);
    const closed = await tenTimes(() => amy.unary(close, { approvalId: id, how: CloseHow.WITHDRAW, commandId: "x" }));
    expect(new Set(closed.map(({ approval }) => approval?.decision))).toEqual(new Set([Decision.CANCELLED]));
    const once = ["revision_added", "reassigned", "request_cancelled"];
    expect((await typesOf(amy, id)).filter((type) => once.includes(type))).toEqual(once);
  });

  test("with other content is refused by every command, and an id is its principal's alone", async () => {
    const { request, as } = await scene();
    using amy = as("amy");
    using bob = as("bob");
    using dan = as("dan");
    const opened = await ask(amy, { ...request, commandId: "one" });
    const { id } = opened;
    const reused = { code: status.INVALID_ARGUMENT, reason: "COMMAND_ID_REUSED" };
    expect(await refusal(amy, createApproval, { ...request, contextJson: '{"a": 1}', commandId: "one" })).toMatchObject(reused);
    // Of another kind, too: an id names one command, whatever it was.
    expect(await refusal(amy, revise, { approvalId: id, digest: "d2", commandId: "one" })).toMatchObject(reused);
    expect(await refusal(amy, close, { approvalId: id, how: CloseHow.WITHDRAW, commandId: "one" })).toMatchObject(reused);
    expect(await decide(bob, opened, { commandId: "one" })).toMatchObject({ counted: true });
    expect(await refusal(bob, reassign, { approvalId: id, to: "open|eve", commandId: "one" })).toMatchObject(reused);
    expect(await decide(dan, opened, { commandId: "one", verdict: Verdict.ABSTAIN })).toMatchObject({ counted: true });
    expect((await get(amy, id)).votes).toHaveLength(2);
  });
});
