/** The use cases of approvals in this process, on a store and a clock that a test has in its hands. */
import { compiledPolicies } from "../../src/approvals/compiled-policies.ts";
import type { Actor, ApprovalDeps } from "../../src/approvals/deps.ts";
import { createApprovals, type Approvals } from "../../src/approvals/domain.ts";
import { activatePolicy, putPolicy } from "../../src/approvals/policy/policies.ts";
import { createApproval, voteOn, type VoteInput } from "../../src/approvals/requests.ts";
import type { Approval } from "../../src/approvals/request.ts";
import { tickTask } from "../../src/approvals/tick-task.ts";
import { createUuidV7 } from "../../src/adapters/system/ids.ts";
import { principalOf } from "../../src/kernel/caller.ts";
import type { Clock } from "../../src/kernel/ports.ts";
import type { MusterStore } from "../../src/store/parts.ts";

export interface Workshop {
  readonly approvals: Approvals;
  readonly deps: ApprovalDeps;
  /** Metrics that were counted, each as often as it was. */
  readonly counted: readonly string[];
  usePolicy(document: string): Promise<void>;
  /** A request by amy under the policy `k`, of a subject of type `document`. */
  open(id: string): Promise<Approval>;
  /** An approval of content `d`, unless `change` says otherwise. */
  vote(approvalId: string, voter: string, change?: Partial<VoteInput>, isDryRun?: boolean): ReturnType<typeof voteOn>;
  /** What the task of a request does when it is due. */
  tick(approvalId: string): Promise<void>;
}

/** Somebody of the group `team`. */
export function actor(name: string, isAdmin = false): Actor {
  return { tenant: "default", person: { key: `open|${name}`, name, groups: ["team"], roles: [] }, isAdmin, traceparent: undefined };
}

export function approvalWorkshop(store: MusterStore, clock: Clock): Workshop {
  const counted: string[] = [];
  const meter = { count: ({ name }: { readonly name: string }) => void counted.push(name), set: () => undefined, observe: () => undefined };
  const ids = createUuidV7(clock);
  const log = () => undefined;
  const nobody = { note: async () => undefined, addCallback: async () => undefined };
  const people = { directory: () => undefined, tenants: () => [], owners: [], listeners: nobody };
  const approvals = createApprovals({ store, clock, ids, log, meter, policies: compiledPolicies(), ...people });
  const { deps } = approvals;
  return {
    approvals,
    deps,
    counted,
    async usePolicy(document) {
      const on = { store, clock, ids, owners: [], isEnumerable: () => false };
      const root = principalOf("open", "root", ["admin"]);
      const { policy } = await putPolicy(on, { source: document, validateOnly: false }, root);
      if (!policy) throw new Error("the policy is right");
      await activatePolicy(on, { key: policy.key, version: policy.version, expectedActive: undefined }, root);
    },
    async open(id) {
      const subject = { type: "document", id, digest: "d" };
      const created = await createApproval(deps, { commandId: "", policyKey: "k", subject, context: "", onBehalfOf: "", isDryRun: false }, actor("amy"));
      return created.seen.approval;
    },
    vote(approvalId, voter, change = {}, isDryRun = false) {
      const input: VoteInput = { commandId: "", approvalId, verdict: "approve", digest: "d", stage: "", requirement: "", comment: "c", ...change };
      return voteOn(deps, input, actor(voter), isDryRun);
    },
    async tick(approvalId) {
      const kind = approvals.tasks.find((one) => one.kind === tickTask.kind);
      await kind?.run({ tenant: "default", approvalId }, new AbortController().signal);
    },
  };
}
