/**
 * Subjects that belong to another part of the platform. Only their owner asks about them, in transactions of its own, and it learns of
 * every change in the transaction that makes it: so that what an approval entitles to is given by the very commit that approves.
 */
import { DomainError } from "../kernel/errors.ts";
import type { CoreTx } from "../kernel/records.ts";
import type { PolicyVersion } from "./policy/policy-records.ts";
import type { Approval, ApprovalEvent } from "./request.ts";
import type { Subject } from "./types.ts";

/** The owner of one type of subjects in one tenant, and of the policy with this key. */
export interface SubjectOwner {
  readonly tenant: string;
  readonly subjectType: string;
  readonly policyKey: string;
  /** A request has changed. */
  changed(tx: CoreTx, approval: Approval, events: readonly ApprovalEvent[]): Promise<void>;
  /**
   * A version of its policy is active from now on. Resolves to how much is let in as it is, since it was there before; rejects with
   * `wrong_state` when there is such and `admitLive` is false.
   */
  activated(tx: CoreTx, policy: Pick<PolicyVersion, "version">, given: { readonly admitLive: boolean }): Promise<number>;
  /** No version is active any more. Resolves to how many requests were released, or else cancelled. */
  archived(tx: CoreTx, given: { readonly release: boolean; readonly by: string }): Promise<number>;
}

export function ownerOf(owners: readonly SubjectOwner[], tenant: string, { type }: Pick<Subject, "type">): SubjectOwner | undefined {
  return owners.find((owner) => owner.tenant === tenant && owner.subjectType === type);
}

/** The owner whose policy this is. */
export function ownerOfPolicy(owners: readonly SubjectOwner[], { tenant, key }: { readonly tenant: string; readonly key: string }): SubjectOwner | undefined {
  return owners.find((owner) => owner.tenant === tenant && owner.policyKey === key);
}

/** Refuses what only the owner of a subject may ask. */
export function refuseOwned(owners: readonly SubjectOwner[], tenant: string, subject: Pick<Subject, "type">): void {
  if (!ownerOf(owners, tenant, subject)) return;
  throw new DomainError({
    kind: "denied",
    reason: "SUBJECT_RESERVED",
    message: `requests for subjects of type ${subject.type} are opened and revised by the platform alone`,
    subject: { type: "subject", name: subject.type },
  });
}
