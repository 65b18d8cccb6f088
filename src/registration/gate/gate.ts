/**
 * The gate: whether an instance that has proven itself goes live now, or waits for people.
 *
 * Guarantees: while the policy `registration` is active nothing becomes active whose content was not admitted; the answer is
 * judged again in the transaction that makes it active, unless nothing has changed since. What people have refused is not
 * asked again under the same version of the policy. Votes on a content are void only when nobody asks for it any more.
 */
import { DomainError } from "../../kernel/errors.ts";
import type { Ids } from "../../kernel/ports.ts";
import { leaveDisplacementOf } from "../displace.ts";
import { checkGeneration } from "../end-key.ts";
import { inheritedTags, tagsOf } from "../tags.ts";
import type { Registration, RegistrationTx } from "../records.ts";
import type { Asking, GateApprovals, GatePolicy, OpenRequest, Refusal, Way } from "./approvals.ts";
import { contextOf, differences, digestOf, subjectIdOf, type Candidate, type Context } from "./content.ts";
import type { Admission, Ask, GateState } from "./gate-records.ts";
import { liveCandidate } from "./live-candidate.ts";
import { HeldForApproval, type Gate } from "./gate-types.ts";

export interface GateDeps {
  readonly approvals: GateApprovals;
  readonly ids: Ids;
  /** Where this server stands, as its configuration says. */
  readonly environment: string;
  readonly now: () => number;
}

/** How long what was read of the state is taken for true where nothing depends on it. */
const newestMs = 5_000;

export function createGate(deps: GateDeps): Gate {
  let offAt = Number.NEGATIVE_INFINITY;

  async function stateIn(tx: RegistrationTx): Promise<GateState> {
    const state = await tx.gate.state();
    offAt = state.isOn ? Number.NEGATIVE_INFINITY : deps.now();
    return state;
  }

  async function admit(tx: RegistrationTx, candidate: Candidate, known?: GateState): Promise<GateState> {
    const state = known ?? (await stateIn(tx));
    if (!state.isOn) return state;
    const judged = await judge(tx, deps, candidate);
    if (judged.admission || (judged.way.decides === "approve" && (await approveNow(tx, deps, candidate, judged)))) return state;
    throw new HeldForApproval((later) => ask(later, deps, candidate));
  }

  async function leave(tx: RegistrationTx, serviceId: string): Promise<boolean> {
    const former = await tx.asks.find(serviceId);
    if (!former) return false;
    await tx.asks.delete(serviceId);
    if (!former.isAdmitted) await endIfGone(tx, deps, former.approvalId);
    return true;
  }

  return {
    leave,
    admit: (tx, candidate) => admit(tx, candidate),
    wasOff: () => deps.now() - offAt < newestMs,

    async join(tx, approvalId, actor) {
      const joined = await deps.approvals.join(tx, approvalId, actor);
      if (joined && !joined.isOpen) throw nobodyLeft(approvalId, joined.rejection ?? "");
    },

    follow: (approvalId, signal) => deps.approvals.follow(approvalId, signal),

    async confirm(tx, candidate, since) {
      const now = await stateIn(tx);
      if (now.epoch !== since.epoch) await admit(tx, candidate, now);
      // Also while it is off: what was approved before is not to replace what the instance is live as by now.
      await leave(tx, candidate.attempt.serviceId);
    },

    async mayTag(tx, live, tags) {
      if (!(await stateIn(tx)).isOn) return true;
      if (!(await mayHaveTags(tx, deps, live, tags))) return false;
      // What is under way in its place takes these tags over, and was judged without them.
      if (await tx.attempts.findLive(live.serviceId)) await tx.gate.move();
      return true;
    },

    async forecast(tx, candidate) {
      if (!(await stateIn(tx)).isOn) return undefined;
      const policy = await activePolicy(tx, deps);
      const context = await contextIn(tx, deps, candidate, []);
      const subject = { id: subjectIdOf(candidate.attempt), digest: digestOf(context, policy.reads) };
      const { decides, reason } = policy.way(subject, context, candidate.attempt.actor);
      return { policyVersion: policy.version, decides, reason };
    },
  };
}

async function mayHaveTags(tx: RegistrationTx, deps: GateDeps, live: Registration, tags: readonly string[]): Promise<boolean> {
  const candidate = await liveCandidate(tx, live);
  const wanted = await contextIn(tx, deps, candidate, [], tags);
  const admissions = await tx.gate.admissions(subjectIdOf(candidate.attempt));
  if (admissions.some(({ digest, reads }) => digestOf(wanted, reads) === digest)) return true;
  // With other tags it is another content only for those who read tags.
  const present = await contextIn(tx, deps, candidate, [], tagsOf(live));
  const readings = [(await activePolicy(tx, deps)).reads, ...admissions.map(({ reads }) => reads)];
  return readings.every((reads) => digestOf(wanted, reads) === digestOf(present, reads));
}

interface Judged {
  readonly policy: GatePolicy;
  readonly context: Context;
  readonly subject: { readonly id: string; readonly digest: string };
  readonly way: Way;
  readonly open: OpenRequest | undefined;
  /** The open request is about this content. */
  readonly isSame: boolean;
  readonly admission: Admission | undefined;
}

/** Rejects when the candidate may not even ask. */
async function judge(tx: RegistrationTx, deps: GateDeps, candidate: Candidate): Promise<Judged> {
  const { approvals } = deps;
  const policy = await activePolicy(tx, deps);
  const id = subjectIdOf(candidate.attempt);
  const open = await approvals.findOpen(tx, id);
  const asking = open ? await tx.asks.of(open.id) : [];
  const context = await contextIn(tx, deps, candidate, asking);
  const subject = { id, digest: digestOf(context, policy.reads) };
  const way = policy.way(subject, context, candidate.attempt.actor);
  const judged = { policy, context, subject, way, open };
  const admission = await admissionOf(tx, deps, judged, candidate);
  if (admission) return { ...judged, admission, isSame: false };
  const refusal = await approvals.refusalOf(tx, subject, policy.version);
  if (refusal) throw refused(refusal, id);
  if (way.decides === "reject") throw rejectedByRule(way.reason, policy.version, id);
  const pinned = open && (open.policyVersion === policy.version ? policy : await approvals.version(tx, open.policyVersion));
  const isSame = open !== undefined && digestOf(context, pinned?.reads) === open.digest;
  const others = asking.filter(({ serviceId }) => serviceId !== candidate.attempt.serviceId);
  if (open && !isSame && others.length > 0) throw contentDiffers(id, open, differences(context, open.context, pinned?.reads), others);
  return { ...judged, admission: undefined, isSame };
}

async function activePolicy(tx: RegistrationTx, { approvals }: GateDeps): Promise<GatePolicy> {
  const policy = await approvals.active(tx);
  if (!policy) throw new Error("the gate is on, and its policy has no active version");
  return policy;
}

/** Without `tags`, those that the instance would have. */
async function contextIn(
  tx: RegistrationTx,
  { environment }: GateDeps,
  candidate: Candidate,
  asking: readonly Ask[],
  tags?: readonly string[],
): Promise<Context> {
  const { name, version, actor, serviceId, request } = candidate.attempt;
  const known = {
    owner: (await tx.names.find(name))?.owner ?? actor,
    tags: tags ?? inheritedTags(request.tags, await tx.registrations.findActive(serviceId)) ?? request.tags,
    hadOthers: await tx.registrations.hadOtherVersion(name, version),
    live: await tx.registrations.liveVersions(name),
    asking: asking.map(({ serviceId }) => serviceId),
  };
  return contextOf(candidate, known, environment);
}

/** The admission of this content, unless the policy makes something else of it now than it did then. */
async function admissionOf(
  tx: RegistrationTx,
  { approvals }: GateDeps,
  { policy, context, subject }: Pick<Judged, "policy" | "context" | "subject">,
  { attempt }: Candidate,
): Promise<Admission | undefined> {
  for (const admission of await tx.gate.admissions(subject.id)) {
    if (digestOf(context, admission.reads) !== admission.digest) continue;
    if (admission.way === undefined) return admission;
    const its = admission.policyVersion === policy.version ? policy : await approvals.version(tx, admission.policyVersion);
    if (its.way(subject, context, attempt.actor).name === admission.way) return admission;
  }
  return undefined;
}

/** Records that the policy itself approves it. False when people have the content before them already. */
async function approveNow(tx: RegistrationTx, { approvals }: GateDeps, { attempt }: Candidate, judged: Judged): Promise<boolean> {
  if (judged.isSame) return false;
  return !(await approvals.ask(tx, askingOf(attempt, judged, judged.subject.digest))).isOpen;
}

function askingOf({ actor, traceparent }: Candidate["attempt"], { policy, subject, context, open }: Judged, digest: string): Asking {
  return { subject: { id: subject.id, digest }, context, actor, traceparent, policyVersion: policy.version, open };
}

async function ask(tx: RegistrationTx, deps: GateDeps, candidate: Candidate): Promise<Ask> {
  const { attempt } = candidate;
  await checkGeneration(tx, attempt);
  const state = await tx.gate.state();
  const judged = state.isOn ? await judge(tx, deps, candidate) : undefined;
  if (!judged || judged.admission) throw decidedMeanwhile();
  const digest = judged.isSame && judged.open ? judged.open.digest : judged.subject.digest;
  const { actor, traceparent, serviceId, generation, name, version, requestHash, request, address, id } = attempt;
  const asked = await deps.approvals.ask(tx, askingOf(attempt, judged, digest));
  if (asked.rejection !== undefined) throw rejectedByRule(asked.rejection, judged.policy.version, judged.subject.id);
  if (!asked.isOpen) throw decidedMeanwhile();
  const who = { serviceId, generation, name, version, requestHash, request, address, actor, traceparent, digest };
  const made: Ask = { ...who, approvalId: asked.id, attemptId: id, askedAt: deps.now(), shown: asked.shown, isAdmitted: false };
  const former = await tx.asks.find(serviceId);
  await tx.asks.put(made);
  if (former && former.approvalId !== asked.id) await endIfGone(tx, deps, former.approvalId);
  // It is not live, and yet whoever asks for another module at its address would be sent to it.
  if (candidate.description) await leaveDisplacementOf(tx, attempt, deps.ids);
  return made;
}

async function endIfGone(tx: RegistrationTx, { approvals }: GateDeps, approvalId: string): Promise<void> {
  await approvals.gone(tx, approvalId, async () => (await tx.asks.of(approvalId)).length === 0);
}

function refused({ approvalId, is, by, reason }: Refusal, id: string): DomainError {
  const why = reason === "" ? "" : `: ${reason}`;
  return new DomainError({
    kind: "wrong_state",
    reason: "APPROVAL_REJECTED",
    message: is === "rejected" ? `${by} rejected ${id}${why}` : `${by} revoked the approval of ${id}${why}`,
    subject: { type: "approval", name: approvalId },
    metadata: { approval_id: approvalId },
  });
}

function rejectedByRule(why: string, version: number, id: string): DomainError {
  return new DomainError({
    kind: "wrong_state",
    reason: "APPROVAL_REJECTED",
    message: `version ${version} of policy registration rejects ${id}: ${why}`,
    metadata: { policy_version: String(version) },
  });
}

function nobodyLeft(approvalId: string, why: string): DomainError {
  return new DomainError({
    kind: "wrong_state",
    reason: "APPROVAL_REJECTED",
    message: `who asks does not decide, and nobody else could${why === "" ? "" : `: ${why}`}`,
    subject: { type: "approval", name: approvalId },
    metadata: { approval_id: approvalId },
  });
}

const mostNamed = 3;

function contentDiffers(id: string, { id: approvalId }: OpenRequest, names: readonly string[], others: readonly Ask[]): DomainError {
  const named = others.slice(0, mostNamed).map(({ serviceId }) => serviceId);
  const more = others.length > named.length ? ` and ${others.length - named.length} more` : "";
  return new DomainError({
    kind: "wrong_state",
    reason: "VERSION_CONTENT_DIFFERS",
    message: `another content of ${id} waits for approval: it differs in ${names.join(", ")}; give this one another version, or unregister what asks: ${named.join(", ")}${more}`,
    subject: { type: "approval", name: approvalId },
    metadata: { approval_id: approvalId, differs: names.join(",") },
  });
}

/** It was held for a decision that has come while its trial was taken back. */
function decidedMeanwhile(): DomainError {
  return new DomainError({
    kind: "conflict",
    reason: "INTERRUPTED",
    message: "it was decided while the trial of this attempt was taken back: register again",
    retryAfterMs: 1_000,
  });
}
