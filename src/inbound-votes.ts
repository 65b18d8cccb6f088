/** Joins events from outside with approvals: what they decide is a vote by a service principal, in the transaction that keeps the event. */
import { findOpen } from "./approvals/owned-requests.ts";
import type { ApprovalDeps } from "./approvals/deps.ts";
import type { ApprovalTx } from "./approvals/records.ts";
import { isOpen, type Approval } from "./approvals/request.ts";
import { voteIn } from "./approvals/requests.ts";
import type { About } from "./inbound/types.ts";
import type { CastVote } from "./inbound/ports.ts";
import { nameOf } from "./kernel/caller.ts";
import { wholeTx } from "./store/parts.ts";

/** Refusals that no later try changes. */
const lasting: ReadonlySet<string> = new Set(["REQUEST_CLOSED", "SUBJECT_CHANGED", "ALREADY_COUNTED"]);

export function castVotes(given: () => ApprovalDeps): CastVote {
  return async (core, { tenant, about, verdict, digest, occurredAt, comment, voter }) => {
    const tx = wholeTx(core);
    const approval = await find(tx, tenant, about);
    if (!approval) return { is: "failed", reason: "SUBJECT_UNKNOWN", detail: `there is no request for ${aboutText(about)}`, approvalId: undefined };
    const skipped = (reason: string, detail: string) => ({ is: "skipped", reason, detail, approvalId: approval.id }) as const;
    if (!isOpen(approval)) return skipped("REQUEST_CLOSED", `the request is ${approval.decision.toLowerCase()}`);
    const since = digest === undefined ? await revisionAt(tx, approval) : undefined;
    if (since !== undefined && occurredAt <= since) {
      return skipped("STALE_REVISION", `it occurred at ${timeText(occurredAt)}, and revision ${approval.revision} is of ${timeText(since)}`);
    }
    const input = { commandId: "", approvalId: approval.id, verdict, digest: digest ?? approval.subject.digest, stage: "", requirement: "", comment };
    const person = { key: voter.key, name: nameOf(voter.key), groups: voter.groups, roles: voter.roles };
    const { refusal } = await voteIn(tx, given(), input, { tenant, person, isAdmin: false, traceparent: undefined });
    if (!refusal) return { is: "cast", approvalId: approval.id };
    if (lasting.has(refusal.refusal)) return skipped(refusal.refusal, refusal.message);
    return { is: "failed", reason: refusal.refusal, detail: refusal.message, approvalId: approval.id };
  };
}

/** The request, locked: the open one of a subject, else its latest. */
async function find(tx: ApprovalTx, tenant: string, about: About): Promise<Approval | undefined> {
  if ("approvalId" in about) return (await tx.approvals.lock(tenant, about.approvalId))?.approval;
  const open = await findOpen(tx, tenant, "", about);
  if (open) return open.approval;
  return (await tx.approvals.list({ tenant, subjectType: about.type, subjectId: about.id, limit: 1 }))[0];
}

/** When the content that is decided now was given. */
async function revisionAt(tx: ApprovalTx, { id, revision, openedAt }: Approval): Promise<number> {
  if (revision === 1) return openedAt;
  const events = await tx.approvals.events(id, 0);
  return events.findLast(({ type }) => type === "revision_added")?.at ?? openedAt;
}

function aboutText(about: About): string {
  return "approvalId" in about ? `the id ${about.approvalId}` : `${about.type} ${about.id}`;
}

function timeText(at: number): string {
  return new Date(at).toISOString();
}
