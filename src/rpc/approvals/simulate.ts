/** PolicyService.SimulatePolicy. */
import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { SimulatePolicyResponseSchema, type SimulatePolicyRequest, type SimulatePolicyResponse } from "../../../gen/muster/approval/v1/policy_service_pb.ts";
import { eventText } from "../../approvals/event-text.ts";
import type { ApprovalReason } from "../../approvals/reasons.ts";
import { simulatePolicy, type SimulationInput } from "../../approvals/simulation.ts";
import { violations } from "../platform/check.ts";
import { approvalOf, explanationOf, reasonOf, verdictOf } from "./convert.ts";
import { actorOf, checkPerson, type ApprovalHandlerDeps } from "./deps.ts";

const maxVotes = 100;

export async function simulateOne(deps: ApprovalHandlerDeps, request: SimulatePolicyRequest, context: HandlerContext): Promise<SimulatePolicyResponse> {
  const { policy, contextJson, subject, requester, votes } = request;
  const bad = violations();
  if (policy.case === undefined) bad.add("policy", "must be a document or a key");
  if (votes.length > maxVotes) bad.add("votes", `must be at most ${maxVotes}`);
  checkPerson(bad, "requester", requester);
  const cast = votes.map(({ verdict, voter, groups, roles, requirement }, i) => {
    const known = verdictOf(verdict);
    if (known === undefined) bad.add(`votes[${i}].verdict`, "must be APPROVE, REJECT, ABSTAIN or REQUEST_CHANGES");
    checkPerson(bad, `votes[${i}].voter`, voter, true);
    return { voter, groups, roles, requirement, verdict: known ?? "abstain" } as const;
  });
  bad.done();
  const input: SimulationInput = {
    policy: policy.case === "document" ? { document: policy.value } : { key: policy.value ?? "" },
    context: contextJson,
    subject: { type: subject?.type ?? "", id: subject?.id ?? "", digest: subject?.digest ?? "" },
    requester,
    votes: cast,
  };
  const simulated = await simulatePolicy(deps, input, actorOf(context));
  const { approval, explanation, events } = simulated;
  const seen = { approval, policy: simulated.policy, may: { refusal: "NOT_ELIGIBLE", message: "it is not a real request" } as const, newerVersion: undefined };
  return create(SimulatePolicyResponseSchema, {
    approval: approvalOf(seen, true),
    explanation: explanationOf(explanation),
    votes: simulated.votes.map((refusal) => ({
      counted: refusal === undefined,
      ...(refusal ? { reason: reasonOf(refusal.refusal as ApprovalReason), message: refusal.message } : {}),
    })),
    events: events.map((event) => eventText(event, approval)),
  });
}
