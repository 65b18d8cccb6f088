/** A request as it would be, with hypothetical votes: the same machine, and nothing is kept. Pure. */
import { explain, type Explanation } from "./explain.ts";
import { open, vote, type OpenCommand, type VoteCommand } from "./machine.ts";
import type { Refusal } from "./may-vote.ts";
import type { World } from "./people.ts";
import type { Approval, ApprovalEvent } from "./request.ts";
import type { Policy } from "./types.ts";

export interface Simulated {
  readonly approval: Approval;
  readonly events: readonly ApprovalEvent[];
  /** Of each vote, in order: why it would be refused; undefined when it would count. */
  readonly votes: readonly (Refusal<string> | undefined)[];
  readonly explanation: Explanation;
}

export function simulate(command: OpenCommand, votes: readonly Omit<VoteCommand, "digest">[], policy: Policy, world: World): Simulated {
  let { approval, events } = open(command, policy, world);
  const answers = votes.map((one) => {
    const answer = vote(approval, { ...one, digest: command.subject.digest }, policy, world);
    if ("refusal" in answer) return answer;
    approval = answer.approval;
    events = [...events, ...answer.events];
    return undefined;
  });
  return { approval, events, votes: answers, explanation: explain(approval, policy.document, world) };
}
