/** Who is who, who may vote for what, and who could. Pure: credentials and the directory are arguments. */
import type { Candidate, Party, Requirement } from "./request.ts";
import type { Directory, Member, Person, StandIn, Who } from "./types.ts";

/** What the machine knows of the world at one instant. */
export interface World {
  /** By the database's clock. */
  readonly now: number;
  /** `unknown`: it cannot be read and never was; undefined: there is none, credentials alone say who is who. */
  readonly directory: Directory | "unknown" | undefined;
  /** Those of the tenant that apply to the request's policy now. */
  readonly standIns: readonly StandIn[];
}

export function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Issuers whose subjects are logins that people know. */
const loginIssuers = ["open|", "tokens|"];

function loginOf(key: string): string | undefined {
  const issuer = loginIssuers.find((prefix) => key.startsWith(prefix));
  return issuer === undefined ? undefined : asciiLower(key.slice(issuer.length));
}

/** The directory's entry of a person who is known by this key or alias. A key decides before an alias does. */
export function memberOf(name: string, directory: World["directory"]): Member | undefined {
  if (directory === undefined || directory === "unknown") return undefined;
  const { members } = directory;
  return members.find(({ key }) => key === name) ?? members.find(({ aliases }) => aliases.includes(name));
}

/** A person with all names; the login of a key is one of them unless the directory gives it to somebody else. */
export function partyOf({ key, name }: Pick<Person, "key" | "name">, directory: World["directory"]): Party {
  const login = loginOf(key);
  const member = memberOf(key, directory) ?? (login === undefined ? undefined : memberOf(login, directory));
  const own = login === undefined || (memberOf(login, directory) ?? member) !== member ? [] : [login];
  return { key: member?.key ?? key, name, identities: [...new Set([member?.key ?? key, key, ...own, ...(member?.aliases ?? [])])] };
}

/** True when these names and memberships are among those that `who` names. */
export function isNamed(who: Who, identities: readonly string[], { groups, roles }: Pick<Person, "groups" | "roles">): boolean {
  const some = (names: readonly string[], held: readonly string[]) => names.some((name) => held.includes(name));
  return some(who.users, identities) || some(who.groups, groups) || some(who.roles, roles);
}

export function isAny(names: readonly string[], of: readonly string[]): boolean {
  return names.some((name) => of.includes(name));
}

/** Keys and names of everybody whose place this person takes, through others too. */
export function standsInFor(identities: readonly string[], standIns: readonly StandIn[]): readonly StandIn[] {
  const found = new Set<StandIn>();
  let names = identities;
  for (let before = -1; before < found.size;) {
    before = found.size;
    for (const standIn of standIns) if (names.includes(standIn.to)) found.add(standIn);
    names = [...identities, ...[...found].map(({ from }) => from.key)];
  }
  return [...found];
}

/**
 * Everybody who could vote for a requirement: those it names, without `barred` and disabled ones, each person once, and the
 * stand-in in the place of whom he stands in for. Undefined where it names groups or roles and nothing lists their members.
 */
export function candidatesOf(requirement: Requirement, world: World, barred: readonly string[]): readonly Candidate[] | undefined {
  const { who, replaced } = requirement;
  const { directory, standIns } = world;
  const isListed = directory !== undefined && directory !== "unknown";
  if (!isListed && (who.groups.length > 0 || who.roles.length > 0 || directory === "unknown")) return undefined;
  const listed = isListed
    ? directory.members.filter((member) => member.isEnabled && isNamed(who, [member.key, ...member.aliases], member))
    : who.users.map((key) => ({ key, name: key, aliases: [] as readonly string[] }));
  const found = new Map<string, Candidate>();
  const add = (key: string, name: string, absent: string | undefined) => {
    const former = found.get(key);
    const isOwn = absent === undefined || former?.standsInFor.length === 0;
    found.set(key, { key, name, standsInFor: isOwn ? [] : [...(former?.standsInFor ?? []), absent] });
  };
  for (const { key, name, aliases } of listed) {
    const names = [...partyOf({ key, name }, directory).identities, ...aliases];
    if (isAny(names, barred) || isAny(names, replaced)) continue;
    const standIn = standIns.find(({ from }) => names.includes(from.key));
    const deputy = standIn && deputyOf(standIn, directory);
    if (deputy && !isBarred(deputy.identities, barred, standIns)) add(deputy.key, deputy.name, key);
    else if (!isBarred(names, barred, standIns)) add(key, name, undefined);
  }
  return [...found.values()];
}

/** The stand-in as a person; undefined when the directory does not have him, or has him disabled. */
function deputyOf({ to }: StandIn, directory: World["directory"]): Party | undefined {
  const member = memberOf(to, directory);
  if (directory !== undefined && directory !== "unknown" && member?.isEnabled !== true) return undefined;
  return partyOf({ key: to, name: member?.name ?? to }, directory);
}

/** True for the barred, and for whoever stands in for one of them. */
export function isBarred(identities: readonly string[], barred: readonly string[], standIns: readonly StandIn[]): boolean {
  return isAny(identities, barred) || standsInFor(identities, standIns).some(({ from }) => barred.includes(from.key));
}
