/** The caller of a call, in types that every domain uses. */

/** Roles that decide which methods a principal may call; `admin` implies all others, each of them implies `viewer`. */
export const roles = ["viewer", "registrar", "approver", "operator", "admin"] as const;
export type Role = (typeof roles)[number];

export interface Principal {
  /**
   * Permanent identifier of a principal, `issuer|subject`: `tokens|ci` for the holder of a token, `open|anonymous` without
   * authentication. Owners and actors are recorded by it.
   */
  readonly key: string;
  /** Display name; never compared. */
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

/** The actor of the server's own actions. */
export const serverKey = "muster";

/** A principal that one issuer knows by a name, which is also its subject there. */
export function principalOf(issuer: string, name: string, held: readonly Role[]): Principal {
  return { key: `${issuer}|${name}`, name, tenant: "default", roles: held, groups: [] };
}

/** True when the principal may do what `role` may do. */
export function can(principal: Pick<Principal, "roles">, role: Role): boolean {
  if (principal.roles.includes("admin")) return true;
  return role === "viewer" ? principal.roles.length > 0 : principal.roles.includes(role);
}

/** True when `key`, as it was recorded, is this principal's; older records have the name. */
export function isOf(key: string, principal: Pick<Principal, "key" | "name">): boolean {
  return key === principal.key || (!key.includes("|") && key === principal.name);
}

/** The displayed part of a recorded key. */
export function nameOf(key: string): string {
  return key.slice(key.indexOf("|") + 1);
}
