import { dnsWarning } from "../validate.ts";
import type { RegistrationStep } from "../attempt-context.ts";

/** Tells what was checked before the attempt began: fields, hosts, name and id. */
export const validated: RegistrationStep = {
  event: "VALIDATED",
  timeoutMs: 1_000,
  run: async ({ attempt }) => {
    const warning = dnsWarning(attempt.name);
    return {
      message: "request is valid",
      metadata: { check_address: attempt.address, ...(warning ? { warning } : {}) },
    };
  },
};
