/** The answer to many votes is taken by a stock client, which takes 4 MiB, however large the requests are. */
import { expect, test } from "vitest";
import { ApprovalService, Decision, Verdict, type Approval } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { ask, get, person, usePolicy } from "../support/approvals.ts";
import { inFlight } from "../support/in-flight.ts";
import { inEveryMode } from "../support/world.ts";

const { vote } = ApprovalService.method;
/** With 64 KiB each. */
const many = 68;

inEveryMode("votes on requests with large contexts", (world) => {
  test("are answered without these", async () => {
    const { muster, unique } = world();
    const key = unique("answers");
    using root = person(muster.address, "root");
    await usePolicy(root, `{key: ${key}, subject: document, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {users: [bob]}, need: 1}]}]}`);
    using amy = person(muster.address, "amy");
    using bob = person(muster.address, "bob");
    const contextJson = JSON.stringify({ text: "x".repeat(65_000) });
    const opened: Approval[] = [];
    await inFlight(
      Array.from({ length: many }, (_, n) => n),
      4,
      async (n) => {
        opened.push(await ask(amy, { policyKey: key, subject: { type: "document", id: `${key}-${n}`, digest: "d" }, contextJson }));
      },
    );
    const { results } = await bob.unary(vote, { items: opened.map(({ id }) => ({ approvalId: id, digest: "d", verdict: Verdict.APPROVE })) });
    expect(results.map(({ counted, approval }) => [counted, approval?.decision, approval?.contextJson])).toEqual(
      opened.map(() => [true, Decision.APPROVED, ""]),
    );
    expect((await get(bob, opened[0]?.id ?? "")).contextJson).toBe(contextJson);
  });
});
