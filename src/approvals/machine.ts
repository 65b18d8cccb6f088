/**
 * The approval machine. A command at a time makes events or is refused; the document is the fold of its events (`evolve.ts`).
 * Pure: no input or output, no clock, no ids; so the real command, `validate_only`, the inbox, Explain, simulation and replay
 * cannot disagree.
 */
import { barredFrom, usedUp } from "./counting.ts";
import { evolve } from "./evolve.ts";
import { closedAt, isTaken, mayVote, type MayVote, type Refusal, type VoteRefusal } from "./may-vote.ts";
import { isAny, isBarred, isNamed, isSame, memberOf, partyOf, type World } from "./people.ts";
import { activeStage, isOpen, type Approval, type ApprovalEvent, type Closing, type Effect, type Party, type Stage } from "./request.ts";
import { routeOf } from "./routing.ts";
import { begin, emit, expire, nextAction, resolve, run, settle, timer, type Draft, type Made } from "./settle.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { Person, Policy, Subject, Verdict } from "./types.ts";

export type CommandRefusal = VoteRefusal | "NOT_OWNER" | "WRONG_STATE" | "REQUIREMENT_UNKNOWN";

export type Answer = Made | Refusal<CommandRefusal>;

export interface OpenCommand {
  readonly id: string;
  readonly tenant: string;
  readonly subject: Subject;
  readonly context: JsonObject;
  readonly requester: Person;
  readonly onBehalfOf?: Person;
  /** What is granted stands until it is revoked or superseded, and has effect at once; otherwise it is used once. */
  readonly isStanding?: boolean;
}

export interface VoteCommand {
  readonly voter: Person;
  readonly verdict: Verdict;
  /** Of the content that the voter saw. */
  readonly digest: string;
  /** The stage that the voter saw; without it, whichever is active. */
  readonly stage?: string;
  /** Counts for this requirement alone; otherwise for all that the voter may vote for. */
  readonly requirement?: string;
  readonly comment: string;
}

export interface CloseCommand {
  readonly by: Person;
  /** May close requests of others. */
  readonly isAdmin: boolean;
  readonly how: Exclude<Closing, "unsatisfiable"> | "revoke";
  /** Revoked, what it let in is taken out again. */
  readonly isEvicting?: boolean;
  readonly reason: string;
}

/** A new request, decided at once or with its first stage active. */
export function open(command: OpenCommand, policy: Policy, world: World): Made {
  const { requester, onBehalfOf, subject, context, id, tenant, isStanding = false } = command;
  const route = routeOf(policy, { context, subject, requester }, world.now);
  const party = (person: Person) => partyOf(person, world.directory);
  const behalf = onBehalfOf ? { onBehalfOf: party(onBehalfOf) } : {};
  const standing = isStanding ? { isStanding } : {};
  const created = { type: "request_created", id, tenant, subject, context, requester: party(requester), ...behalf, ...standing, ...route.routed } as const;
  const first: ApprovalEvent = { ...created, sequence: 1, at: world.now, actor: requester.key };
  const made = run(evolve(undefined, first), policy, world, (draft) => begin(draft, route));
  return { approval: made.approval, events: [first, ...made.events] };
}

/** Another person asks for the same content, possibly for somebody else: neither may decide on it. */
export function join(approval: Approval, requester: Person, policy: Policy, world: World, onBehalfOf?: Person): Answer {
  const closed = closedAt(approval, world.now);
  if (closed) return closed;
  return run(approval, policy, world, (draft) => {
    for (const person of onBehalfOf ? [requester, onBehalfOf] : [requester]) {
      const party = partyOf(person, world.directory);
      const known = [...draft.approval.requesters, ...(person === onBehalfOf && approval.onBehalfOf ? [approval.onBehalfOf] : [])];
      if (!known.some(({ identities }) => isAny(identities, party.identities))) emit(draft, requester.key, { type: "requester_joined", requester: party });
    }
    if (draft.events.length === 0) return;
    resolve(draft);
    settle(draft);
  });
}

/** New content of the same subject, routed by `policy`, the one that is active now. Votes on the former content are void. */
export function revise(
  approval: Approval,
  /** `isAdmin`: may revise requests of others. */
  command: { readonly author: Person; readonly isAdmin?: boolean; readonly digest: string; readonly context: JsonObject },
  policy: Policy,
  world: World,
): Answer {
  const { author, isAdmin = false, digest, context } = command;
  const closed = closedAt(approval, world.now);
  if (closed) return closed;
  const party = partyOf(author, world.directory);
  if (!isAdmin && !isOwner(approval, party)) return notOwner(party, "revise");
  if (digest === approval.subject.digest)
    return { refusal: "WRONG_STATE", message: `the digest of the request is ${digest} already: a revision needs another` };
  const subject = { ...approval.subject, digest };
  const route = routeOf(policy, { context, subject, requester: approval.requesters[0] ?? party }, world.now);
  return run(approval, policy, world, (draft) => {
    emit(draft, author.key, { type: "revision_added", digest, context, author: party, ...route.routed });
    begin(draft, route);
  });
}

/** A vote, and what follows from it. A vote that was cast already changes nothing, also when it has ended the stage or the request. */
export function vote(approval: Approval, command: VoteCommand, policy: Policy, world: World): Answer {
  const { voter: person, verdict, digest, requirement, comment } = command;
  const may = mayVote(approval, policy.document, person, world);
  const active = closedAt(approval, world.now) ? undefined : activeStage(approval)?.id;
  const isStale = active !== undefined && (command.stage ?? active) !== active;
  if ("refusal" in may || isStale) {
    if (!("refusal" in may && barring.has(may.refusal)) && hasCast(approval, command, world)) return { approval, events: [] };
    if ("refusal" in may && !isStale) return may;
    return { refusal: "STAGE_NOT_ACTIVE", message: `stage ${command.stage} is not active: stage ${active} is` };
  }
  if (digest !== approval.subject.digest) {
    return { refusal: "SUBJECT_CHANGED", message: `the content has changed: its digest is ${approval.subject.digest}, and the vote names ${digest || "none"}` };
  }
  const requirements = requirement === undefined ? may.requirements : may.requirements.filter((id) => id === requirement);
  if (requirements.length === 0) return notHere(may, requirement ?? "");
  if (comment.trim() === "" && policy.document.reasonRequired.includes(verdict)) {
    return { refusal: "COMMENT_REQUIRED", message: `the policy wants a comment with ${verdict}` };
  }
  const { stage, voter, standsInFor } = may;
  return run(approval, policy, world, (draft) => {
    const former = approval.votes.find((cast) => cast.stage === stage.id && isSame(cast.voter, voter));
    if (former?.verdict === verdict && former.comment === comment && sameList(former.requirements, requirements)) return;
    resolve(draft);
    emit(draft, voter.key, { type: "vote_recorded", stage: stage.id, voter, verdict, comment, requirements, standsInFor });
    settle(draft);
  });
}

/** A place moves from one person to another, by the person himself or an admin. */
export function reassign(
  approval: Approval,
  command: {
    readonly by: Person;
    readonly isAdmin: boolean;
    readonly from: Person;
    readonly to: Person;
    readonly requirement?: string;
    readonly reason: string;
  },
  policy: Policy,
  world: World,
): Answer {
  const closed = closedAt(approval, world.now);
  if (closed) return closed;
  const stage = activeStage(approval);
  if (!stage) return { refusal: "STAGE_NOT_ACTIVE", message: "no stage of the request is active" };
  const [by, from, to] = [command.by, command.from, command.to].map((person) => partyOf(person, world.directory)) as [Party, Party, Party];
  if (!command.isAdmin && !isAny(by.identities, from.identities))
    return { refusal: "NOT_OWNER", message: `${by.name} may not reassign the place of ${from.name}: only that person may, and admins` };
  const { requirement, reason } = command;
  if (requirement !== undefined && stage.requirements.every(({ id }) => id !== requirement)) return unknownRequirement(stage, requirement);
  const held = memberOf(from.key, world.directory) ?? command.from;
  const places = stage.requirements.filter(
    ({ id, who, replaced }) => (requirement ?? id) === id && isNamed(who, from.identities, held) && !isAny(from.identities, replaced),
  );
  if (places.length === 0) return { refusal: "NOT_ELIGIBLE", message: `${from.name} has no place in stage ${stage.id}` };
  if (isTaken(approval, stage, from)) return { refusal: "ALREADY_COUNTED", message: `${from.name}, or a stand-in, voted already` };
  if (isBarred(to.identities, barredFrom(approval), world))
    return { refusal: "SOD_REQUESTER", message: `${to.name} may not decide on this request, having asked for it, or standing in for somebody who did` };
  if (isGone(to, world)) return { refusal: "PERSON_DISABLED", message: `${to.name} is disabled, or not in the directory` };
  if (isAny(to.identities, usedUp(approval, stage.id, policy.document)))
    return { refusal: "ALREADY_COUNTED", message: `${to.name} approved an earlier stage, and counts once in the whole request` };
  return run(approval, policy, world, (draft) => {
    for (const { id } of places) emit(draft, by.key, { type: "reassigned", stage: stage.id, requirement: id, from, to, reason });
    resolve(draft);
    settle(draft);
  });
}

/** Ends a request, or revokes what it granted. */
export function close(approval: Approval, { by: person, isAdmin, how, isEvicting = false, reason }: CloseCommand, policy: Policy, world: World): Answer {
  const by = partyOf(person, world.directory);
  if (!isAdmin && !(isOwner(approval, by) && (how === "withdrawn" || how === "revoke"))) return notOwner(by, how === "revoke" ? "revoke" : "close");
  if (how === "revoke") {
    if (isEvicting && !isAdmin) return notOwner(by, "evict by");
    const hint = approval.effect === "APPLIED" ? "; what was applied is undone by a request of its own" : "";
    if (approval.grant !== "VALID") return { refusal: "WRONG_STATE", message: `there is no valid grant to revoke: it is ${approval.grant}${hint}` };
    if (underway.has(approval.effect)) return { refusal: "WRONG_STATE", message: `the effect is ${approval.effect}: it can no longer be revoked` };
    return run(approval, policy, world, (draft) =>
      emit(draft, by.key, { type: "grant_changed", grant: "REVOKED", reason, ...(isEvicting ? { isEvicting } : {}) }),
    );
  }
  const closed = closedAt(approval, world.now);
  if (closed) return closed;
  return run(approval, policy, world, (draft) => emit(draft, by.key, { type: "request_cancelled", closing: how, reason }));
}

/** Everything that is due by itself at `world.now`, in the order of its time, however late that is: an action before the expiry. */
export function tick(approval: Approval, policy: Policy, world: World): Made {
  return run(approval, policy, world, (draft) => {
    if (!isOpen(draft.approval)) return void expireGrant(draft);
    for (let due = nextAction(draft); due && isOpen(draft.approval); due = nextAction(draft)) {
      const { stage, index, action } = due;
      if (action.do === "escalate") {
        emit(draft, timer, { type: "escalated", stage: stage.id, action: index, to: action.to });
        resolve(draft);
        settle(draft);
      } else if (action.do === "remind") emit(draft, timer, { type: "reminded", stage: stage.id, action: index });
      else emit(draft, timer, { type: "request_rejected", reason: `nobody completed stage ${stage.id} in time` });
    }
    if (isOpen(draft.approval) && world.now >= draft.approval.expiresAt) expire(draft);
  });
}

/** Who could vote, resolved again by the directory and stand-ins of now. */
export function refresh(approval: Approval, policy: Policy, world: World): Made {
  return run(approval, policy, world, (draft) => {
    if (closedAt(approval, world.now) || world.directory === "unknown") return;
    resolve(draft);
    settle(draft);
  });
}

const nextEffects: Readonly<Record<Effect, readonly Effect[]>> = {
  NONE: ["READY"],
  READY: ["RUNNING"],
  RUNNING: ["APPLIED", "FAILED", "UNKNOWN"],
  UNKNOWN: ["APPLIED", "FAILED"],
  FAILED: ["READY"],
  APPLIED: [],
};

/** What became of the effect of an approval. APPLIED uses the grant up. */
export function reportEffect(
  approval: Approval,
  report: { readonly effect: Exclude<Effect, "NONE">; readonly by: string; readonly detail: string },
  policy: Policy,
  world: World,
): Answer {
  const { effect, by, detail } = report;
  if (approval.decision !== "APPROVED" || approval.grant !== "VALID")
    return { refusal: "WRONG_STATE", message: `the request is ${approval.decision}, its grant ${approval.grant}` };
  if (!nextEffects[approval.effect].includes(effect))
    return { refusal: "WRONG_STATE", message: `the effect is ${approval.effect}: it cannot become ${effect}` };
  if (effect === "RUNNING" && world.now >= (approval.grantUntil ?? Number.POSITIVE_INFINITY))
    return { refusal: "WRONG_STATE", message: "the grant has expired" };
  return run(approval, policy, world, (draft) => {
    emit(draft, by, { type: "effect_changed", effect, detail });
    if (effect === "APPLIED") emit(draft, by, { type: "grant_changed", grant: "USED", reason: detail });
  });
}

/** The effect was begun, and how it ended is not known: the grant holds until it is. */
const underway: ReadonlySet<Effect> = new Set(["RUNNING", "UNKNOWN"]);

/** The next time at which `tick` does something; undefined when never. */
export function dueAt(approval: Approval): number | undefined {
  if (!isOpen(approval)) return approval.grant === "VALID" && !underway.has(approval.effect) ? approval.grantUntil : undefined;
  const stage = activeStage(approval);
  const actions = stage?.after.flatMap(({ afterMs }, i) => (stage.done.includes(i) ? [] : [(stage.activeSince ?? 0) + afterMs])) ?? [];
  return Math.min(approval.expiresAt, ...actions);
}

function expireGrant(draft: Draft): void {
  const due = dueAt(draft.approval);
  if (due !== undefined && draft.world.now >= due) emit(draft, timer, { type: "grant_changed", grant: "EXPIRED", reason: "the approval was not used in time" });
}

/** Whoever is refused so has no vote that counts, whatever the earlier votes were. */
const barring: ReadonlySet<VoteRefusal> = new Set(["NOT_IDENTIFIED", "PERSON_DISABLED", "SOD_REQUESTER", "SOD_AUTHOR", "SOD_STAND_IN"]);

/** True when the person's last vote on this content, in the stage that the command names if it does, is the same. */
function hasCast(approval: Approval, { voter, verdict, digest, stage, requirement, comment }: VoteCommand, { directory }: World): boolean {
  const party = partyOf(voter, directory);
  const last = approval.votes.findLast((cast) => isSame(cast.voter, party) && (stage ?? cast.stage) === cast.stage);
  if (last === undefined || (requirement !== undefined && !sameList(last.requirements, [requirement]))) return false;
  return last.verdict === verdict && last.comment === comment && approval.subject.digest === digest;
}

/** Who opened the request, for whom, and who gave its revision. Anybody can ask for the same later, and so gets no power over it. */
function isOwner({ requesters: [opener], onBehalfOf, author }: Approval, { identities }: Party): boolean {
  return [opener, author, onBehalfOf].some((party) => party !== undefined && isAny(party.identities, identities));
}

function isGone(party: Party, { directory }: World): boolean {
  return directory !== undefined && directory !== "unknown" && memberOf(party.key, directory)?.isEnabled !== true;
}

function notOwner({ name }: Party, what: string): Refusal<CommandRefusal> {
  return { refusal: "NOT_OWNER", message: `${name} may not ${what} this request: only whoever opened it may, and admins` };
}

function notHere({ stage, voter }: MayVote, requirement: string): Refusal<CommandRefusal> {
  return stage.requirements.some(({ id }) => id === requirement)
    ? { refusal: "NOT_ELIGIBLE", message: `${voter.name} may not vote for requirement ${requirement}` }
    : unknownRequirement(stage, requirement);
}

function unknownRequirement({ id }: Stage, requirement: string): Refusal<CommandRefusal> {
  return { refusal: "REQUIREMENT_UNKNOWN", message: `stage ${id} has no requirement ${requirement}` };
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item) => b.includes(item));
}
