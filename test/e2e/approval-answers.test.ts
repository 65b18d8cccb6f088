/** Answers about many requests are taken by a stock client, which takes 4 MiB, however large the requests are. */
import { expect, test } from "vitest";
import { ApprovalService, Decision, Verdict, type Approval } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { ask, get, person, usePolicy } from "../support/approvals.ts";
import { inFlight } from "../support/in-flight.ts";
import type { MusterClient } from "../support/client.ts";
import { inEveryMode } from "../support/world.ts";

const { listApprovals, vote } = ApprovalService.method;
const many = 90;

inEveryMode("answers about large requests", (world) => {
  let scenes = 0;

  async function scene(names: readonly string[]) {
    const { muster, unique } = world();
    const key = unique(`answers-${++scenes}`);
    using root = person(muster.address, "root");
    await usePolicy(root, `{key: ${key}, subject: document, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {expr: names}, need: 1}]}]}`);
    using amy = person(muster.address, "amy");
    const contextJson = JSON.stringify({ names, text: "x".repeat(60_000 - names.join().length) });
    const opened: Approval[] = [];
    await inFlight(
      Array.from({ length: many }, (_, n) => n),
      8,
      async (n) => {
        opened.push(await ask(amy, { policyKey: key, subject: { type: "document", id: `${key}-${n}`, digest: "d" }, contextJson }));
      },
    );
    const votes = (client: MusterClient) => client.unary(vote, { items: opened.map(({ id }) => ({ approvalId: id, digest: "d", verdict: Verdict.APPROVE })) });
    return { key, opened, votes, bob: person(muster.address, "bob") };
  }

  test("votes on requests with large contexts are answered without these", async () => {
    const { opened, votes, bob } = await scene(["bob"]);
    using client = bob;
    const { results } = await votes(client);
    expect(results.map(({ counted, approval }) => [counted, approval?.decision, approval?.contextJson])).toEqual(
      opened.map(() => [true, Decision.APPROVED, ""]),
    );
    expect((await get(client, opened[0]?.id ?? "")).contextJson.length).toBeGreaterThan(59_000);
  });

  test("where so many people are named that not all requests fit, each vote is answered, and lists have shorter pages", async () => {
    const others = Array.from({ length: 500 }, (_, n) => `${"x".repeat(100)}${n}`);
    const { key, opened, votes, bob } = await scene(["bob", ...others]);
    using client = bob;
    for (const mine of [true, false]) {
      const seen: string[] = [];
      let pageToken = "";
      let pages = 0;
      do {
        const answer = await client.unary(listApprovals, { policyKey: key, mine, pageSize: 100, pageToken });
        seen.push(...answer.approvals.map(({ id }) => id));
        ({ nextPageToken: pageToken } = answer);
        pages += 1;
      } while (pageToken !== "");
      expect([seen.length, new Set(seen).size]).toEqual([many, many]);
      expect(pages).toBeGreaterThan(1);
    }
    const { results } = await votes(client);
    expect(results.map(({ approvalId, counted }) => [approvalId, counted])).toEqual(opened.map(({ id }) => [id, true]));
    expect(results[0]?.approval?.decision).toBe(Decision.APPROVED);
    expect(results.at(-1)?.approval).toBeUndefined();
  });
});
