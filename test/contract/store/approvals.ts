import { describe, expect, test } from "vitest";
import { open } from "../../../src/approvals/machine.ts";
import { parsePolicy } from "../../../src/approvals/policy/parse.ts";
import { createPolicy } from "../../../src/approvals/policy/policy.ts";
import { gate, type StoreBackend } from "./backend.ts";

const source = "{key: one, subject: document, ttl: 1d, stages: [{id: s, requirements: [{id: r, who: {groups: [g]}, need: 1}]}]}";
const subject = { type: "document", id: "d", digest: "1" };

function request(id: string, policy = source) {
  const { document } = parsePolicy(policy, { isEnumerable: false });
  if (!document) throw new Error("the policy is right");
  const requester = { key: "me", name: "me", groups: [], roles: [] };
  const world = { now: 1, directory: undefined, standIns: [] };
  return open({ id, tenant: "t", subject, context: {}, requester }, createPolicy(document, 1), world);
}

export function approvalTests(backend: StoreBackend): void {
  describe("requests for approval", () => {
    test("of one subject that are opened at once: one is open, and the others find it", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const second = (await opened.another?.()) ?? store;
      const found = await Promise.all(
        Array.from({ length: 10 }, (_, number) =>
          (number % 2 ? store : second).tx(async (tx) => {
            const { currentId } = await tx.approvals.standing("t", "one", subject);
            if (currentId !== undefined) return currentId;
            const { approval, events } = request(`r${number}`);
            await tx.approvals.insert(approval, events, 0);
            return approval.id;
          }),
        ),
      );
      expect(new Set(found).size).toBe(1);
      expect(await store.tx((tx) => tx.approvals.countOpen())).toBe(1);
    });

    test("of as many people as a policy can name are found by each of them, by names of any length that it can have", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const names = Array.from({ length: 9 }, (_, i) => Array.from({ length: 1_000 }, (__, j) => `u${i}${j.toString(36)}`));
      const rules = names.map((users, i) => `{id: r${i}, who: {users: [${users.join()}]}, need: 1}`);
      rules.push(`{id: g, who: {groups: [${"\u{1f600}".repeat(128)}]}, need: 1}`);
      const { approval, events } = request("r", `{key: one, subject: document, ttl: 1d, stages: [{id: s, requirements: [${rules.join()}]}]}`);
      await store.tx((tx) => tx.approvals.insert(approval, events, 0));
      const inbox = (selector: string) => store.tx((tx) => tx.approvals.inbox({ tenant: "t", selector, before: undefined, limit: 2 }));
      for (const selector of ["u:u00", "u:u8rr", `g:${"\u{1f600}".repeat(128)}`]) expect(await inbox(selector)).toEqual([{ approvalId: "r", openedAt: 1 }]);
      expect(await inbox("u:u9")).toEqual([]);
    });

    test("the lock of one shows the stand-ins as they are when it is given", async (context) => {
      await using opened = await backend.open();
      if (!opened.another) return context.skip("transactions of this store run one after the other");
      const { store } = opened;
      const second = await opened.another();
      const { approval, events } = request("r");
      await store.tx((tx) => tx.approvals.insert(approval, events, 0));
      const [looked, go] = [gate(), gate()];
      const holding = store.tx(async (tx) => {
        await tx.approvals.lock("t", "r");
        looked.open();
        await go.opened;
      });
      await looked.opened;
      const waiting = second.tx((tx) => tx.approvals.lock("t", "r"));
      await store.tx((tx) => tx.standIns.touch("t"));
      go.open();
      await holding;
      expect(await waiting).toMatchObject({ standInChanges: 1, activeVersion: undefined });
    });
  });
}
