/** Operations on `Who`, the people that a requirement names. Pure. */
import { asciiLower } from "./people.ts";
import type { Who } from "./types.ts";

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
