/** People behind a URL: while it is away nobody is admitted and nothing is rejected; its answer is recorded in the request, and followed. */
import type { RequestListener, ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ApprovalService, ApprovalView, Decision } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { ask, decide, eventsSoFar, get, person, usePolicy } from "../support/approvals.ts";
import { startHttpServer, type HttpServer } from "../support/http-server.ts";
import { eventually } from "../support/instances.ts";
import { embeddedBacking, realBacking, startMuster, type Backing } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";

const secret = "of-the-directory";
let answer: (response: ServerResponse) => void = (response) => void response.writeHead(503).end();
const asked: (string | undefined)[] = [];
let server: HttpServer;
const listener: RequestListener = (request, response) => {
  asked.push(request.headers.authorization);
  answer(response);
};
let url = "";
beforeAll(async () => {
  server = await startHttpServer(listener);
  url = `${server.url}/people`;
});
afterAll(() => server[Symbol.asyncDispose]());

describe("a directory behind a URL (embedded)", () => followed(embeddedBacking));
describeReal("a directory behind a URL (real servers)", (servers) => followed(() => realBacking(servers)));

function followed(back: () => Promise<Backing>): void {
  test("that is away leaves requests waiting; its answer is who can decide, by an event of the request", { timeout: 180_000 }, async () => {
    answer = (response) => void response.writeHead(503).end();
    const key = "url";
    await using backing = await back();
    await using muster = await startMuster({ ...backing.env, MUSTER_DIRECTORY: url, MUSTER_DIRECTORY_SECRET: secret });
    using root = person(muster.address, "root");
    using amy = person(muster.address, "amy");
    using bob = person(muster.address, "bob", { groups: "team" });
    using eve = person(muster.address, "eve");
    await usePolicy(root, `{key: ${key}, subject: ${key}, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {groups: [team]}, need: all}]}]}`);
    const opened = await ask(amy, { policyKey: key, subject: { type: key, id: "x", digest: "d" } });
    expect(opened.decision).toBe(Decision.PENDING);
    expect(await decide(eve, opened)).toMatchObject({ counted: false });
    const { explanation } = await amy.unary(ApprovalService.method.getApproval, { id: opened.id, view: ApprovalView.EXPLAIN });
    expect(explanation?.summary).toContain("The directory of people cannot be read yet.");

    answer = (response) => void response.end(JSON.stringify({ people: ["bob", "cat"].map((name) => ({ key: `open|${name}`, name, groups: ["team"] })) }));
    await eventually(async () => ((await get(amy, opened.id)).decision === Decision.IN_REVIEW ? true : undefined), 60_000);
    const resolved = (await eventsSoFar(amy, opened.id)).filter(({ type }) => type === "approvers_resolved");
    expect(JSON.stringify(resolved.at(-1), (_k, v: unknown) => (typeof v === "bigint" ? `${v}` : v))).toMatch(/open\|bob.*open\|cat/);
    expect(await decide(bob, opened)).toMatchObject({ counted: true, approval: { decision: Decision.IN_REVIEW } });
    expect(new Set(asked)).toEqual(new Set([`Bearer ${secret}`]));
    expect(muster.logged()).not.toContain(secret);
  });
}
