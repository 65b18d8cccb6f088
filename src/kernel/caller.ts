/** Who makes a call, in words that every domain uses. */

/** Roles that decide which methods one may call; `admin` implies all others, each of them implies `viewer`. */
export const roles = ["viewer", "registrar", "approver", "operator", "admin"] as const;
export type Role = (typeof roles)[number];

export interface Principal {
  /**
   * What identifies a principal for good, `issuer|subject`: `tokens|ci` for the holder of a token, `open|anonymous` where
   * nobody has to say who they are. Owners and actors are recorded by it.
   */
  readonly key: string;
  /** For people; never compared. */
  readonly name: string;
  /** `default` where there are none. */
  readonly tenant: string;
  readonly roles: readonly Role[];
  readonly groups: readonly string[];
}

export interface Caller extends Principal {
  /** W3C trace context of the call. */
  readonly traceparent?: string;
}

/** The actor of what the server does by itself. */
export const serverKey = "muster";

/** A principal known to one issuer by a name, which is also its subject there. */
export function principalOf(issuer: string, name: string, held: readonly Role[]): Principal {
  return { key: `${issuer}|${name}`, name, tenant: "default", roles: held, groups: [] };
}

/** True when the principal may do what `role` may do. */
export function can(principal: Pick<Principal, "roles">, role: Role): boolean {
  if (principal.roles.includes("admin")) return true;
  return role === "viewer" ? principal.roles.length > 0 : principal.roles.includes(role);
}

/** True when `key`, as it was recorded, is this principal's; before there were keys the name was recorded. */
export function isOf(key: string, principal: Pick<Principal, "key" | "name">): boolean {
  return key === principal.key || (!key.includes("|") && key === principal.name);
}

/** What people are shown of a recorded key. */
export function nameOf(key: string): string {
  return key.slice(key.indexOf("|") + 1);
}
