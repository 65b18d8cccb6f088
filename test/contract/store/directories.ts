import { describe, expect, test } from "vitest";
import { publish } from "../../../src/approvals/directory/publish.ts";
import type { DirectoryVersion } from "../../../src/approvals/directory/records.ts";
import type { DirectoryContent } from "../../../src/approvals/directory/source.ts";
import type { MusterStore } from "../../../src/store/parts.ts";
import type { StoreBackend } from "./backend.ts";

function version(tenant: string, number: number, name = `person ${number}`): DirectoryVersion {
  const member = { key: `t|${number}`, name, aliases: ["ä"], groups: ["g"], roles: [], isEnabled: true };
  return { tenant, version: number, hash: `hash of ${name}`, document: { members: [member], standInMaxMs: 5 } };
}

function insert(store: MusterStore, it: DirectoryVersion): Promise<boolean> {
  return store.tx(({ directories }) => directories.insert(it));
}

export function directoryTests(backend: StoreBackend): void {
  describe("the directory", () => {
    test("has nothing at first", async () => {
      await using opened = await backend.open();
      await opened.store.tx(async ({ directories }) => {
        expect(await directories.heads()).toEqual([]);
        expect(await directories.find("default", 1)).toBeUndefined();
        expect(await directories.has("default", "h")).toBe(false);
      });
    });

    test("has versions by tenant, and knows the newest of each by the database's clock", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const before = Date.now();
      for (const it of [version("default", 1), version("acme", 1, "another"), version("default", 2)]) expect(await insert(store, it)).toBe(true);
      const heads = await store.tx(({ directories }) => directories.heads());
      expect(heads).toEqual([
        { tenant: "acme", version: 1, hash: "hash of another", readAt: expect.any(Number) },
        { tenant: "default", version: 2, hash: "hash of person 2", readAt: expect.any(Number) },
      ]);
      for (const { readAt } of heads) expect(Math.abs(readAt - before)).toBeLessThan(60_000);
      await store.tx(async ({ directories }) => {
        expect(await directories.find("default", 1)).toEqual(version("default", 1));
        expect(await directories.find("acme", 2)).toBeUndefined();
        expect(await directories.has("default", "hash of person 1")).toBe(true);
        expect(await directories.has("acme", "hash of person 1")).toBe(false);
      });
    });

    test("has each version once: the second learns of it, and may go on in the same transaction", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await insert(store, version("default", 1));
      const second = await store.tx(async ({ directories }) => [
        await directories.insert(version("default", 1, "other")),
        await directories.insert(version("default", 2)),
      ]);
      expect(second).toEqual([false, true]);
      expect(await store.tx(({ directories }) => directories.find("default", 1))).toEqual(version("default", 1));
    });

    test("keeps the last 20 versions of a tenant", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      await insert(store, version("acme", 1));
      for (let number = 1; number <= 21; number += 1) await insert(store, version("default", number));
      const kept = await store.tx(async ({ directories }) => [
        await directories.has("default", "hash of person 1"),
        await directories.has("default", "hash of person 2"),
        await directories.has("acme", "hash of person 1"),
      ]);
      expect(kept).toEqual([false, true, true]);
    });

    const { openTwice } = backend;
    if (!openTwice) return;
    test("that two replicas read is one version", async () => {
      await using opened = await openTwice();
      const { document } = version("default", 1);
      const content: DirectoryContent = { documents: new Map([["default", document]]), asOf: 0 };
      const both = await Promise.all(opened.stores.map((store) => readTwice(store, content)));
      expect(both.flat().map((change) => change.version)).toEqual([1]);
      expect(await opened.stores[0]!.tx(({ directories }) => directories.heads())).toMatchObject([{ version: 1 }]);
    });
  });
}

/** As a replica does it: again, when another one was quicker. */
async function readTwice(store: MusterStore, content: DirectoryContent) {
  const read = () => store.tx((tx) => publish(tx, content));
  return (await read()) ?? (await read()) ?? [];
}
