import { describe, expect, test } from "vitest";
import type { PolicyVersion } from "../../../src/approvals/policy/policy-records.ts";
import type { MusterStore } from "../../../src/store/parts.ts";
import { type StoreBackend, refusalOf } from "./backend.ts";

const document: PolicyVersion["document"] = {
  key: "k",
  subject: "s",
  context: { type: "object", properties: { ä: { const: "🦜" } } },
  ttlMs: 1_000,
  route: [],
  stages: [{ id: "one", requirements: [{ id: "a", who: { users: ["x"], groups: [], roles: [] }, need: "all", veto: 1 }], after: [] }],
  onUnsatisfiable: "reject",
  onExpire: "expire",
  distinctPeople: "stage",
  requesterMayVote: false,
  reasonRequired: ["reject"],
  effect: { auto: true },
};

function version(number: number, changes: Partial<PolicyVersion> = {}): PolicyVersion {
  return {
    tenant: "t",
    key: "k",
    version: number,
    status: "DRAFT",
    digest: `digest ${number}`,
    subject: "s",
    created: { by: "idp|größe", at: 1_700_000_000_000 + number },
    activated: undefined,
    archived: undefined,
    document,
    source: "key: k # 😀\r\n\ttab ",
    ...changes,
  };
}

const summary = ({ document: _document, source: _source, ...rest }: PolicyVersion) => rest;
const done = { by: "idp|b", at: 1_800_000_000_000 };

async function insert(store: MusterStore, ...versions: readonly PolicyVersion[]): Promise<void> {
  for (const each of versions) await store.tx((tx) => tx.policies.insert(each));
}

export function policyTests(backend: StoreBackend): void {
  describe("versions of policies", () => {
    test("come back as they were put", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const [one, two] = [version(1), version(2, { source: "x".repeat(65_536) })];
      await insert(store, one, two);
      await store.tx(async (tx) => {
        expect(await tx.policies.find("t", "k", 1)).toEqual(one);
        expect(await tx.policies.findLatest("t", "k")).toEqual(two);
        expect(await tx.policies.lock("t", "k")).toEqual([summary(two), summary(one)]);
        expect(await tx.policies.findActive("t", "k")).toBeUndefined();
        for (const [tenant, key, number] of [
          ["t", "k", 3],
          ["T", "k", 1],
          ["t", "K", 1],
          ["t", "k ", 1],
        ] as const) {
          expect(await tx.policies.find(tenant, key, number)).toBeUndefined();
        }
      });
    });

    test("change their status, with who did it", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await insert(store, version(1), version(1, { tenant: "other" }), version(1, { key: "other" }));
      await store.tx((tx) => tx.policies.setStatus(version(1), "ACTIVE", done));
      const active = version(1, { status: "ACTIVE", activated: done });
      await store.tx(async (tx) => {
        expect(await tx.policies.findActive("t", "k")).toEqual(active);
        expect(await tx.policies.findActive("other", "k")).toBeUndefined();
        expect(await tx.policies.findActive("t", "other")).toBeUndefined();
        await tx.policies.setStatus(active, "ARCHIVED", { by: "c", at: 5 });
        expect(await tx.policies.find("t", "k", 1)).toEqual({ ...active, status: "ARCHIVED", archived: { by: "c", at: 5 } });
        expect(await tx.policies.findActive("t", "k")).toBeUndefined();
      });
    });

    test("are one at most that is active, of each key in each tenant", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await insert(store, version(1), version(2), version(1, { tenant: "other" }), version(1, { key: "other" }));
      for (const each of [version(1), version(1, { tenant: "other" }), version(1, { key: "other" })]) {
        await store.tx((tx) => tx.policies.setStatus(each, "ACTIVE", done));
      }
      expect((await refusalOf(store.tx((tx) => tx.policies.setStatus(version(2), "ACTIVE", done)))).kind).toBe("conflict");
      expect(await store.tx((tx) => tx.policies.find("t", "k", 2))).toMatchObject({ status: "DRAFT" });
      expect((await refusalOf(insert(store, version(2)))).kind).toBe("conflict");
    });

    test("of one key are listed latest first, in pages", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const all = [1, 2, 3].map((number) => version(number));
      await insert(store, ...all, version(9, { tenant: "other" }));
      await store.tx(async (tx) => {
        expect(await tx.policies.versions({ tenant: "t", key: "k", limit: 2 })).toEqual([all[2], all[1]].map((each) => summary(each as PolicyVersion)));
        expect(await tx.policies.versions({ tenant: "t", key: "k", beforeVersion: 2, limit: 2 })).toEqual([summary(version(1))]);
        expect(await tx.policies.versions({ tenant: "none", key: "k", limit: 2 })).toEqual([]);
      });
    });

    test("of all keys are listed by the active one, or else the latest, in the order of the keys", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await insert(
        store,
        version(1),
        version(2),
        version(1, { key: "a" }),
        version(2, { key: "a" }),
        version(1, { key: "z" }),
        version(7, { tenant: "other", key: "b" }),
      );
      await store.tx((tx) => tx.policies.setStatus(version(1), "ACTIVE", done));
      await store.tx(async (tx) => {
        const list = async (afterKey: string, limit: number) =>
          (await tx.policies.list({ tenant: "t", afterKey, limit })).map((each) => `${each.key} ${each.version} ${each.status}`);
        expect(await list("", 2)).toEqual(["a 2 DRAFT", "k 1 ACTIVE"]);
        expect(await list("k", 2)).toEqual(["z 1 DRAFT"]);
        expect(await list("z", 2)).toEqual([]);
      });
    });

    test("that two put at once get numbers of their own", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const second = (await opened.another?.()) ?? store;
      const put = (from: MusterStore) =>
        from.tx(async (tx) => {
          const [latest] = await tx.policies.lock("t", "k");
          await tx.policies.insert(version((latest?.version ?? 0) + 1));
        });
      await Promise.all([put(store), put(second), put(store), put(second)]);
      expect((await store.tx((tx) => tx.policies.lock("t", "k"))).map((each) => each.version)).toEqual([4, 3, 2, 1]);
    });
  });
}
