/** Who finds a request in the inbox: selectors of the active stage, and those of a person. Pure. */
import type { World } from "./people.ts";
import { memberOf, partyOf } from "./people.ts";
import { activeStage, isOpen, type Approval } from "./request.ts";
import type { Person, Who } from "./types.ts";

/** Of the open request's active stage, sorted: `u:` a user, `g:` a group, `r:` a role. */
export function selectorsOf(approval: Approval): readonly string[] {
  const stage = isOpen(approval) ? activeStage(approval) : undefined;
  const named = stage?.requirements.flatMap(({ who }) => selectorsOfWho(who)) ?? [];
  return [...new Set(named)].toSorted();
}

function selectorsOfWho({ users, groups, roles }: Who): readonly string[] {
  return [...users.map((user) => `u:${user}`), ...groups.map((group) => `g:${group}`), ...roles.map((role) => `r:${role}`)];
}

/** Of a person, in the own right and as a stand-in. A selector is no right to vote: `mayVote` decides. */
export function selectorsFor(person: Person, { directory, standIns }: World): readonly string[] {
  const own = partyOf(person, directory);
  const absent = standIns.filter(({ to }) => own.identities.includes(to)).map(({ from }) => memberOf(from.key, directory) ?? from);
  const of = (each: Person) => selectorsOfWho({ users: partyOf(each, directory).identities, groups: each.groups, roles: each.roles });
  return [...new Set([person, ...absent].flatMap(of))];
}
