import type { RegistrationTx } from "./records.ts";
import { can, isOf, type Caller } from "../kernel/caller.ts";
import { DomainError } from "../kernel/errors.ts";

/**
 * Makes `caller` the owner of a name, in all its spellings, that nobody owns yet. Rejects with `denied`
 * (NAME_OWNED_BY_ANOTHER) when it is somebody else's, unless the caller is an admin, or an operator where `operators` may act for
 * others. With `registered`, who became the owner of this very spelling while each had one of its own may act as well.
 */
export async function claimName(tx: RegistrationTx, name: string, caller: Caller, { operators = false, registered = false } = {}): Promise<void> {
  const owner = await tx.instances.claimName(name, caller.key);
  if (isOf(owner, caller) || can(caller, "admin") || (operators && can(caller, "operator"))) return;
  const former = registered ? await tx.instances.ownerOfSpelling(name) : undefined;
  if (former !== undefined && isOf(former, caller)) return;
  throw new DomainError({
    kind: "denied",
    reason: "NAME_OWNED_BY_ANOTHER",
    message: `the name ${name}, or another spelling of it, was first registered by somebody else`,
    metadata: { name },
  });
}
