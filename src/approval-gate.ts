/**
 * Joins registration with approvals: the gate asks there, in the transactions of attempts, and what is decided there lets instances
 * go live, in the transactions of decisions. Registration has no tenants: all of it belongs to the tenant `default`.
 */
import type { ApprovalDeps } from "./approvals/deps.ts";
import { eventText } from "./approvals/event-text.ts";
import { follow } from "./approvals/follow.ts";
import { whoText } from "./approvals/may-vote.ts";
import { ask, cancel, findOpen, joinOpen, supersedeAll } from "./approvals/owned-requests.ts";
import type { SubjectOwner } from "./approvals/owners.ts";
import { nameIn } from "./approvals/people.ts";
import type { EventLogFeed } from "./approvals/ports.ts";
import { activeStage, isOpen, type Approval } from "./approvals/request.ts";
import { routeOf } from "./approvals/routing.ts";
import type { JsonObject } from "./kernel/json.ts";
import type { Person, Policy } from "./approvals/types.ts";
import { defaultTenant, nameOf, serverKey } from "./kernel/caller.ts";
import type { CoreTx } from "./kernel/records.ts";
import { gatePolicyKey, type Asked, type DecisionNews, type GateApprovals, type GatePolicy, type Way } from "./registration/gate/approvals.ts";
import { admitContent, admitLive, openGate, revokeContent, type DecisionDeps } from "./registration/gate/decisions.ts";
import { wholeTx } from "./store/parts.ts";

const tenant = defaultTenant;
const subjectType = "registration";
/** Requests about one content that are looked through for one that says no; and those about one version of a name that are read at once. */
const mostDecided = 20;

/** Approvals as the gate uses them. */
export function gateApprovals(given: () => ApprovalDeps & { readonly feed: EventLogFeed }): GateApprovals {
  return {
    async active(tx) {
      const policy = await given().policies.active(wholeTx(tx), tenant, gatePolicyKey);
      return policy && gatePolicy(policy);
    },

    version: async (tx, version) => gatePolicy(await given().policies.pinned(wholeTx(tx), tenant, gatePolicyKey, version)),

    async findOpen(tx, subjectId) {
      const found = await findOpen(wholeTx(tx), tenant, gatePolicyKey, { type: subjectType, id: subjectId });
      if (!found) return undefined;
      const { id, subject, policy, context } = found.approval;
      return { id, digest: subject.digest, policyVersion: policy.version, context };
    },

    async refusalOf(tx, { id, digest }, policyVersion) {
      const query = { tenant, subjectType, subjectId: id, policyKey: gatePolicyKey, digest, limit: mostDecided };
      const last = (await wholeTx(tx).approvals.list(query)).find(({ policy }) => policy.version === policyVersion);
      if (last?.decision === "REJECTED")
        return { approvalId: last.id, is: "rejected", by: nameIn(last, last.outcome?.by ?? ""), reason: last.outcome?.reason ?? "" };
      if (last?.grant !== "REVOKED") return undefined;
      const revoked = (await wholeTx(tx).approvals.events(last.id, 0)).findLast((event) => event.type === "grant_changed");
      return { approvalId: last.id, is: "revoked", by: nameIn(last, revoked?.actor ?? ""), reason: revoked?.reason ?? "" };
    },

    async ask(tx, { subject, context, actor, traceparent, policyVersion, open }) {
      const [deps, all] = [given(), wholeTx(tx)];
      const policy = await deps.policies.pinned(all, tenant, gatePolicyKey, policyVersion);
      const checked = await deps.readContext(policy, JSON.stringify(context));
      const question = {
        tenant,
        policyKey: gatePolicyKey,
        subject: { type: subjectType, ...subject },
        context: checked,
        requester: personOf(actor),
        traceparent,
        openId: open?.id,
      };
      return askedOf(await ask(all, deps, question, policy));
    },

    async join(tx, id, actor) {
      const joined = await joinOpen(wholeTx(tx), given(), tenant, id, personOf(actor));
      return joined && askedOf(joined);
    },

    gone: (tx, id, isGone) =>
      cancel(wholeTx(tx), given(), { tenant, id, how: "subject_gone", by: serverKey, reason: "no instance asks for it any more", isGone }),

    async *follow(approvalId, signal) {
      const { feed, ...deps } = given();
      const now = await deps.store.tx((tx) => tx.approvals.find(tenant, approvalId));
      if (!now) return;
      yield newsOf(now, now.outcome?.at ?? deps.clock.now(), endText(now) ?? "it waits");
      if (!isOpen(now)) return;
      for await (const { event, approval } of follow(deps.store, feed, { tenant, id: approvalId, afterSequence: now.sequence, untilDecided: true }, signal)) {
        yield newsOf(approval, event.at, eventText(event, approval));
      }
    },
  };
}

/** Registration as the owner of its subjects. */
export function registrationOwner(deps: () => ApprovalDeps, decisions: DecisionDeps): SubjectOwner {
  const policyOf = async (tx: CoreTx, version: number) => gatePolicy(await deps().policies.pinned(wholeTx(tx), tenant, gatePolicyKey, version));
  return {
    tenant,
    subjectType,
    policyKey: gatePolicyKey,

    async changed(core, approval, events) {
      const tx = wholeTx(core);
      const { id, subject, context } = approval;
      for (const event of events) {
        if (event.type === "request_approved") {
          const actor = approval.requesters[0]?.key ?? serverKey;
          const supersede = (ids: readonly string[]) => supersedeAll(tx, deps(), tenant, ids, id);
          const content = { id, subjectId: subject.id, digest: subject.digest, context, actor };
          await admitContent(tx, decisions, content, await policyOf(tx, approval.policy.version), supersede);
        } else if (event.type === "request_rejected" || event.type === "request_expired" || event.type === "request_cancelled") await tx.asks.deleteOf(id);
        else if (event.type === "grant_changed" && event.grant === "REVOKED") {
          const revoked = { id, subjectId: subject.id, digest: subject.digest, context, by: event.actor, reason: event.reason };
          await revokeContent(tx, decisions, revoked, await policyOf(tx, approval.policy.version), event.isEvicting ?? false);
        }
      }
      if (isOpen(approval)) await tx.asks.show(id, askedOf(approval).shown);
    },

    async activated(core, { version }, { admitLive: isAllowed }) {
      const tx = wholeTx(core);
      const revokedOf = async (subjectId: string) => {
        const query = { tenant, subjectType, subjectId, policyKey: gatePolicyKey, grant: "REVOKED", limit: mostDecided } as const;
        const found: Approval[] = [];
        for (let isMore = true; isMore;) {
          const last = found.at(-1);
          const page = await tx.approvals.list({ ...query, ...(last ? { beforeId: last.id } : {}) });
          found.push(...page);
          isMore = page.length === query.limit;
        }
        return Promise.all(found.map(async ({ subject, policy }) => ({ digest: subject.digest, reads: (await policyOf(core, policy.version)).reads })));
      };
      return admitLive(tx, decisions, await policyOf(core, version), { isAllowed, revokedOf });
    },

    archived(core, { release, by }) {
      const tx = wholeTx(core);
      const reason = release ? "released: the policy was archived" : "the policy was archived";
      return openGate(tx, decisions, release, (id) => cancel(tx, deps(), { tenant, id, how: "cancelled", by, reason }));
    },
  };
}

const reads = new WeakMap<Policy, readonly string[] | undefined>();

async function gatePolicy(policy: Policy): Promise<GatePolicy> {
  if (!reads.has(policy)) {
    const { membersRead } = await import("./approvals/policy/policy.ts");
    const read = membersRead(policy.document);
    reads.set(policy, read && [...read].toSorted());
  }
  return {
    version: policy.version,
    reads: reads.get(policy),
    way: ({ id, digest }, context, actor) =>
      wayOf(policy, { context: context as JsonObject, subject: { type: subjectType, id, digest }, requester: personOf(actor) }),
  };
}

function wayOf(policy: Policy, scope: Parameters<typeof routeOf>[1]): Way {
  const { rule, routed } = routeOf(policy, scope, 0);
  if (rule) return { name: `rule ${rule.id}`, decides: rule.then, reason: rule.reason ?? `rule ${rule.id}` };
  const stages = routed.stages.filter(({ requirements }) => requirements.length > 0);
  const name = stages.map(({ id, requirements }) => `${id}: ${requirements.map((one) => one.id).join(", ")}`).join("; ");
  if (stages.length === 0) return { name: "nobody", decides: "reject", reason: "no stage of the policy applies, so nobody could approve it" };
  return { name, decides: "people", reason: `people decide: ${name}` };
}

function personOf(key: string): Person {
  return { key, name: nameOf(key), groups: [], roles: [] };
}

/** Who wants changes, and which, in at most so many characters. */
const changesLength = 500;

function changesWanted({ decision, votes }: Approval): Readonly<Record<string, string>> {
  const last = decision === "CHANGES_REQUESTED" ? votes.findLast(({ verdict }) => verdict === "request_changes") : undefined;
  if (!last) return {};
  return { changes_requested: `${last.voter.name}${last.comment === "" ? "" : `: ${last.comment}`}`.slice(0, changesLength) };
}

function askedOf(approval: Approval): Asked {
  const { id, policy, subject, revision, expiresAt } = approval;
  const stage = activeStage(approval);
  const who = stage?.requirements.map((requirement) => `${requirement.id} (${whoText(requirement.who)})`).join(", ") ?? "";
  return {
    id,
    isOpen: isOpen(approval),
    rejection: approval.decision === "REJECTED" ? (approval.outcome?.reason ?? "") : undefined,
    shown: {
      approval_id: id,
      policy: policy.key,
      policy_version: String(policy.version),
      stage: stage?.id ?? "",
      who_can_decide: who,
      expires_at: new Date(expiresAt).toISOString(),
      digest: subject.digest,
      revision: String(revision),
      ...changesWanted(approval),
    },
  };
}

function endText(approval: Approval): string | undefined {
  const { decision, outcome } = approval;
  return outcome && `${decision.toLowerCase()} by ${nameIn(approval, outcome.by)}${outcome.reason === "" ? "" : `: ${outcome.reason}`}`;
}

function newsOf(approval: Approval, at: number, message: string): DecisionNews {
  const { decision, outcome, subject } = approval;
  const named = { APPROVED: "approved", REJECTED: "rejected" } as const;
  return {
    at,
    message,
    decision: isOpen(approval) ? "open" : (named[decision as keyof typeof named] ?? "ended"),
    digest: subject.digest,
    by: nameIn(approval, outcome?.by ?? ""),
    reason: outcome?.reason ?? "",
    shown: askedOf(approval).shown,
  };
}
