/** What the owner of a type of subjects does with requests about them, in its own transactions. */
import { change, publish, refused, schedule } from "./change.ts";
import type { ApprovalDeps } from "./deps.ts";
import { close, join, open, revise } from "./machine.ts";
import { ownerOf } from "./owners.ts";
import type { ApprovalTx, LockedApproval } from "./records.ts";
import { isOpen, type Approval } from "./request.ts";
import { supersede } from "./settle.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { Person, Policy, Subject } from "./types.ts";
import { readWorld } from "./world.ts";

export interface OwnedQuestion {
  readonly tenant: string;
  readonly policyKey: string;
  readonly subject: Subject;
  readonly context: JsonObject;
  readonly requester: Person;
  readonly traceparent: string | undefined;
  /** The open request of the subject, which this transaction has locked; undefined: it has found none. */
  readonly openId: string | undefined;
}

/** The open request of a subject, locked. */
export async function findOpen(tx: ApprovalTx, tenant: string, policyKey: string, subject: Pick<Subject, "type" | "id">): Promise<LockedApproval | undefined> {
  const { currentId } = await tx.approvals.standing(tenant, policyKey, subject);
  const current = currentId === undefined ? undefined : await tx.approvals.lock(tenant, currentId);
  return current && isOpen(current.approval) ? current : undefined;
}

/**
 * Asks about a content: joins the open request of the same digest, revises that of another one, or opens one whose approval
 * stands until it is revoked or superseded. `policy` is the active version. Of those who ask first at the same instant the second one's
 * transaction is run again, so that its owner judges anew whether it may join, or revise: what has been opened since it has looked is not
 * looked for here.
 */
export async function ask(tx: ApprovalTx, deps: ApprovalDeps, question: OwnedQuestion, policy: Policy): Promise<Approval> {
  const { tenant, openId } = question;
  const current = openId === undefined ? undefined : await tx.approvals.lock(tenant, openId);
  return current ? askAgain(tx, deps, current, question, policy) : openStanding(tx, deps, question, policy);
}

async function askAgain(tx: ApprovalTx, deps: ApprovalDeps, current: LockedApproval, question: OwnedQuestion, policy: Policy): Promise<Approval> {
  const { subject, context, requester, traceparent } = question;
  const isSame = current.approval.subject.digest === subject.digest;
  const revision = { author: requester, isAdmin: true, digest: subject.digest, context };
  const changed = await change(
    tx,
    deps,
    current,
    (approval, pinned, world) => (isSame ? join(approval, requester, pinned, world) : revise(approval, revision, policy, world)),
    { isInTime: true, traceparent },
  );
  if (changed.refusal) throw refused(changed.refusal, current.approval.id);
  return changed.approval;
}

/** Another person asks for what a request is about. Undefined when that has ended. */
export async function joinOpen(tx: ApprovalTx, deps: ApprovalDeps, tenant: string, id: string, requester: Person): Promise<Approval | undefined> {
  const locked = await tx.approvals.lock(tenant, id);
  if (!locked || !isOpen(locked.approval)) return undefined;
  const joined = await change(tx, deps, locked, (approval, pinned, world) => join(approval, requester, pinned, world), { isInTime: true });
  return joined.approval;
}

async function openStanding(tx: ApprovalTx, deps: ApprovalDeps, question: OwnedQuestion, policy: Policy): Promise<Approval> {
  const { tenant, policyKey, subject, context, requester, traceparent } = question;
  const world = await readWorld(tx, deps, tenant, policyKey, await tx.approvals.instant(tenant));
  const made = open({ id: deps.ids.next(), tenant, subject, context, requester, isStanding: true }, policy, world);
  await tx.approvals.insert(made.approval, made.events, world.version);
  await publish(tx, deps, undefined, made, traceparent);
  await schedule(tx, deps, undefined, made.approval, world.now);
  await ownerOf(deps.owners, tenant, subject)?.changed(tx, made.approval, made.events);
  tx.afterCommit(() => deps.meter.changed(undefined, made));
  return made.approval;
}

export interface Cancellation {
  readonly tenant: string;
  readonly id: string;
  readonly how: "cancelled" | "subject_gone";
  readonly by: string;
  readonly reason: string;
  /** Asked when the request is locked, so that nobody joins it any more; false: it goes on. */
  readonly isGone?: () => Promise<boolean>;
}

/** Ends an open request on the platform's own behalf; one that is decided stays as it is. */
export async function cancel(tx: ApprovalTx, deps: ApprovalDeps, { tenant, id, how, by, reason, isGone }: Cancellation): Promise<void> {
  const locked = await tx.approvals.lock(tenant, id);
  if (!locked || !isOpen(locked.approval) || (isGone && !(await isGone()))) return;
  const person: Person = { key: by, name: by, groups: [], roles: [] };
  await change(tx, deps, locked, (approval, policy, world) => close(approval, { by: person, isAdmin: true, how, reason }, policy, world), {
    isInTime: false,
  });
}

/** What these requests granted is granted by another one now. */
export async function supersedeAll(tx: ApprovalTx, deps: ApprovalDeps, tenant: string, ids: readonly string[], by: string): Promise<void> {
  for (const id of ids) {
    const locked = await tx.approvals.lock(tenant, id);
    if (locked) await change(tx, deps, locked, (approval, policy, world) => supersede(approval, by, policy, world), { isInTime: false });
  }
}
