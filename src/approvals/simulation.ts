/** What a policy would make of a request. Nothing is kept. */
import type { Actor, ApprovalDeps } from "./deps.ts";
import type { World } from "./people.ts";
import { notFound, policyInvalid } from "./policy/policy-errors.ts";
import { requireSubjectType } from "./requests.ts";
import { simulate, type Simulated } from "./simulate.ts";
import type { Person, Policy, Subject, Verdict } from "./types.ts";
import type { ApprovalTx } from "./records.ts";
import { personNamed } from "./who.ts";
import { readWorld } from "./world.ts";

export interface SimulationInput {
  readonly policy: { readonly document: string } | { readonly key: string };
  /** JSON text. */
  readonly context: string;
  readonly subject: Subject;
  /** Key or login; empty for the caller. */
  readonly requester: string;
  readonly votes: readonly SimulatedVote[];
}

export interface SimulatedVote {
  readonly voter: string;
  readonly groups: readonly string[];
  readonly roles: readonly string[];
  readonly verdict: Verdict;
  readonly requirement: string;
}

/** Rejects with POLICY_INVALID, POLICY_NOT_FOUND, SUBJECT_TYPE_DIFFERS and CONTEXT_INVALID. */
export function simulatePolicy(deps: ApprovalDeps, input: SimulationInput, actor: Actor): Promise<Simulated & { readonly policy: Policy }> {
  return deps.store.tx(async (tx) => {
    const policy = await policyOf(tx, deps, input.policy, actor.tenant);
    if (input.subject.type !== "") requireSubjectType(policy, input.subject);
    const context = await deps.readContext(policy, input.context);
    const world = await readWorld(tx, deps, actor.tenant, policy.document.key, await tx.approvals.instant(actor.tenant));
    const requester = input.requester === "" ? actor.person : personOf({ voter: input.requester, groups: [], roles: [] }, world);
    const votes = input.votes.map(({ verdict, requirement, ...voter }) => ({
      voter: personOf(voter, world),
      verdict,
      comment: "simulated",
      ...(requirement === "" ? {} : { requirement }),
    }));
    const command = { id: "", tenant: actor.tenant, subject: input.subject, context, requester };
    return { ...simulate(command, votes, policy, world), policy };
  });
}

async function policyOf(tx: ApprovalTx, { policies, directory }: ApprovalDeps, policy: SimulationInput["policy"], tenant: string): Promise<Policy> {
  if ("document" in policy) {
    const [{ parsePolicy }, { createPolicy }] = await Promise.all([import("./policy/parse.ts"), import("./policy/policy.ts")]);
    const { document, problems } = parsePolicy(policy.document, { isEnumerable: directory(tenant) !== undefined });
    if (!document) throw policyInvalid(problems);
    return createPolicy(document, 0);
  }
  const active = await policies.active(tx, tenant, policy.key);
  if (active) return active;
  const latest = await tx.policies.findLatest(tenant, policy.key);
  if (!latest) throw notFound(policy.key, 0);
  return policies.pinned(tx, tenant, policy.key, latest.version);
}

/** Somebody as the directory has the person, with these claims in addition, who has just logged in. */
function personOf({ voter, groups, roles }: Pick<SimulatedVote, "voter" | "groups" | "roles">, world: World): Person {
  const known = personNamed(voter, world);
  return { ...known, groups: [...known.groups, ...groups], roles: [...known.roles, ...roles], authenticatedAt: world.now };
}
