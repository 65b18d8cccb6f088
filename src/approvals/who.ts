/** How people are named: in `Who`, whom a requirement names, and in what callers say of others. Pure. */
import { nameOf } from "../kernel/caller.ts";
import { asciiLower, memberOf, type World } from "./people.ts";
import type { Person, Who } from "./types.ts";

/** The union of both; an expression is not carried over, its value was added when it was evaluated. */
export function joinWho(a: Who, b: Who): Who {
  const union = (one: readonly string[], other: readonly string[]) => [...new Set([...one, ...other])];
  return { users: union(a.users, b.users), groups: union(a.groups, b.groups), roles: union(a.roles, b.roles) };
}

/** What an expression named: users, `group:NAME`, `role:NAME`. */
export function whoOf(names: readonly string[]): Who {
  const of = (prefix: string) => names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  const users = names.filter((name) => !name.startsWith("group:") && !name.startsWith("role:"));
  return { users: users.map(userName), groups: of("group:"), roles: of("role:") };
}

/** A user as it is compared: a key as it stands, a login or an address in ASCII lower case. */
export function userName(name: string): string {
  return name.includes("|") ? name : asciiLower(name);
}

/**
 * A user, in the form that is compared: a principal key (`issuer|subject`) as it stands, a login or an e-mail address in ASCII lower case.
 * Undefined for an alias with other letters, since not everybody folds their case alike.
 */
export function userOf(text: string): string | undefined {
  return text.includes("|") || /^[\x21-\x7e]+$/.test(text) ? userName(text) : undefined;
}

/** Somebody whom a caller names, by whatever name, as the directory has the person. */
export function personNamed(given: string, { directory }: Pick<World, "directory">): Person {
  const name = userName(given);
  const { key, name: display, groups, roles } = memberOf(name, directory) ?? { key: name, name: nameOf(name), groups: [], roles: [] };
  return { key, name: display, groups, roles };
}
