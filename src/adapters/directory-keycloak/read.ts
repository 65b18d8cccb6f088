/**
 * The people of a Keycloak realm, as their tokens will have them: the groups that each is in, by path, and the roles of one
 * client, or of the realm, however they were given.
 */
import type { DirectoryDocuments } from "../../approvals/directory/source.ts";
import type { Member } from "../../approvals/types.ts";
import { claimsViolation } from "../../kernel/caller.ts";
import { unusable } from "../http/guarded.ts";
import { openKeycloak, textOf, type ApiOptions, type KeycloakApi, type Row } from "./api.ts";
import { readRoles, type Roles } from "./roles.ts";

export interface KeycloakOptions extends ApiOptions {
  readonly rolesOf: string | undefined;
  readonly tenant: string;
}

/** Reads it once. Rejects with a DomainError that says what is wrong; nobody at all is wrong, too. */
export async function readKeycloak({ tenant, rolesOf, ...options }: KeycloakOptions, signal: AbortSignal): Promise<DirectoryDocuments> {
  using api = await openKeycloak(options, signal);
  const users = await api.list("/users?briefRepresentation=true");
  if (users.length === 0) throw unusable("the realm has no users");
  const roles = await readRoles(api, rolesOf);
  const groups = await readGroups(api, roles);
  const members = users.map((user) => memberOf(user, options.issuer, groups.get(textOf(user, "id")) ?? [], roles));
  return new Map([[tenant, { members: withOwnAliases(members).toSorted((a, b) => (a.key < b.key ? -1 : 1)) }]]);
}

interface Group {
  readonly path: string;
  /** Ids of its roles and of those of the groups above it. */
  readonly roles: readonly string[];
}

/** By the user's id: the groups that the user is a member of. */
async function readGroups(api: KeycloakApi, roles: Roles): Promise<ReadonlyMap<string, readonly Group[]>> {
  const found = new Map<string, Group[]>();
  const visit = async (rows: readonly Row[], above: readonly string[]): Promise<void> => {
    for (const row of rows) {
      const id = textOf(row, "id");
      const group = { path: textOf(row, "path"), roles: [...above, ...rolesOfGroup(row, roles)] };
      for (const member of await api.list(`/groups/${id}/members?briefRepresentation=true`)) {
        const user = textOf(member, "id");
        found.set(user, [...(found.get(user) ?? []), group]);
      }
      if (row["subGroupCount"] !== 0) await visit(await api.list(`/groups/${id}/children?briefRepresentation=false`), group.roles);
    }
  };
  await visit(await api.list("/groups?briefRepresentation=false"), []);
  return found;
}

function rolesOfGroup({ realmRoles, clientRoles }: Row, { idOf }: Roles): readonly string[] {
  const byClient = Object.entries(typeof clientRoles === "object" ? (clientRoles ?? {}) : {});
  const named = [[undefined, realmRoles] as const, ...byClient];
  return named.flatMap(([client, names]) => (Array.isArray(names) ? names.flatMap((name) => idOf(client, String(name)) ?? []) : []));
}

function memberOf(user: Row, issuer: string, groups: readonly Group[], roles: Roles): Member {
  const id = textOf(user, "id");
  const username = textOf(user, "username");
  const { email, emailVerified, firstName, lastName } = user;
  const name = [firstName, lastName].filter((part) => typeof part === "string" && part !== "").join(" ");
  // An address that nobody has proved to be his own would let him vote as its owner.
  const logins = [username, ...(typeof email === "string" && emailVerified === true ? [email] : [])];
  return {
    key: `${issuer}|${id}`,
    name: claimsViolation([name]) === undefined ? name : username,
    aliases: [...new Set(logins.filter((login) => /^[\u0021-\u007b\u007d\u007e]{1,255}$/.test(login)).map((login) => login.toLowerCase()))].toSorted(),
    groups: nameable(groups.map(({ path }) => path)),
    roles: nameable(roles.given([...(roles.ofUsers.get(id) ?? []), ...groups.flatMap((group) => group.roles)])),
    isEnabled: user["enabled"] === true,
  };
}

function nameable(names: readonly string[]): readonly string[] {
  return [...new Set(names.filter((name) => claimsViolation([name]) === undefined))].toSorted();
}

/** A login that is another's address, too, is nobody's. */
function withOwnAliases(members: readonly Member[]): readonly Member[] {
  const owners = Map.groupBy(
    members.flatMap(({ key, aliases }) => aliases.map((alias) => ({ alias, key }))),
    ({ alias }) => alias,
  );
  return members.map((member) => ({ ...member, aliases: member.aliases.filter((alias) => owners.get(alias)?.length === 1) }));
}
