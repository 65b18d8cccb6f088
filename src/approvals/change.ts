/** A change of a request, written whole: document, events, inbox, what is due, and what is published. */
import { canonicalJson, sha256 } from "../kernel/canonical-json.ts";
import { DomainError, type ErrorKind } from "../kernel/errors.ts";
import type { Actor, ApprovalDeps } from "./deps.ts";
import { evolve } from "./evolve.ts";
import { dueAt, refresh, tick, type Answer, type CommandRefusal } from "./machine.ts";
import type { Refusal } from "./may-vote.ts";
import type { ApprovalTx, LockedApproval } from "./records.ts";
import { ownerOf } from "./owners.ts";
import { newsOf } from "./request-news.ts";
import { isOpen, type Approval } from "./request.ts";
import type { Made } from "./settle.ts";
import { tickTask, type TickPayload } from "./tick-task.ts";
import type { Policy } from "./types.ts";
import { readWorld, type ReadWorld } from "./world.ts";

/** A request after a command, and by what it was judged. */
export interface Changed extends Made {
  readonly policy: Policy;
  readonly world: ReadWorld;
  /** The command was refused. Candidates may have been brought up to date all the same. */
  readonly refusal?: Refusal<CommandRefusal>;
}

/**
 * Runs a command of the machine on a locked request, after what is due by itself and after candidates were brought up to the
 * directory of now, and writes what it made; so who comes too late is answered with the state that came to be. `isInTime`: only
 * before the expiry by the database's clock; `resolvesItself`: the command brings candidates up to date, so that it is not too
 * late for a vote that decides.
 */
export async function change(
  tx: ApprovalTx,
  deps: ApprovalDeps,
  locked: LockedApproval,
  command: (approval: Approval, policy: Policy, world: ReadWorld) => Answer | Promise<Answer>,
  options: { readonly isInTime: boolean; readonly traceparent?: string | undefined; readonly isDryRun?: boolean; readonly resolvesItself?: boolean },
): Promise<Changed> {
  const { approval } = locked;
  const policy = await deps.policies.pinned(tx, approval.tenant, approval.policy.key, approval.policy.version);
  const world = await readWorld(tx, deps, approval.tenant, approval.policy.key, locked);
  const isOutdated = locked.resolvedVersion < world.version && options.resolvesItself !== true;
  const due = tick(approval, policy, world);
  const refreshed: Made = isOutdated ? refresh(due.approval, policy, world) : { approval: due.approval, events: [] };
  const fresh: Made = { approval: refreshed.approval, events: [...due.events, ...refreshed.events] };
  const answer = await command(fresh.approval, policy, world);
  const made: Made = "refusal" in answer ? fresh : { approval: answer.approval, events: [...fresh.events, ...answer.events] };
  const judged = { policy, world, ...("refusal" in answer ? { refusal: answer } : {}) };
  if (options.isDryRun === true || (made.events.length === 0 && !isOutdated)) return { ...made, ...judged };
  const isInTime = options.isInTime && isOpen(fresh.approval);
  if (!(await tx.approvals.advance(locked, made.approval, made.events, { isInTime, resolvedVersion: world.version }))) {
    // It has expired since it was locked.
    const late = await tx.approvals.lock(approval.tenant, approval.id);
    if (!late) throw notFound(approval.id);
    return change(tx, deps, late, command, options);
  }
  await publish(tx, deps, approval, made, options.traceparent);
  await schedule(tx, deps, approval, made.approval, locked.now);
  await ownerOf(deps.owners, approval.tenant, approval.subject)?.changed(tx, made.approval, made.events);
  tx.afterCommit(() => deps.meter.changed(approval, made));
  return { ...made, ...judged };
}

/** Puts the events into the outbox, each with the state after it, and tells the listeners. */
export async function publish(
  tx: ApprovalTx,
  { ids, listeners }: Pick<ApprovalDeps, "ids" | "listeners">,
  before: Approval | undefined,
  { events }: Made,
  traceparent: string | undefined,
): Promise<void> {
  let state = before;
  const news = events.flatMap((event) => {
    state = evolve(state, event);
    const payload = newsOf(event, state);
    return payload ? [{ id: ids.next(), key: state.id, subject: { kind: "approval", id: state.id }, payload, at: event.at, traceparent }] : [];
  });
  await tx.outbox.insert(...news);
  await listeners.note(
    tx,
    news.map(({ payload }) => payload),
  );
}

/** Inserts the task for what is due next, when that has changed. A task of an earlier due time finds nothing to do. */
export async function schedule(tx: ApprovalTx, { ids }: Pick<ApprovalDeps, "ids">, before: Approval | undefined, after: Approval, now: number): Promise<void> {
  const due = dueAt(after);
  if (due === undefined || due === (before && dueAt(before))) return;
  await tickAt(tx, { ids }, { tenant: after.tenant, approvalId: after.id, dueAt: due }, now);
}

export async function tickAt(
  tx: ApprovalTx,
  { ids }: Pick<ApprovalDeps, "ids">,
  payload: TickPayload & { readonly dueAt: number },
  now: number,
): Promise<void> {
  await tx.tasks.insert(tickTask, { id: ids.next(), payload, dueInMs: Math.max(0, payload.dueAt - now) });
}

/** The key of a command: of its principal, so that nobody meets the command of somebody else. */
function commandKey(actor: Actor, commandId: string): string {
  return sha256(canonicalJson([actor.tenant, actor.person.key, commandId]));
}

/**
 * The request of a command that was carried out before; undefined when it was not. Throws COMMAND_ID_REUSED when the content
 * differs.
 */
export async function repeated(tx: ApprovalTx, actor: Actor, commandId: string, content: unknown): Promise<string | undefined> {
  const former = commandId === "" ? undefined : await tx.approvalCommands.find(commandKey(actor, commandId));
  if (former === undefined) return undefined;
  if (former.contentHash === sha256(canonicalJson(content))) return former.approvalId;
  throw new DomainError({ kind: "invalid", reason: "COMMAND_ID_REUSED", message: `the command id ${commandId} was used before with other content` });
}

export async function remember(tx: ApprovalTx, actor: Actor, commandId: string, content: unknown, approvalId: string): Promise<void> {
  if (commandId === "") return;
  await tx.approvalCommands.insert(commandKey(actor, commandId), { contentHash: sha256(canonicalJson(content)), approvalId });
}

/** The answer to an id that the tenant does not have, whoever has it. */
export function notFound(id: string): DomainError {
  return new DomainError({
    kind: "not_found",
    reason: "APPROVAL_NOT_FOUND",
    message: "there is no approval request with this id",
    subject: { type: "approval", name: id },
  });
}

const kinds: Readonly<Partial<Record<CommandRefusal, ErrorKind>>> = {
  SUBJECT_CHANGED: "conflict",
  NOT_IDENTIFIED: "unauthenticated",
  REAUTHENTICATION_NEEDED: "unauthenticated",
  COMMENT_REQUIRED: "invalid",
  REQUIREMENT_UNKNOWN: "invalid",
  REQUEST_CLOSED: "wrong_state",
  STAGE_NOT_ACTIVE: "wrong_state",
  WRONG_STATE: "wrong_state",
  ALREADY_COUNTED: "wrong_state",
};

/** A refusal as the error of a call. */
export function refused({ refusal, message }: Refusal<CommandRefusal>, id: string): DomainError {
  return new DomainError({
    kind: kinds[refusal] ?? "denied",
    reason: refusal,
    message,
    subject: { type: "approval", name: id },
    metadata: { approval_id: id },
  });
}
