/** People who come and go while requests are open, and a directory that cannot be read: who can vote, who may, and what waits. */
import { createHash } from "node:crypto";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ApprovalService, ApprovalView, Decision, Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { Reason } from "../../gen/muster/approval/v1/reasons_pb.ts";
import { ask, decide, eventsSoFar, get, person, usePolicy } from "../support/approvals.ts";
import { connect, type CallError, type MusterClient } from "../support/client.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, realBacking, startMuster, type Backing } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";

const { getApproval, listApprovals, vote } = ApprovalService.method;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-approval-people-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** As a mounted file is replaced. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

const canVote = async (client: MusterClient, id: string) => (await get(client, id)).stages[0]?.requirements[0]?.canVote;
const inbox = async (client: MusterClient) => (await client.unary(listApprovals, { mine: true })).approvals.map(({ id }) => id);
const policyOf = (need: string) =>
  `{key: k, subject: document, ttl: 1h, on_unsatisfiable: expire, stages: [{id: s, requirements: [{id: r, who: {groups: [team]}, need: ${need}}]}]}`;

function peopleChange(name: string, back: () => Promise<Backing>): void {
  test(`${name}: whoever joins may decide, whoever leaves may not, and the list follows by one event a change`, async () => {
    const file = join(folder, `tokens-${crypto.randomUUID()}.json`);
    const entry = (principal: string, groups: readonly string[] = [], more: object = {}) => ({
      principal,
      groups,
      roles: principal === "root" ? ["admin"] : ["viewer"],
      sha256: createHash("sha256").update(`token-of-${principal}`).digest("hex"),
      ...more,
    });
    const table = (...tokens: readonly object[]) => JSON.stringify({ tokens: [entry("root"), entry("amy"), ...tokens] });
    await writeFile(file, table(entry("bob", ["team"]), entry("dave", ["team"]), entry("carol")));
    await using backing = await back();
    await using muster = await startMuster({ ...backing.env, MUSTER_AUTH: `tokens:${file}` });
    const as = (principal: string) => connect(muster.address, { token: `token-of-${principal}` });
    using root = as("root");
    using amy = as("amy");
    using bob = as("bob");
    using carol = as("carol");
    using dave = as("dave");
    await usePolicy(root, policyOf("2"));
    const opened = await ask(amy, { policyKey: "k", subject: { type: "document", id: "x", digest: "d" } });
    expect(await canVote(amy, opened.id)).toEqual(["bob", "dave"]);
    expect([await inbox(carol), await inbox(dave)]).toEqual([[], [opened.id]]);

    await replace(file, table(entry("bob", ["team"]), entry("dave"), entry("carol", ["team"])));
    await eventually(async () => ((await canVote(amy, opened.id))?.includes("carol") ? true : undefined));
    expect(await canVote(amy, opened.id)).toEqual(["bob", "carol"]);
    expect([await inbox(carol), await inbox(dave)]).toEqual([[opened.id], []]);
    expect(await decide(dave, opened)).toMatchObject({ counted: false, reason: Reason.NOT_ELIGIBLE });
    expect(await decide(carol, opened)).toMatchObject({ counted: true });
    const resolved = (await eventsSoFar(amy, opened.id)).filter(({ type }) => type === "approvers_resolved");
    expect(resolved.map(({ text }) => text)).toEqual(["those who can decide on stage s: r: bob, dave", "those who can decide on stage s: r: bob, carol"]);

    // Whoever has voted and leaves is counted and named all the same; disabled, or without a token, nobody votes.
    await replace(file, table(entry("bob", ["team"]), entry("dave", ["team"], { enabled: false }), entry("carol", [], { enabled: false })));
    const items = [{ approvalId: opened.id, digest: "d", verdict: Verdict.APPROVE }];
    const refused = (client: MusterClient) =>
      client.unary(vote, { items }).then(
        () => undefined,
        (error: unknown) => (error as CallError).status.code,
      );
    expect(await eventually(() => refused(dave))).toBe(status.PERMISSION_DENIED);
    using nobody = connect(muster.address);
    expect(await refused(nobody)).toBe(status.UNAUTHENTICATED);
    const decided = await decide(bob, opened);
    expect(decided).toMatchObject({ counted: true, approval: { decision: Decision.APPROVED } });
    expect(decided.approval?.votes.map(({ voter }) => voter?.name)).toEqual(["carol", "bob"]);
  });
}

describe("people who come and go", () => peopleChange("embedded", embeddedBacking));
describeReal("people who come and go", (servers) => peopleChange("real servers", () => realBacking(servers)));

describe("a directory that cannot be read", () => {
  const people = (...names: readonly string[]) => `people:\n${names.map((name) => `  - {key: "open|${name}", name: ${name}, groups: [team]}\n`).join("")}`;

  test("lets a new request wait for it, and leaves an open one with those whom it had", async () => {
    const file = join(folder, "people.yaml");
    await writeFile(file, "people: [");
    await using backing = await embeddedBacking();
    await using muster = await startMuster({ ...backing.env, MUSTER_DIRECTORY: `file:${file}` });
    using root = person(muster.address, "root");
    using amy = person(muster.address, "amy");
    using bob = person(muster.address, "bob", { groups: "team" });
    await usePolicy(root, policyOf("2"));
    const open = (id: string) => ask(amy, { policyKey: "k", subject: { type: "document", id, digest: "d" } });
    const first = await open("first");
    expect(first.decision).toBe(Decision.PENDING);
    const { explanation } = await amy.unary(getApproval, { id: first.id, view: ApprovalView.EXPLAIN });
    expect(explanation?.summary).toContain("The directory of people cannot be read yet.");
    // By his credentials he may vote all the same.
    expect(await decide(bob, first)).toMatchObject({ counted: true, approval: { decision: Decision.PENDING } });

    await replace(file, people("bob", "cat", "dan"));
    await eventually(async () => ((await get(amy, first.id)).decision === Decision.IN_REVIEW ? true : undefined));
    expect(await canVote(amy, first.id)).toEqual(["cat", "dan"]);

    for (const [index, spoil] of [() => rm(file), () => replace(file, "people: ["), () => replace(file, ""), () => replace(file, "people: []")].entries()) {
      await spoil();
      await eventually(async () => (muster.logged().split('"event":"directory.read-failed"').length - 1 > index + 1 ? true : undefined));
      expect(await canVote(amy, first.id)).toEqual(["cat", "dan"]);
      const next = await open(`next-${index}`);
      expect([next.decision, await canVote(amy, next.id)]).toEqual([Decision.IN_REVIEW, ["bob", "cat", "dan"]]);
    }
    using dan = person(muster.address, "dan", { groups: "team" });
    expect(await decide(dan, first)).toMatchObject({ counted: true, approval: { decision: Decision.APPROVED } });
  });
});
