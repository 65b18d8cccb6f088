/** The inbox while others decide and ask: nothing that stays is lost or doubled, and the count is exact up to its limit. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { inFlight } from "../support/in-flight.ts";
import { ApprovalService, CloseHow, Verdict } from "../../gen/muster/approval/v1/approval_service_pb.ts";
import { ask, person, usePolicy } from "../support/approvals.ts";
import { inEveryMode } from "../support/world.ts";

const { close, listApprovals, vote } = ApprovalService.method;
const numbers = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n);

inEveryMode("the inbox", (world) => {
  test("pages through 1001 while fifty are decided and fifty are added, and counts to 1000", async () => {
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
      await inFlight(numbers(from, count), 16, async (n) => {
        ids.push((await ask(amy, { policyKey: key, subject: { type: "document", id: `${key}-${n}`, digest: "d" } })).id);
      });
      return ids;
    };
    const count = async () => {
      const answer = await bob.unary(listApprovals, { mine: true, policyKey: key, pageSize: 1 });
      return [answer.count, answer.countIsMore];
    };
    const first = await open(0, 1_001);
    expect(await count()).toEqual([1_000, true]);

    const decided = first.filter((_, n) => n % 20 === 0).slice(0, 50);
    const seen: string[] = [];
    const openedAt: number[] = [];
    let pageToken = "";
    for (let page = 0; page === 0 || pageToken !== ""; page++) {
      const answer = await bob.unary(listApprovals, { mine: true, policyKey: key, pageSize: 100, pageToken });
      seen.push(...answer.approvals.map(({ id }) => id));
      openedAt.push(...answer.approvals.map((approval) => (approval.openedAt ? timestampMs(approval.openedAt) : 0)));
      pageToken = answer.nextPageToken;
      const some = decided.slice(page * 5, page * 5 + 5);
      if (some.length > 0) await cat.unary(vote, { items: some.map((approvalId) => ({ approvalId, digest: "d", verdict: Verdict.APPROVE })) });
      await open(2_000 + page * 5, page < 10 ? 5 : 0);
    }
    expect(new Set(seen).size).toBe(seen.length);
    const stable = first.filter((id) => !decided.includes(id));
    expect(stable.filter((id) => !seen.includes(id))).toEqual([]);
    expect(openedAt).toEqual(openedAt.toSorted((a, b) => b - a));

    // As many were added as were decided.
    expect(await count()).toEqual([1_000, true]);
    const withdraw = (approvalId: string) => amy.unary(close, { approvalId, how: CloseHow.WITHDRAW });
    await withdraw(stable[0] ?? "");
    expect(await count()).toEqual([1_000, false]);
    await withdraw(stable[1] ?? "");
    expect(await count()).toEqual([999, false]);
  });
});
