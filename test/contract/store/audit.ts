import type { RegistrationAction } from "../../../src/registration/records.ts";
import { describe, expect, test } from "vitest";
import { firstBroken, type AuditEntry, type Subject } from "../../../src/kernel/audit.ts";
import type { StoreBackend } from "./backend.ts";

const entry = (action: RegistrationAction, subject: Subject = { kind: "instance", id: "echo-10.0.0.1-80" }): AuditEntry<RegistrationAction> => ({
  subject,
  at: 1_700_000_000_000,
  actor: "größe",
  action,
  detail: { z: "1", a: "😀" },
});

export function auditTests(backend: StoreBackend): void {
  describe("audit", () => {
    test("rows of a subject are a chain of their own that holds", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      for (const action of ["REGISTRATION_STARTED", "REGISTERED"] as const) {
        await store.tx((tx) => tx.audit.append(entry(action)));
        await store.tx((tx) => tx.audit.append(entry(action, { kind: "approval", id: "echo-10.0.0.1-80" })));
      }
      const chain = await store.tx((tx) => tx.audit.list(entry("REGISTERED").subject));
      expect(chain).toMatchObject([
        { ...entry("REGISTRATION_STARTED"), sequence: 1 },
        { ...entry("REGISTERED"), sequence: 2 },
      ]);
      expect(firstBroken(chain)).toBeUndefined();
    });

    test("a rolled-back change leaves no row, and concurrent ones no gap", async () => {
      await using opened = await backend.open();
      const { store } = opened;
      const undone = store.tx(async (tx) => {
        await tx.audit.append(entry("REGISTERED"));
        throw new Error("rolled back");
      });
      await expect(undone).rejects.toThrow("rolled back");
      await Promise.all(Array.from({ length: 3 }, () => store.tx((tx) => tx.audit.append(entry("CANCEL_REQUESTED")))));
      const chain = await store.tx((tx) => tx.audit.list(entry("REGISTERED").subject));
      expect(chain.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
      expect(firstBroken(chain)).toBeUndefined();
    });
  });
}
