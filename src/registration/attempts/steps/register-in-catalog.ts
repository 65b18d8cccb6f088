import { DomainError } from "../../../kernel/errors.ts";
import { retrying } from "../../../kernel/retry.ts";
import type { RegistrationStep } from "../attempt-context.ts";

/**
 * Puts the instance on trial in the catalog. Consumers see nothing new before `commit`. The address is judged once more before it is
 * dialled for the first time: an attempt that an approval begins may come long after its request.
 */
export const registerInCatalog: RegistrationStep = {
  event: "CONSUL_REGISTERED",
  timeoutMs: 10_000,
  run: async ({ attempt, entry, share, ports }, signal) => {
    const violation = ports.judge(attempt.address);
    if (violation !== undefined) throw new DomainError({ kind: "wrong_state", reason: "HOST_DENIED", message: `its address ${attempt.address} ${violation}` });
    await retrying(ports.clock, signal, () => ports.catalog.register(entry, signal, share));
    return { message: "registered in the catalog, on trial", serviceId: entry.serviceId };
  },
  undo: ({ entry, ports }, signal) => ports.catalog.deregister(entry.serviceId, entry.attemptId, signal),
};
