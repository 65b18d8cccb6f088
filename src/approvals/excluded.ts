/** Who is named by a requirement and cannot vote for it, and why not. Pure; by the same predicate as votes. */
import type { Tally } from "./counting.ts";
import { couldVote } from "./may-vote.ts";
import { apartFromLogins, isKeyOf, isNamed, nameIn, type World } from "./people.ts";
import type { Approval } from "./request.ts";
import type { Person, PolicyDocument } from "./types.ts";

export interface Excluded {
  readonly name: string;
  readonly why: string;
  /** The person has voted: nothing else is in the way. */
  readonly hasVoted: boolean;
}

/** The people whom the requirement names, as far as anything lists them, and who cannot vote for it. */
export function excludedFrom({ requirement, open }: Tally, approval: Approval, policy: PolicyDocument, world: World): readonly Excluded[] {
  const can = new Set(open?.flatMap(({ key, standsInFor }) => [key, ...standsInFor]));
  return namedIn(requirement, approval, world)
    .filter(({ key }) => !can.has(key))
    .flatMap((person): readonly Excluded[] => {
      const { name, key } = person;
      const may = couldVote(approval, policy, person, world);
      if ("refusal" in may) return [{ name, why: may.message, hasVoted: false }];
      const vote = approval.votes.find(({ stage, voter }) => stage === may.stage.id && voter.identities.some((identity) => isKeyOf(identity, key)));
      return vote ? [{ name, why: `voted ${vote.verdict}`, hasVoted: true }] : [];
    });
}

/** Of the directory; without one those who are named one by one. */
function namedIn({ who }: Tally["requirement"], approval: Approval, { directory }: World): readonly Person[] {
  if (directory === "unknown") return [];
  if (directory) return directory.members.filter((member) => isNamed(who, [member.key, ...member.aliases], member));
  return apartFromLogins(who.users).map((key) => ({ key, name: nameIn(approval, key), groups: [], roles: [] }));
}
