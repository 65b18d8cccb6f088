/** A realm of the stack's Keycloak, with people who have the role `sre` of the client `muster` in every way in which Keycloak gives one. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "./source-tree.ts";

export interface Realm extends AsyncDisposable {
  readonly name: string;
  /** `http://127.0.0.1:port/realms/NAME` */
  readonly issuer: string;
  /** The id of a user, which is the subject of tokens. */
  idOf(username: string): Promise<string>;
  /** The tokens of a user who logs in now on Keycloak's page, by the authorization code flow; rejects when the page refuses. */
  logIn(username: string): Promise<Tokens>;
  /** The access token of a user by a grant of the password, which is no login: it has no `auth_time`. */
  byPassword(username: string): Promise<string>;
  /** The admin API, below the realm: `/users`. Rejects when it fails. */
  admin(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<unknown>;
}

export interface Tokens {
  readonly access: string;
  readonly id: string;
}

/** May read users, groups and roles. */
export const directoryClient = { id: "muster-directory", secret: "directory-secret" } as const;

const url = process.env["STACK_KEYCLOAK_URL"];

/** Stops the stack's Keycloak, or starts it again: with nothing of what it had, since its data are in memory. */
export async function turnKeycloak(how: "stop" | "start"): Promise<void> {
  const env = { ...process.env, STACK_KEYCLOAK: "1", STACK_STATE: process.env["STACK_DIR"] };
  await promisify(execFile)(join(root, "test/stack/stack"), [how, "keycloak"], { env });
}

/** A token of the realm `master`. */
export async function adminToken(): Promise<string> {
  return (await tokens(`${url}/realms/master`, { grant_type: "password", client_id: "admin-cli", username: "admin", password: "admin" })).access;
}

/** A realm of its own, with new keys. Disposing deletes it. */
export async function createRealm(realm = `muster-${crypto.randomUUID().slice(0, 8)}`): Promise<Realm> {
  const issuer = `${url}/realms/${realm}`;
  let admin = { until: 0, token: "" };
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    // Such a token is good for a minute.
    if (Date.now() > admin.until) admin = { until: Date.now() + 30_000, token: await adminToken() };
    const headers = { authorization: `Bearer ${admin.token}`, "content-type": "application/json" };
    const response = await fetch(`${url}/admin/realms${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  await call("POST", "", representation(realm));
  return {
    name: realm,
    issuer,
    logIn: (username) => logIn(issuer, username),
    byPassword: async (username) => (await tokens(issuer, { grant_type: "password", scope: "openid", client_id: "muster", username, password: "pw" })).access,
    admin: (method, path, body) => call(method, `/${realm}${path}`, body),
    async idOf(username) {
      const [user] = (await call("GET", `/${realm}/users?exact=true&username=${username}`)) as { id: string }[];
      if (!user) throw new Error(`there is no ${username}`);
      return user.id;
    },
    async [Symbol.asyncDispose]() {
      await call("DELETE", `/${realm}`);
    },
  };
}

const redirect = "http://127.0.0.1/logged-in";

async function logIn(issuer: string, username: string): Promise<Tokens> {
  const query = new URLSearchParams({ response_type: "code", scope: "openid", client_id: "muster", redirect_uri: redirect });
  const page = await fetch(`${issuer}/protocol/openid-connect/auth?${query}`);
  const action = /<form[^>]* action="([^"]+)"/.exec(await page.text())?.[1]?.replaceAll("&amp;", "&");
  if (action === undefined) throw new Error("there is no form to log in");
  const cookie = page.headers
    .getSetCookie()
    .map((set) => set.split(";")[0])
    .join("; ");
  const body = new URLSearchParams({ username, password: "pw" });
  const done = await fetch(action, { method: "POST", headers: { cookie }, body, redirect: "manual" });
  const code = new URL(done.headers.get("location") ?? redirect).searchParams.get("code");
  if (code === null) throw new Error(`${username} is not let in`);
  return tokens(issuer, { grant_type: "authorization_code", client_id: "muster", redirect_uri: redirect, code });
}

async function tokens(issuer: string, fields: Readonly<Record<string, string>>): Promise<Tokens> {
  const response = await fetch(`${issuer}/protocol/openid-connect/token`, { method: "POST", body: new URLSearchParams(fields) });
  const answer = (await response.json()) as { access_token?: string; id_token?: string };
  if (answer.access_token === undefined) throw new Error(JSON.stringify(answer));
  return { access: answer.access_token, id: answer.id_token ?? "" };
}

const user = (username: string, more: object = {}) => ({
  username,
  firstName: username,
  lastName: "X",
  email: `${username}@example.org`,
  emailVerified: true,
  enabled: true,
  credentials: [{ type: "password", value: "pw" }],
  ...more,
});
const sre = { clientRoles: { muster: ["sre"] } };

function representation(realm: string): object {
  const mapper = (name: string, protocolMapper: string, config: object) => ({
    name,
    protocol: "openid-connect",
    protocolMapper,
    config: { "access.token.claim": "true", ...config },
  });
  return {
    realm,
    enabled: true,
    roles: {
      realm: [{ name: "lead", composite: true, composites: { client: { muster: ["sre"] } } }],
      client: { muster: [{ name: "sre" }, { name: "root" }], other: [{ name: "sre" }] },
    },
    clients: [
      {
        clientId: "muster",
        publicClient: true,
        redirectUris: [redirect],
        directAccessGrantsEnabled: true,
        protocolMappers: [
          mapper("audience", "oidc-audience-mapper", { "included.client.audience": "muster" }),
          mapper("groups", "oidc-group-membership-mapper", { "claim.name": "groups", "full.path": "true" }),
        ],
      },
      { clientId: "other", publicClient: true },
      { clientId: directoryClient.id, secret: directoryClient.secret, serviceAccountsEnabled: true, standardFlowEnabled: false },
    ],
    groups: [{ name: "ops", clientRoles: sre.clientRoles, subGroups: [{ name: "night", subGroups: [{ name: "late" }] }] }, { name: "payments" }],
    users: [
      user("alice", sre),
      user("dave", { ...sre, enabled: false }),
      user("bob", { groups: ["/ops"], emailVerified: false }),
      user("nina", { groups: ["/ops/night"] }),
      user("carol", { realmRoles: ["lead"], groups: ["/payments"] }),
      user("eve", { clientRoles: { other: ["sre"] } }),
      user("root", { clientRoles: { muster: ["root"] } }),
      {
        username: `service-account-${directoryClient.id}`,
        enabled: true,
        serviceAccountClientId: directoryClient.id,
        clientRoles: { "realm-management": ["view-users", "view-realm", "view-clients"] },
      },
    ],
  };
}
