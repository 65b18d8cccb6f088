import type { Gate } from "../../src/registration/gate/gate-types.ts";
import { createGate } from "../../src/registration/gate/gate.ts";
import type { GateApprovals } from "../../src/registration/gate/approvals.ts";

/** The gate of a store in which no policy for registrations is active: it asks nobody. */
export function gateOff(): Gate {
  return createGate({ approvals: {} as GateApprovals, ids: { next: () => "" }, environment: "", now: () => 0 });
}
