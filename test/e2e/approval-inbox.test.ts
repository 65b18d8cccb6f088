/** The inbox while others decide and ask: nothing that stays is lost or doubled, and the count is exact up to its limit. */
import { expect, test } from "vitest";
import { ApprovalService, Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { ask, person, usePolicy } from "../support/approvals.ts";
import { inEveryMode } from "../support/world.ts";

const { listApprovals, vote } = ApprovalService.method;

inEveryMode("the inbox", (world) => {
  test("pages while fifty are decided and fifty are added", async () => {
    const { muster, unique } = world();
    const [key, group] = [unique("inbox"), unique("team")];
    using root = person(muster.address, "root");
    await usePolicy(
      root,
      `{key: ${key}, subject: document, ttl: 1h, stages: [{id: s, requirements: [{id: r, who: {groups: [${group}], users: [bob]}, need: 1}]}]}`,
    );
    using amy = person(muster.address, "amy");
    using bob = person(muster.address, "bob", { groups: group });
    using cat = person(muster.address, "cat", { groups: group });
    const open = async (from: number, count: number) => {
      const ids: string[] = [];
      for (let n = from; n < from + count; n++)
        ids.push((await ask(amy, { policyKey: key, subject: { type: "document", id: `${key}-${n}`, digest: "d" } })).id);
      return ids;
    };
    const first = await open(0, 150);
    const counted = await bob.unary(listApprovals, { mine: true, policyKey: key, pageSize: 1 });
    expect([counted.count, counted.countIsMore]).toEqual([150, false]);

    const decided = first.filter((_, n) => n % 3 === 0);
    const seen: string[] = [];
    let pageToken = "";
    for (let page = 0; page === 0 || pageToken !== ""; page++) {
      const answer = await bob.unary(listApprovals, { mine: true, policyKey: key, pageSize: 20, pageToken });
      seen.push(...answer.approvals.map(({ id }) => id));
      pageToken = answer.nextPageToken;
      const some = decided.slice(page * 10, page * 10 + 10);
      if (some.length > 0) await cat.unary(vote, { items: some.map((approvalId) => ({ approvalId, digest: "d", verdict: Verdict.APPROVE })) });
      await open(1_000 + page * 10, page < 5 ? 10 : 0);
    }
    expect(new Set(seen).size).toBe(seen.length);
    const stable = first.filter((id) => !decided.includes(id));
    expect(stable.filter((id) => !seen.includes(id))).toEqual([]);
    expect(seen).toEqual(seen.toSorted().toReversed());
    const after = await bob.unary(listApprovals, { mine: true, policyKey: key });
    expect(after.count).toBe(150 - decided.length + 50);
  });
});
