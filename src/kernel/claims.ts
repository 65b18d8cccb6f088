/** From verified claims of an identity provider to a principal, by the mapping of the configuration. Pure. */
import { claimsViolation, tenantViolation, type Principal, type Role } from "./caller.ts";
import { printable } from "./log.ts";

/** Which names give which RPC role; `*` stands for everybody whom the source identifies. */
export type Grants = Readonly<Partial<Record<Role, readonly string[]>>>;

/** Where in a token its owner's properties are. Places are JSON Pointers (RFC 6901), such as `/resource_access/muster/roles`. */
export interface ClaimMapping {
  readonly issuer: string;
  /** The roles that policies name, and that `grants` refers to: those at each of these places, and no others. */
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly tenant: { readonly name: string } | { readonly claim: string };
  /** Only the value `true` there is enabled; undefined where everybody with a token is. */
  readonly enabled: string | undefined;
  /** The display name; the subject where there is none. */
  readonly name: string;
  readonly grants: Grants;
}

/** Claims whose signature, issuer, audience and times were verified. */
export type Claims = Readonly<Record<string, unknown>>;

export interface Identified {
  readonly principal: Principal;
  readonly isEnabled: boolean;
}

/** Columns of keys have 255 characters. */
const maxKeyLength = 255;
const maxNameLength = 128;
/** The last time that a Date can be. */
const maxSeconds = 8_640_000_000_000;
const subjectPattern = /^[\u0021-\u007e]+$/;

/** The RPC roles that these names give. */
export function granted(grants: Grants, names: readonly string[]): readonly Role[] {
  const roles = Object.entries(grants) as readonly (readonly [Role, readonly string[]])[];
  return roles.filter(([, by]) => by.includes("*") || by.some((name) => names.includes(name))).map(([role]) => role);
}

/**
 * The principal of a token, with the key `issuer|subject`; or what makes the token unusable, as text. Names of groups and roles
 * that no policy can name (spaces at an end, invisible characters, longer than 128) are left out.
 */
export function identified(claims: Claims, mapping: ClaimMapping): Identified | string {
  const { sub } = claims;
  if (typeof sub !== "string" || !subjectPattern.test(sub)) return "its subject is not of visible ASCII characters";
  const key = `${mapping.issuer}|${sub}`;
  if (key.length > maxKeyLength) return `issuer and subject have more than ${maxKeyLength - 1} characters`;
  const tenant = "name" in mapping.tenant ? mapping.tenant.name : valueAt(claims, mapping.tenant.claim);
  if (typeof tenant !== "string" || tenantViolation(tenant) !== undefined) return "it does not name a tenant";
  const roles = namesAt(claims, mapping.roles);
  if (typeof roles === "string") return roles;
  const groups = namesAt(claims, mapping.groups);
  if (typeof groups === "string") return groups;
  const authenticatedAt = claims["auth_time"];
  const principal: Principal = {
    key,
    name: displayName(valueAt(claims, mapping.name)) ?? sub,
    tenant,
    roles: granted(mapping.grants, roles),
    groups,
    claimedRoles: roles,
    ...(typeof authenticatedAt === "number" && authenticatedAt > 0 && authenticatedAt < maxSeconds ? { authenticatedAt: authenticatedAt * 1_000 } : {}),
  };
  return { principal, isEnabled: mapping.enabled === undefined || valueAt(claims, mapping.enabled) === true };
}

/** The principal of a client certificate with one SPIFFE id: `spiffe|spiffe://trust-domain/path`. Its RPC roles are by its path. */
export function workload(id: string, { tenant, grants }: WorkloadMapping): Principal {
  const path = id.slice(id.indexOf("/", "spiffe://".length));
  const held = granted(grants, [path, ...prefixesOf(path)]);
  return { key: `spiffe|${id}`, name: id, tenant, roles: held, groups: [], claimedRoles: [] };
}

export interface WorkloadMapping {
  readonly trustDomain: string;
  readonly tenant: string;
  /** By path, such as `/ns/ci/sa/deploy`, or all below one, such as `/ns/ci/*`. */
  readonly grants: Grants;
}

/** What is wrong with a place; undefined when nothing is. */
export function pointerViolation(pointer: string): string | undefined {
  return /^(\/([^~/]|~[01])+)+$/.test(pointer) ? undefined : "must be a JSON Pointer, such as /resource_access/muster/roles";
}

/** `/a/*` for each part of a path above its last. */
function prefixesOf(path: string): readonly string[] {
  const parts = path.split("/").slice(1, -1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}/*`);
}

/** The value at a place; undefined where there is none. Only an object's own members count. */
function valueAt(claims: Claims, pointer: string): unknown {
  let at: unknown = claims;
  for (const part of pointer.slice(1).split("/")) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof at !== "object" || at === null || Array.isArray(at) || !Object.hasOwn(at, name)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return at;
}

/** The names at all these places, each once; a text is a list with spaces between (as `scope`, RFC 8693). A text in the end: what is wrong. */
function namesAt(claims: Claims, pointers: readonly string[]): readonly string[] | string {
  const names = new Set<string>();
  for (const pointer of pointers) {
    const value = valueAt(claims, pointer) ?? [];
    const list: unknown = typeof value === "string" ? value.split(" ") : value;
    if (!Array.isArray(list)) return `its claim ${printable(pointer)} is no list of names`;
    for (const name of list) if (claimsViolation([name]) === undefined) names.add(name as string);
  }
  const all = [...names];
  const violation = claimsViolation(all);
  return violation === undefined ? all : `its names at ${printable(pointers.join(" and "))} ${violation}`;
}

function displayName(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" && value.length <= maxNameLength && printable(value) === value ? value : undefined;
}
