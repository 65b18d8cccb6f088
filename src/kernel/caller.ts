/** The caller of a call, in types that every domain uses. */
import { printable } from "./log.ts";

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
  /** All roles that its credentials name, also those that no method knows: policies name them. `roles` implies none of them. */
  readonly claimedRoles: readonly string[];
  /** Epoch milliseconds: when it last proved to its identity provider who it is. Undefined where that is not known. */
  readonly authenticatedAt?: number;
}

export interface Caller extends Principal {
  /** Whose share of the server the call uses: its principal's key or, where callers have no identity, the address of its connection. */
  readonly share?: string;
  /** W3C trace context of the call. */
  readonly traceparent?: string;
}

/** Whose share of the server a call uses; see `Caller`. */
export function shareOf({ share, key }: Pick<Caller, "share" | "key">): string {
  return share ?? key;
}

/** The actor of the server's own actions. */
export const serverKey = "muster";

export const defaultTenant = "default";

/** What credentials say beside name and roles; by default the tenant `default` and nothing else. */
export type Claims = Partial<Pick<Principal, "tenant" | "groups" | "claimedRoles">>;

/** A principal that one issuer knows by a name, which is also its subject there. */
export function principalOf(issuer: string, name: string, held: readonly Role[], claims: Claims = {}): Principal {
  return { key: `${issuer}|${name}`, name, tenant: defaultTenant, roles: held, groups: [], claimedRoles: [], ...claims };
}

const principalPattern = /^[A-Za-z0-9][A-Za-z0-9._@:/-]{0,127}$/;
const tenantPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const maxClaimLength = 128;
const maxClaims = 200;

/** What is wrong with the name of a principal; undefined when nothing is. */
export function principalViolation(name: unknown): string | undefined {
  return typeof name === "string" && principalPattern.test(name) ? undefined : "must be 1 to 128 of A-Z a-z 0-9 . _ @ : / -, a letter or digit first";
}

/** What is wrong with the name of a tenant; undefined when nothing is. */
export function tenantViolation(tenant: unknown): string | undefined {
  return typeof tenant === "string" && tenantPattern.test(tenant) ? undefined : "must be 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first";
}

/** What is wrong with a list of groups or claimed roles; undefined when nothing is. They are compared exactly, so that what looks alike must be alike. */
export function claimsViolation(list: unknown): string | undefined {
  if (!Array.isArray(list)) return "must be a list of names";
  if (list.length > maxClaims) return `must have at most ${maxClaims} entries`;
  const bad: unknown = list.find((claim) => !isClaim(claim));
  if (bad === undefined) return undefined;
  return `must have names of 1 to ${maxClaimLength} visible characters in Unicode's form NFC, without spaces at either end${typeof bad === "string" ? `, and not "${printable(bad, 32)}"` : ""}`;
}

function isClaim(claim: unknown): claim is string {
  return (
    typeof claim === "string" &&
    claim !== "" &&
    claim.length <= maxClaimLength &&
    claim.trim() === claim &&
    printable(claim) === claim &&
    claim.normalize("NFC") === claim
  );
}

/** True when the principal may do what `role` may do. */
export function can(principal: Pick<Principal, "roles">, role: Role): boolean {
  if (principal.roles.includes("admin")) return true;
  return role === "viewer" ? principal.roles.length > 0 : principal.roles.includes(role);
}

/** True when `key`, as it was recorded, is this principal's; records of before other issuers existed have the subject alone. */
export function isOf(key: string, { key: own }: Pick<Principal, "key">): boolean {
  return key === own || (!key.includes("|") && (own === `tokens|${key}` || own === `open|${key}`));
}

/** The displayed part of a recorded key. */
export function nameOf(key: string): string {
  return key.slice(key.indexOf("|") + 1);
}
