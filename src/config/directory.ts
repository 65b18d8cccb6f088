/** `MUSTER_DIRECTORY`: `file:PATH`, the `https://…` of the same document, or `keycloak+https://HOST/realms/NAME?…`. */
import { defaultTenant, tenantViolation } from "../kernel/caller.ts";
import { headerSecret, innerUrl, quoted } from "./values.ts";

export type DirectorySettings =
  | { readonly kind: "file"; readonly file: string }
  | { readonly kind: "http"; readonly url: string; readonly secret: string | undefined }
  | {
      readonly kind: "keycloak";
      readonly issuer: string;
      /** Its service account reads. */
      readonly client: string;
      readonly secret: string;
      /** The client whose roles people have; undefined: those of the realm. */
      readonly rolesOf: string | undefined;
      readonly tenant: string;
    };

export function parseDirectory(value: string, secret: string, problems: string[]): DirectorySettings | undefined {
  if (value === "") return undefined;
  if (value.startsWith("file:") && value.length > "file:".length) return { kind: "file", file: value.slice("file:".length) };
  const url = URL.parse(value);
  if (/^https?:/.test(value) && url && url.username + url.password + url.hash === "") {
    if (!isPrivate(url)) problems.push(`MUSTER_DIRECTORY: ${quoted(value)} must be https; http is for this machine alone`);
    return { kind: "http", url: value, secret: headerSecret("MUSTER_DIRECTORY_SECRET", secret, problems) };
  }
  const keycloak = innerUrl(value, "keycloak");
  if (keycloak !== undefined) return keycloakOf(keycloak, secret, problems);
  problems.push(`MUSTER_DIRECTORY: ${quoted(value)} must be file:PATH, https://HOST/PATH or keycloak+https://HOST/realms/NAME`);
  return undefined;
}

function keycloakOf(value: string, secret: string, problems: string[]): DirectorySettings {
  const [issuer = "", query = ""] = value.split(/\?(.*)/s);
  const parameters = new URLSearchParams(query);
  const bad = (description: string): void => void problems.push(`MUSTER_DIRECTORY: ${quoted(issuer)} ${description}`);
  if (!/^https?:\/\/[^/@]+(\/[^/]+)*\/realms\/[^/]+$/.test(issuer)) bad("must be https://HOST/realms/NAME, as in its tokens");
  else if (!isPrivate(new URL(issuer))) bad("must be https; http is for this machine alone");
  for (const name of new Set(parameters.keys()))
    if (!["client", "roles_of", "tenant"].includes(name)) bad(`has the parameter ${quoted(name)}; there are client, roles_of and tenant`);
  const tenant = parameters.get("tenant") ?? defaultTenant;
  const wrong = tenantViolation(tenant);
  if (wrong !== undefined) bad(`: tenant ${wrong}`);
  if (secret === "") bad("needs MUSTER_DIRECTORY_SECRET, the secret of its client");
  return { kind: "keycloak", issuer, client: parameters.get("client") || "muster-directory", secret, rolesOf: parameters.get("roles_of") || undefined, tenant };
}

/** What is sent there, and who comes from there, is nobody else's. */
function isPrivate({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || ["127.0.0.1", "[::1]", "localhost"].includes(hostname);
}
