/** Who is named by a requirement and cannot vote for it, and why not. Pure; by the same predicate as votes. */
import type { Tally } from "./counting.ts";
import { couldVote } from "./may-vote.ts";
import { isNamed, type World } from "./people.ts";
import type { Approval } from "./request.ts";
import type { Member, PolicyDocument } from "./types.ts";

export interface Excluded {
  readonly name: string;
  readonly why: string;
  /** The person has voted: nothing else is in the way. */
  readonly hasVoted: boolean;
}

/** The people of the directory whom the requirement names and who cannot vote for it. */
export function excludedFrom({ requirement, open }: Tally, approval: Approval, policy: PolicyDocument, world: World): readonly Excluded[] {
  const { directory } = world;
  if (directory === undefined || directory === "unknown") return [];
  const can = new Set(open?.flatMap(({ key, standsInFor }) => [key, ...standsInFor]));
  const isNamedHere = (member: Member) => isNamed(requirement.who, [member.key, ...member.aliases], member);
  return directory.members
    .filter((member) => isNamedHere(member) && !can.has(member.key))
    .flatMap((member): readonly Excluded[] => {
      const may = couldVote(approval, policy, member, world);
      if ("refusal" in may) return [{ name: member.name, why: may.message, hasVoted: false }];
      const vote = approval.votes.find(({ stage, voter }) => stage === may.stage.id && voter.key === may.voter.key);
      return vote ? [{ name: member.name, why: `voted ${vote.verdict}`, hasVoted: true }] : [];
    });
}
