/** A grant is revoked in the same moment in which its effect begins: one of the two happens, on both databases. */
import { expect, test } from "vitest";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { change } from "../../src/approvals/change.ts";
import { reportEffect } from "../../src/approvals/machine.ts";
import { closeApproval } from "../../src/approvals/requests.ts";
import { openMysqlStore } from "../../src/store/mysql.ts";
import type { MusterStore } from "../../src/store/parts.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { actor, approvalWorkshop } from "../support/approval-workshop.ts";
import { createDatabase } from "../support/muster.ts";
import { describeReal } from "../support/real-servers.ts";

const policy = "{key: k, subject: document, ttl: 10h, stages: [{id: s, requirements: [{id: r, who: {groups: [team]}, need: 1}]}]}";

async function race(store: MusterStore, rounds: number): Promise<void> {
  const shop = approvalWorkshop(store, systemClock);
  await shop.usePolicy(policy);
  const won = { revoked: 0, begun: 0 };
  for (let n = 0; n < rounds; n++) {
    const { id } = await shop.open(`${n}`);
    await shop.vote(id, "bob");
    const revoke = () => closeApproval(shop.deps, { commandId: "", approvalId: id, how: "revoke", isEvicting: false, reason: "" }, actor("amy"));
    const begin = () =>
      store.tx(async (tx) => {
        const locked = (await tx.approvals.lock("default", id)) ?? expect.fail();
        const report = { effect: "RUNNING", by: "effects", detail: "" } as const;
        return change(tx, shop.deps, locked, (approval, by, world) => reportEffect(approval, report, by, world), { isInTime: false });
      });
    const [revoked, begun] = n % 2 === 0 ? await Promise.all([revoke(), begin()]) : (await Promise.all([begin(), revoke()])).toReversed();
    const refusals = [revoked, begun].filter((answer) => answer?.refusal);
    expect(refusals).toMatchObject([{ refusal: { refusal: "WRONG_STATE" } }]);
    const approval = (await store.tx((tx) => tx.approvals.find("default", id))) ?? expect.fail();
    const isRevoked = refusals[0] === begun;
    expect([approval.grant, approval.effect]).toEqual(isRevoked ? ["REVOKED", "READY"] : ["VALID", "RUNNING"]);
    won[isRevoked ? "revoked" : "begun"] += 1;
  }
  expect(Math.min(won.revoked, won.begun)).toBeGreaterThan(0);
}

test("on SQLite", async () => {
  await using store = await openSqliteStore({ path: ":memory:" });
  await race(store, 50);
});

describeReal("on MySQL", (servers) => {
  test("by two replicas' transactions", async () => {
    const database = await createDatabase(servers.mysql);
    try {
      await using store = await openMysqlStore({ url: database.url, clock: systemClock });
      await race(store, 50);
    } finally {
      await database.drop();
    }
  });
});
