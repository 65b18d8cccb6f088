import { forgetUnpublished } from "../../schemas/schema-versions.ts";
import type { RegistrationStep } from "../attempt-context.ts";

/** Saves the registration as PENDING, and its schema version. */
export const saveRegistration: RegistrationStep = {
  event: "DATABASE_SAVED",
  timeoutMs: 15_000,
  early: true,
  run: async ({ attempt, work }, signal) => {
    await work.save(signal);
    return { message: "registration saved", serviceId: attempt.serviceId };
  },
  undo: async ({ attempt, ports }) => {
    await ports.store.tx(async (tx) => {
      const pending = await tx.registrations.find(attempt.id);
      if (pending?.state !== "PENDING") return;
      if (pending.schema) await forgetUnpublished(tx, pending.schema, attempt.id);
      await tx.registrations.deletePending(attempt.id);
    });
  },
};
