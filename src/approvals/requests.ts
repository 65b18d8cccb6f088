/** The commands on requests: each one transaction. */
import { DomainError } from "../kernel/errors.ts";
import { change, notFound, publish, refused, remember, repeated, schedule } from "./change.ts";
import { seeChanged, seeIn, type Seen } from "./queries.ts";
import type { Actor, ApprovalDeps, Callback } from "./deps.ts";
import { close, dueAt, join, open, reassign, revise, vote, type Answer, type CloseCommand, type CommandRefusal } from "./machine.ts";
import { refuseOwned } from "./owners.ts";
import type { Refusal } from "./may-vote.ts";
import type { ApprovalTx, LockedApproval } from "./records.ts";
import { isOpen, type Approval, type Grant } from "./request.ts";
import type { Person, Policy, Subject, Verdict } from "./types.ts";
import { personNamed } from "./who.ts";
import { readWorld, type ReadWorld } from "./world.ts";

export interface CreateInput {
  readonly commandId: string;
  readonly policyKey: string;
  readonly subject: Subject;
  /** JSON text. */
  readonly context: string;
  /** Key of the person for whom it is asked; empty for the caller. */
  readonly onBehalfOf: string;
  readonly isDryRun: boolean;
  /** An endpoint for the events of this request alone. */
  readonly callback?: Callback | undefined;
}

export interface Created {
  readonly seen: Seen;
  readonly isNew: boolean;
}

export async function createApproval(deps: ApprovalDeps, input: CreateInput, actor: Actor): Promise<Created> {
  return deps.store.tx((tx) => createIn(tx, deps, input, actor));
}

async function createIn(tx: ApprovalTx, deps: ApprovalDeps, input: CreateInput, actor: Actor): Promise<Created> {
  const { commandId, isDryRun, subject, policyKey, ...content } = input;
  const command = { ...content, subject, policyKey, what: "create" };
  const { tenant, person } = actor;
  const former = async (): Promise<Created | undefined> => {
    const id = await repeated(tx, actor, commandId, command);
    return id === undefined ? undefined : { seen: await seeIn(tx, deps, await mustFind(tx, tenant, id), actor), isNew: false };
  };
  const known = await former();
  if (known) return known;

  refuseOwned(deps.owners, tenant, subject);
  const standing = await tx.approvals.standing(tenant, policyKey, subject);
  const policy = await activePolicy(tx, deps, tenant, policyKey, standing);
  requireSubjectType(policy, subject);
  const context = await deps.readContext(policy, input.context);
  const addCallback = async (approvalId: string) => {
    if (input.callback) await deps.listeners.addCallback(tx, isDryRun ? undefined : approvalId, input.callback, { tenant, key: person.key });
  };
  const current = standing.currentId === undefined ? undefined : await upToNow(tx, deps, tenant, standing.currentId, isDryRun);
  if (current?.approval.subject.digest === subject.digest && current.approval.policy.key === policyKey) {
    // The same command may have been carried out since, by another transaction, until this one had the lock.
    const since = await former();
    if (since) return since;
    await addCallback(current.approval.id);
    const seen = await joinIn(tx, deps, current, input, actor);
    if (!isDryRun) await remember(tx, actor, commandId, command, seen.approval.id);
    return { seen, isNew: false };
  }
  if (current && isOpen(current.approval)) throw otherIsOpen(current.approval);

  const world = await readWorld(tx, deps, tenant, policyKey, current ?? standing);
  const onBehalfOf = personFor(input, world);
  const made = open({ id: deps.ids.next(), tenant, subject, context, requester: person, ...(onBehalfOf ? { onBehalfOf } : {}) }, policy, world);
  const seen = seeChanged({ approval: made.approval, policy, world }, actor, policy.version);
  if (!isDryRun) await tx.approvals.insert(made.approval, made.events, world.version);
  await addCallback(made.approval.id);
  if (isDryRun) return { seen, isNew: true };
  await publish(tx, deps, undefined, made, actor.traceparent);
  await schedule(tx, deps, undefined, made.approval, world.now);
  await remember(tx, actor, commandId, command, made.approval.id);
  tx.afterCommit(() => deps.meter.changed(undefined, made));
  return { seen, isNew: true };
}

/** A request after what is due, locked; undefined where it neither is open nor grants anything any more. */
async function upToNow(tx: ApprovalTx, deps: ApprovalDeps, tenant: string, id: string, isDryRun: boolean): Promise<LockedApproval | undefined> {
  let locked = await tx.approvals.lock(tenant, id);
  if (locked && (dueAt(locked.approval) ?? Number.POSITIVE_INFINITY) <= locked.now) {
    const { approval } = await change(tx, deps, locked, (same) => ({ approval: same, events: [] }), { isInTime: false, isDryRun });
    locked = isDryRun ? { ...locked, approval } : await tx.approvals.lock(tenant, id);
  }
  return locked && (isOpen(locked.approval) || grants.has(locked.approval.grant)) ? locked : undefined;
}

const grants: ReadonlySet<Grant> = new Set(["VALID", "USED"]);

/** Throws SUBJECT_TYPE_DIFFERS. */
export function requireSubjectType({ document: { key, subject: type } }: Pick<Policy, "document">, subject: Pick<Subject, "type">): void {
  if (type === subject.type) return;
  const message = `policy ${key} is for subjects of type ${type}, not ${subject.type}`;
  throw new DomainError({ kind: "invalid", reason: "SUBJECT_TYPE_DIFFERS", message, fields: [{ field: "subject.type", description: message }] });
}

function personFor({ onBehalfOf }: CreateInput, world: ReadWorld): Person | undefined {
  return onBehalfOf === "" ? undefined : personNamed(onBehalfOf, world);
}

async function joinIn(tx: ApprovalTx, deps: ApprovalDeps, current: LockedApproval, input: CreateInput, actor: Actor): Promise<Seen> {
  if (!isOpen(current.approval)) return seeIn(tx, deps, current.approval, actor);
  const joined = await change(tx, deps, current, (approval, policy, world) => join(approval, actor.person, policy, world, personFor(input, world)), {
    isInTime: true,
    traceparent: actor.traceparent,
    isDryRun: input.isDryRun,
  });
  if (joined.refusal) throw refused(joined.refusal, current.approval.id);
  return seeChanged(joined, actor, current.activeVersion);
}

export interface VoteInput {
  readonly commandId: string;
  readonly approvalId: string;
  readonly verdict: Verdict;
  readonly digest: string;
  readonly stage: string;
  readonly requirement: string;
  readonly comment: string;
}

/** The request after a vote, or why it does not count, with the request as it is. */
export type VoteResult = { readonly seen: Seen; readonly refusal?: Refusal<CommandRefusal> };

export function voteOn(deps: ApprovalDeps, input: VoteInput, actor: Actor, isDryRun: boolean): Promise<VoteResult> {
  return run(deps, actor, voteCommand(input, isDryRun), voteWork(input, actor));
}

/** A vote in a transaction of another part of the platform, on a request that it names. Throws APPROVAL_NOT_FOUND. */
export function voteIn(tx: ApprovalTx, deps: ApprovalDeps, input: VoteInput, actor: Actor): Promise<VoteResult> {
  return runIn(tx, deps, actor, voteCommand(input, false), voteWork(input, actor));
}

function voteCommand(input: VoteInput, isDryRun: boolean): Command {
  return { commandId: input.commandId, approvalId: input.approvalId, content: { ...input, what: "vote" }, isDryRun, resolvesItself: true };
}

function voteWork({ commandId: _command, approvalId: _approval, stage, requirement, ...rest }: VoteInput, actor: Actor): Work {
  const command = { voter: actor.person, ...rest, ...(stage === "" ? {} : { stage }), ...(requirement === "" ? {} : { requirement }) };
  return (approval, policy, world) => vote(approval, command, policy, world);
}

export interface ReviseInput {
  readonly commandId: string;
  readonly approvalId: string;
  readonly digest: string;
  /** JSON text; undefined keeps the former context. */
  readonly context: string | undefined;
}

export function reviseApproval(deps: ApprovalDeps, input: ReviseInput, actor: Actor): Promise<VoteResult> {
  const { commandId, approvalId, digest } = input;
  return run(deps, actor, { commandId, approvalId, content: { ...input, what: "revise" } }, async (approval, _pinned, world, tx, locked) => {
    refuseOwned(deps.owners, actor.tenant, approval.subject);
    const policy = await activePolicy(tx, deps, actor.tenant, approval.policy.key, locked);
    requireSubjectType(policy, approval.subject);
    const context = await deps.readContext(policy, input.context ?? JSON.stringify(approval.context));
    return revise(approval, { author: actor.person, isAdmin: actor.isAdmin, digest, context }, policy, world);
  });
}

export interface ReassignInput {
  readonly commandId: string;
  readonly approvalId: string;
  /** Key or login; empty for the caller. */
  readonly from: string;
  readonly to: string;
  readonly requirement: string;
  readonly reason: string;
}

export function reassignPlace(deps: ApprovalDeps, input: ReassignInput, actor: Actor): Promise<VoteResult> {
  const { commandId, approvalId, from, to, requirement, reason } = input;
  return run(deps, actor, { commandId, approvalId, content: { ...input, what: "reassign" } }, (approval, policy, world) => {
    const person = (name: string) => (name === "" ? actor.person : personNamed(name, world));
    const named = requirement === "" ? {} : { requirement };
    return reassign(approval, { by: actor.person, isAdmin: actor.isAdmin, from: person(from), to: person(to), ...named, reason }, policy, world);
  });
}

export interface CloseInput {
  readonly commandId: string;
  readonly approvalId: string;
  readonly how: CloseCommand["how"];
  readonly isEvicting: boolean;
  readonly reason: string;
}

export function closeApproval(deps: ApprovalDeps, input: CloseInput, actor: Actor): Promise<VoteResult> {
  const { commandId, approvalId, how, isEvicting, reason } = input;
  const command = { by: actor.person, isAdmin: actor.isAdmin, how, isEvicting, reason };
  return run(deps, actor, { commandId, approvalId, content: { ...input, what: "close" } }, (approval, policy, world) =>
    close(approval, command, policy, world),
  );
}

interface Command {
  readonly commandId: string;
  readonly approvalId: string;
  readonly content: unknown;
  readonly isDryRun?: boolean;
  /** It brings the candidates up to date itself. */
  readonly resolvesItself?: boolean;
}

type Work = (approval: Approval, policy: Policy, world: ReadWorld, tx: ApprovalTx, locked: LockedApproval) => Answer | Promise<Answer>;

/** Carries a command out once. Throws APPROVAL_NOT_FOUND and COMMAND_ID_REUSED. */
function run(deps: ApprovalDeps, actor: Actor, command: Command, work: Work): Promise<VoteResult> {
  return deps.store.tx((tx) => runIn(tx, deps, actor, command, work));
}

async function runIn(
  tx: ApprovalTx,
  deps: ApprovalDeps,
  actor: Actor,
  { commandId, approvalId, content, isDryRun = false, resolvesItself = false }: Command,
  work: Work,
): Promise<VoteResult> {
  const locked = await tx.approvals.lock(actor.tenant, approvalId);
  if (!locked) throw notFound(approvalId);
  if ((await repeated(tx, actor, commandId, content)) !== undefined) return { seen: await seeIn(tx, deps, locked.approval, actor) };
  const options = { isInTime: isOpen(locked.approval), traceparent: actor.traceparent, isDryRun, resolvesItself };
  const changed = await change(tx, deps, locked, (approval, policy, world) => work(approval, policy, world, tx, locked), options);
  if (!isDryRun && !changed.refusal) await remember(tx, actor, commandId, content, approvalId);
  // A revision may be decided by another version than the one before.
  const isPinned = changed.approval.policy.version === locked.approval.policy.version;
  const seen = await (isPinned ? seeChanged(changed, actor, locked.activeVersion) : seeIn(tx, deps, changed.approval, actor));
  return { seen, ...(changed.refusal ? { refusal: changed.refusal } : {}) };
}

async function mustFind(tx: ApprovalTx, tenant: string, id: string): Promise<Approval> {
  const approval = await tx.approvals.find(tenant, id);
  if (!approval) throw notFound(id);
  return approval;
}

async function activePolicy(
  tx: ApprovalTx,
  { policies }: ApprovalDeps,
  tenant: string,
  key: string,
  { activeVersion }: Pick<LockedApproval, "activeVersion">,
): Promise<Policy> {
  if (activeVersion !== undefined) return policies.pinned(tx, tenant, key, activeVersion);
  throw new DomainError({
    kind: "wrong_state",
    reason: "POLICY_NOT_ACTIVE",
    message: `there is no policy ${key} with an active version`,
    subject: { type: "policy", name: key },
  });
}

function otherIsOpen({ id, subject, policy }: Approval): DomainError {
  return new DomainError({
    kind: "already_exists",
    reason: "OPEN_REQUEST_FOR_SUBJECT",
    message: `a request of this subject, under policy ${policy.key} and with the digest ${subject.digest}, is open: revise or close it`,
    subject: { type: "approval", name: id },
    metadata: { approval_id: id },
  });
}
