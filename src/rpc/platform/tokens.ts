import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { DomainError, type FieldViolation } from "../../kernel/errors.ts";
import { claimsViolation, defaultTenant, principalOf, principalViolation, roles, tenantViolation, type Principal, type Role } from "../../kernel/caller.ts";
import type { Identified } from "../../kernel/claims.ts";
import { printable } from "../../kernel/log.ts";
import { nearest } from "../../kernel/nearest.ts";

/** Not enabled when one entry of the principal says so: none of its tokens is taken then. */
export type TokenHolder = Identified;

export interface TokenTable {
  /** The holder of this token, with the roles and groups of its entry. Takes the same time whether the token exists or not. */
  find(token: string): TokenHolder | undefined;
  /** Each principal once, with the roles and groups of all its entries. */
  readonly holders: readonly TokenHolder[];
}

interface Entry extends TokenHolder {
  readonly at: string;
  readonly sha256: Buffer;
}

const sha256Pattern = /^[0-9a-f]{64}$/;
const entryKeys = new Set(["principal", "roles", "groups", "tenant", "enabled", "sha256"]);

/** A new random token (32 characters) and its hash for the token file. */
export function generateToken(): { readonly token: string; readonly sha256: string } {
  const token = randomBytes(24).toString("base64url");
  return { token, sha256: digest(token).toString("hex") };
}

/**
 * Reads a token file: `{"tokens": [{"principal": "ci", "roles": ["registrar"], "sha256": "<hex of the token's hash>"}]}`, each
 * entry also with `groups`, `tenant` and `enabled`. A principal may have several tokens. Throws one `invalid` error with every
 * problem of the file.
 */
export function parseTokenFile(text: string): TokenTable {
  const problems: FieldViolation[] = [];
  const entries = entriesOf(parseJson(text, problems), problems).filter((entry) => entry !== undefined);
  const hashes = new Map<string, Entry>();
  const tenants = new Map<string, Entry>();
  for (const entry of entries) {
    const twin = hashes.get(entry.sha256.toString("hex"));
    if (twin) problems.push({ field: `${entry.at}.sha256`, description: `is the same as that of ${twin.at}` });
    hashes.set(entry.sha256.toString("hex"), twin ?? entry);
    const { key, tenant } = entry.principal;
    const first = tenants.get(key) ?? entry;
    if (first.principal.tenant !== tenant)
      problems.push({ field: `${entry.at}.tenant`, description: `is another one than in ${first.at}, of the same principal` });
    tenants.set(key, first);
  }
  if (problems.length > 0) {
    throw new DomainError({
      kind: "invalid",
      reason: "INVALID_FIELDS",
      message: `the token file is not valid: ${problems.map((p) => `${p.field} ${p.description}`).join("; ")}`,
      fields: problems,
    });
  }
  return createTokenTable(entries);
}

function createTokenTable(entries: readonly Entry[]): TokenTable {
  const holders = [...Map.groupBy(entries, ({ principal }) => principal.key).values()].map(merged);
  const disabled = new Set(holders.filter(({ isEnabled }) => !isEnabled).map(({ principal }) => principal.key));
  return {
    holders,
    find(token) {
      const hash = digest(token);
      let found: Principal | undefined;
      for (const entry of entries) if (timingSafeEqual(entry.sha256, hash)) found = entry.principal;
      return found && { principal: found, isEnabled: !disabled.has(found.key) };
    },
  };
}

/** All entries of one principal, as one. */
function merged(entries: readonly Entry[]): TokenHolder {
  const all = <T extends string>(of: (principal: Principal) => readonly T[]): readonly T[] => [...new Set(entries.flatMap(({ principal }) => of(principal)))];
  const claims = { groups: all(({ groups }) => groups), claimedRoles: all(({ claimedRoles }) => claimedRoles), roles: all((principal) => principal.roles) };
  return { principal: { ...entries[0]!.principal, ...claims }, isEnabled: entries.every(({ isEnabled }) => isEnabled) };
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token, "utf8").digest();
}

function parseJson(text: string, problems: FieldViolation[]): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message would quote the file.
    problems.push({ field: "(file)", description: "is not JSON" });
    return undefined;
  }
}

function entriesOf(file: unknown, problems: FieldViolation[]): readonly (Entry | undefined)[] {
  if (file === undefined) return [];
  const tokens = isObject(file) && Object.keys(file).length === 1 ? file["tokens"] : undefined;
  if (!Array.isArray(tokens)) {
    problems.push({ field: "(file)", description: 'must be an object with the one key "tokens", a list' });
    return [];
  }
  return tokens.map((token, i) => entryOf(token, `tokens[${i}]`, problems));
}

function entryOf(token: unknown, at: string, problems: FieldViolation[]): Entry | undefined {
  const bad = (field: string, description: string | undefined) => void (description === undefined || problems.push({ field, description }));
  if (!isObject(token)) return void bad(at, "must be an object");
  const before = problems.length;
  for (const key of Object.keys(token)) if (!entryKeys.has(key)) bad(`${at}.${key}`, "is not a known key");
  const { principal, roles: named = [], groups = [], tenant = defaultTenant, enabled = true, sha256 } = token;
  bad(`${at}.principal`, principalViolation(principal));
  bad(`${at}.roles`, rolesViolation(named, groups));
  bad(`${at}.groups`, claimsViolation(groups));
  bad(`${at}.tenant`, tenantViolation(tenant));
  if (typeof enabled !== "boolean") bad(`${at}.enabled`, "must be true or false");
  if (typeof sha256 !== "string" || !sha256Pattern.test(sha256)) bad(`${at}.sha256`, "must be 64 lower-case hexadecimal digits");
  if (problems.length > before) return undefined;
  const claimedRoles = [...new Set(named as string[])];
  const claims = { tenant: tenant as string, groups: [...new Set(groups as string[])], claimedRoles };
  return {
    at,
    sha256: Buffer.from(sha256 as string, "hex"),
    principal: principalOf("tokens", principal as string, claimedRoles.filter(isRole), claims),
    isEnabled: enabled as boolean,
  };
}

/** A role that differs by one letter from one that methods need is a mistake, not a policy's role. */
function rolesViolation(named: unknown, groups: unknown): string | undefined {
  if (Array.isArray(named) && named.length === 0 && Array.isArray(groups) && groups.length === 0) {
    return `must be one or more of ${roles.join(", ")} or roles that policies name, unless there are groups`;
  }
  const violation = claimsViolation(named);
  if (violation !== undefined) return violation;
  const mistakes = (named as string[]).flatMap((name) => {
    const near = isRole(name) ? undefined : nearest(name.toLowerCase(), roles, 1);
    return near === undefined ? [] : [`has "${printable(name)}": did you mean ${near}?`];
  });
  return mistakes.length === 0 ? undefined : mistakes.join(", ");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isRole(value: unknown): value is Role {
  return roles.some((role) => role === value);
}
