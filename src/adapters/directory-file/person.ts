/** One person of the directory file. */
import type { Member } from "../../approvals/types.ts";
import { claimsViolation, defaultTenant, nameOf, tenantViolation } from "../../kernel/caller.ts";
import { printable } from "../../kernel/log.ts";
import { isObject, unknownKey, type Bad } from "./fields.ts";

export interface ListedPerson {
  readonly index: number;
  readonly tenant: string;
  readonly member: Member;
  /** Key and aliases, with their places. */
  readonly names: readonly { readonly name: string; readonly path: readonly (string | number)[] }[];
}

const known = ["key", "name", "aliases", "groups", "roles", "enabled", "tenant"] as const;
const maxAliases = 50;

/** Undefined where it is no person; every problem goes to `bad`. */
export function personOf(value: unknown, index: number, bad: Bad): ListedPerson | undefined {
  const at = ["people", index] as const;
  if (!isObject(value)) return void bad(at, `must have the keys ${known.join(", ")}; only key is required`);
  for (const name of Object.keys(value)) if (!known.some((one) => one === name)) bad([...at, name], unknownKey(name, known));
  const { key, name, aliases = [], groups = [], roles = [], enabled = true, tenant = defaultTenant } = value;
  const problem = (field: string, description: string | undefined): void => void (description === undefined || bad([...at, field], description));
  problem("key", isKey(key) ? undefined : "must be the key of a principal, ISSUER|SUBJECT, such as tokens|amy");
  problem("name", name === undefined || isName(name) ? undefined : "must be 1 to 128 visible characters");
  problem("groups", claimsViolation(groups));
  problem("roles", claimsViolation(roles));
  problem("enabled", typeof enabled === "boolean" ? undefined : "must be true or false");
  problem("tenant", tenantViolation(tenant));
  const given = Array.isArray(aliases) && aliases.length <= maxAliases ? aliases : undefined;
  if (!given) bad([...at, "aliases"], `must be a list of at most ${maxAliases} logins, e-mail addresses or keys`);
  const found = (given ?? []).flatMap((alias: unknown, i) => {
    const path = [...at, "aliases", i];
    const text = aliasOf(alias);
    if (text === undefined) bad(path, "must be a login, an e-mail address or a key: ASCII characters without spaces, at most 255");
    return text === undefined ? [] : [{ name: text, path }];
  });
  if (!isKey(key) || !isNames(groups) || !isNames(roles) || typeof enabled !== "boolean" || typeof tenant !== "string") return undefined;
  const member: Member = {
    key,
    name: isName(name) ? name : nameOf(key),
    aliases: inOrder(found.map((alias) => alias.name).filter((alias) => alias !== key)),
    groups: inOrder(groups),
    roles: inOrder(roles),
    isEnabled: enabled,
  };
  return { index, tenant, member, names: [{ name: key, path: [...at, "key"] }, ...found] };
}

/** As it is compared: a key as it stands, everything else in ASCII lower case, since not everybody folds the case of other letters alike. */
function aliasOf(alias: unknown): string | undefined {
  if (typeof alias !== "string") return undefined;
  if (alias.includes("|")) return isKey(alias) ? alias : undefined;
  return /^[\u0021-\u007e]{1,255}$/.test(alias) ? alias.toLowerCase() : undefined;
}

function isKey(key: unknown): key is string {
  return typeof key === "string" && key.length <= 255 && /^[^|\s]+\|\S(.*\S)?$/u.test(key) && printable(key) === key;
}

function isName(name: unknown): name is string {
  return typeof name === "string" && name.trim() !== "" && name.length <= 128 && printable(name) === name;
}

function isNames(list: unknown): list is readonly string[] {
  return claimsViolation(list) === undefined;
}

function inOrder(names: readonly string[]): readonly string[] {
  return [...new Set(names)].toSorted();
}
