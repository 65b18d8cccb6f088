import type { RegistrationTx } from "./records.ts";
import { can, isOf, type Caller } from "../kernel/caller.ts";
import { DomainError } from "../kernel/errors.ts";

/**
 * Makes `caller` the owner of a name that nobody owns yet. Rejects with `denied` (NAME_OWNED_BY_ANOTHER) when it is
 * somebody else's, unless the caller is an admin, or an operator where `operators` may act for others.
 */
export async function claimName(tx: RegistrationTx, name: string, caller: Caller, { operators = false } = {}): Promise<void> {
  const owner = await tx.instances.claimName(name, caller.key);
  if (isOf(owner, caller) || can(caller, "admin") || (operators && can(caller, "operator"))) return;
  throw new DomainError({
    kind: "denied",
    reason: "NAME_OWNED_BY_ANOTHER",
    message: `the name ${name} was first registered by somebody else`,
    metadata: { name },
  });
}
