/**
 * Who has which roles in Keycloak. `/roles/NAME/users` has only those to whom a role was given directly: what groups, the groups
 * above these, and composite roles give is not in it, though tokens have it.
 */
import { textOf, type KeycloakApi, type Row } from "./api.ts";

export interface Roles {
  /** The names of the wanted roles that these roles (by id) give, with all that are inside composite ones. */
  given(ids: Iterable<string>): readonly string[];
  /** By the user's id: the roles (by id) that were given directly; only those that give a wanted one. */
  readonly ofUsers: ReadonlyMap<string, readonly string[]>;
  /** The id of a role by its client (undefined: of the realm) and name. */
  idOf(client: string | undefined, name: string): string | undefined;
}

interface Role {
  readonly id: string;
  readonly name: string;
  /** `clientId`; undefined for roles of the realm. */
  readonly client: string | undefined;
  /** Where it is in the API. */
  readonly path: string;
  readonly isComposite: boolean;
}

/** `client`: the client whose roles are wanted, exactly; undefined: the realm's. */
export async function readRoles(api: KeycloakApi, client: string | undefined): Promise<Roles> {
  const roles = await allRoles(api);
  const inside = new Map<string, readonly string[]>();
  for (const { id, isComposite } of roles)
    if (isComposite)
      inside.set(
        id,
        (await api.list(`/roles-by-id/${id}/composites`)).map((row) => textOf(row, "id")),
      );
  const wanted = new Map(roles.filter((role) => role.client === client).map(({ id, name }) => [id, name]));

  function given(ids: Iterable<string>): readonly string[] {
    const seen = new Set(ids);
    // What is added while it is walked is walked, too; a composite may contain itself.
    for (const id of seen) for (const part of inside.get(id) ?? []) seen.add(part);
    return [...seen].flatMap((id) => wanted.get(id) ?? []).toSorted();
  }

  const ofUsers = new Map<string, string[]>();
  for (const { id, path } of roles) {
    if (given([id]).length === 0) continue;
    for (const row of await api.list(`${path}/users`)) {
      const user = textOf(row, "id");
      ofUsers.set(user, [...(ofUsers.get(user) ?? []), id]);
    }
  }
  const byName = new Map(roles.map(({ id, client: of, name }) => [JSON.stringify([of ?? null, name]), id]));
  return { given, ofUsers, idOf: (of, name) => byName.get(JSON.stringify([of ?? null, name])) };
}

async function allRoles(api: KeycloakApi): Promise<readonly Role[]> {
  const found = (await api.list("/roles")).map((row) => roleOf(row, undefined, "/roles"));
  for (const row of await api.list("/clients")) {
    const root = `/clients/${textOf(row, "id")}/roles`;
    for (const role of await api.list(root)) found.push(roleOf(role, textOf(row, "clientId"), root));
  }
  return found;
}

function roleOf(row: Row, client: string | undefined, root: string): Role {
  const name = textOf(row, "name");
  return { id: textOf(row, "id"), name, client, path: `${root}/${encodeURIComponent(name)}`, isComposite: row["composite"] === true };
}
