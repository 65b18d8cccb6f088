import { retrying } from "../../../kernel/retry.ts";
import type { RegistrationStep } from "../attempt-context.ts";

/** Puts the instance on trial in the catalog. Consumers see nothing new before `commit`. */
export const registerInCatalog: RegistrationStep = {
  event: "CONSUL_REGISTERED",
  timeoutMs: 10_000,
  run: async ({ entry, share, ports }, signal) => {
    await retrying(ports.clock, signal, () => ports.catalog.register(entry, signal, share));
    return { message: "registered in the catalog, on trial", serviceId: entry.serviceId };
  },
  undo: ({ entry, ports }, signal) => ports.catalog.deregister(entry.serviceId, entry.attemptId, signal),
};
