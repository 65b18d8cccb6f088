/** Who is who, who may vote for what, and who could. Pure: credentials and the directory are arguments. */
import { nameOf } from "../kernel/caller.ts";
import type { Approval, Candidate, Party, Requirement } from "./request.ts";
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

/** True when this is the key of somebody who is known by `name`: that key, or a login that no directory resolves. */
export function isKeyOf(key: string, name: string): boolean {
  return key === name || loginOf(key) === name;
}

/** The key in the spelling in which it is compared: logins in ASCII lower case, other subjects as they stand. */
function comparable(key: string): string {
  return loginOf(key) === undefined ? key : asciiLower(key);
}

const indices = new WeakMap<Directory, ReadonlyMap<string, Member>>();

/** The members of a directory by their names: by aliases, and over these by keys. Of two who have the same, the first. */
function indexOf(directory: Directory): ReadonlyMap<string, Member> {
  const known = indices.get(directory);
  if (known) return known;
  const lastToFirst = directory.members.toReversed();
  const byAlias = lastToFirst.flatMap((member) => member.aliases.map((alias) => [alias, member] as const));
  const index = new Map([...byAlias, ...lastToFirst.map((member) => [member.key, member] as const)]);
  indices.set(directory, index);
  return index;
}

/** The directory's entry of a person who is known by this key or alias. A key decides before an alias does. */
export function memberOf(name: string, directory: World["directory"]): Member | undefined {
  return directory === undefined || directory === "unknown" ? undefined : indexOf(directory).get(name);
}

/** A person with all names; the login of a key is one of them unless the directory gives it to somebody else. */
export function partyOf({ key, name }: Pick<Person, "key" | "name">, directory: World["directory"]): Party {
  const login = loginOf(key);
  const member = memberOf(key, directory) ?? (login === undefined ? undefined : memberOf(login, directory));
  const own = login === undefined || (memberOf(login, directory) ?? member) !== member ? [] : [login];
  const canonical = member?.key ?? key;
  return { key: canonical, name, identities: [...new Set([canonical, key, comparable(key), ...own, ...(member?.aliases ?? [])])] };
}

/** True when both are one person. A login or an address alone does not say so: it may have been given to somebody else since. */
export function isSame(a: Party, b: Party): boolean {
  return isAny(
    a.identities.filter((name) => name.includes("|")),
    b.identities,
  );
}

/** The name of whoever has this key, as far as the request knows it; else the key without its issuer. What is done by itself is so called. */
export function nameIn({ votes, requesters, author, onBehalfOf }: Approval, key: string): string {
  const people = [...votes.map(({ voter }) => voter), ...requesters, author, ...(onBehalfOf ? [onBehalfOf] : [])];
  return (key.includes("|") ? people.find(({ identities }) => identities.includes(key))?.name : undefined) ?? nameOf(key);
}

/** True when these names and memberships are among those that `who` names. */
export function isNamed(who: Who, identities: readonly string[], { groups, roles }: Pick<Person, "groups" | "roles">): boolean {
  const some = (names: readonly string[], held: readonly string[]) => names.some((name) => held.includes(name));
  return some(who.users, identities) || some(who.groups, groups) || some(who.roles, roles);
}

export function isAny(names: readonly string[], of: readonly string[]): boolean {
  return names.some((name) => of.includes(name));
}

/** The stand-ins by which this person takes the place of somebody, through others too. */
export function standsInFor(identities: readonly string[], standIns: readonly StandIn[], directory: World["directory"]): readonly StandIn[] {
  const found = new Set<StandIn>();
  let names = identities;
  for (let before = -1; before < found.size;) {
    before = found.size;
    for (const standIn of standIns) if (names.includes(standIn.to)) found.add(standIn);
    names = [...identities, ...[...found].flatMap(({ from }) => partyOf(from, directory).identities)];
  }
  return [...found];
}

/**
 * Everybody who could vote for a requirement: those it names, without `barred` and disabled ones, each person once, and the
 * stand-in in the place of the person who is absent. Undefined where it names groups or roles and nothing lists their members.
 */
export function candidatesOf(requirement: Requirement, world: World, barred: readonly string[]): readonly Candidate[] | undefined {
  const { who, replaced } = requirement;
  const { directory, standIns } = world;
  const isListed = directory !== undefined && directory !== "unknown";
  if (!isListed && (who.groups.length > 0 || who.roles.length > 0 || directory === "unknown")) return undefined;
  const listed = isListed
    ? directory.members.filter((member) => member.isEnabled && isNamed(who, [member.key, ...member.aliases], member))
    : apartFromLogins(who.users).map((key) => ({ key, name: key, aliases: [] as readonly string[] }));
  const absent = standIns.map((standIn) => ({ standIn, party: partyOf(standIn.from, directory) }));
  const found = new Map<string, Candidate>();
  const add = (key: string, name: string, inPlaceOf: string | undefined) => {
    const former = found.get(key);
    const isOwn = inPlaceOf === undefined || former?.standsInFor.length === 0;
    found.set(key, { key, name, standsInFor: isOwn ? [] : [...(former?.standsInFor ?? []), inPlaceOf] });
  };
  for (const { key, name, aliases } of listed) {
    const names = [...partyOf({ key, name }, directory).identities, ...aliases];
    if (isAny(names, barred) || isAny(names, replaced)) continue;
    const away = absent.find(({ party }) => isAny(party.identities, names));
    const deputy = away && deputyOf(away.standIn, directory);
    if (deputy && !isBarred(deputy.identities, barred, world)) add(deputy.key, deputy.name, away.party.key);
    else if (!isBarred(names, barred, world)) add(key, name, undefined);
  }
  return [...found.values()];
}

/** Without the logins of those who are named by their keys too. */
export function apartFromLogins(users: readonly string[]): readonly string[] {
  const logins = new Set(users.map(loginOf));
  return users.filter((name) => !logins.has(name));
}

/** The stand-in as a person; undefined when the directory does not have that person, or as disabled. */
function deputyOf({ to }: StandIn, directory: World["directory"]): Party | undefined {
  const member = memberOf(to, directory);
  if (directory !== undefined && directory !== "unknown" && member?.isEnabled !== true) return undefined;
  return partyOf({ key: to, name: member?.name ?? to }, directory);
}

/** True for the barred, and for whoever stands in for one of them. */
export function isBarred(identities: readonly string[], barred: readonly string[], { standIns, directory }: World): boolean {
  return isAny(identities, barred) || standsInFor(identities, standIns, directory).some(({ from }) => isAny(partyOf(from, directory).identities, barred));
}
