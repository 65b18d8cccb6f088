/**
 * `MUSTER_AUTH`: `open`, or a list of what identifies callers, with spaces between: `tokens:FILE`, `oidc+https://ISSUER?…` for
 * each identity provider, `spiffe://TRUST-DOMAIN?…` for client certificates.
 */
import { roles, tenantViolation, defaultTenant } from "../kernel/caller.ts";
import { pointerViolation, type ClaimMapping, type Grants, type WorkloadMapping } from "../kernel/claims.ts";
import { nearest } from "../kernel/nearest.ts";
import { quoted } from "./values.ts";

export interface IssuerSettings extends ClaimMapping {
  readonly audiences: readonly string[];
  /** Access tokens that do not say that they are some are taken. */
  readonly takesUntyped: boolean;
}

export type AuthSettings =
  | { readonly kind: "open" }
  | {
      readonly kind: "credentials";
      /** Path of the token file. */
      readonly tokens: string | undefined;
      readonly issuers: readonly IssuerSettings[];
      readonly workloads: readonly WorkloadMapping[];
    };

const form = "must be open, or one or more of tokens:FILE, oidc+https://ISSUER?audience=NAME and spiffe://TRUST-DOMAIN, with spaces between";

export function parseAuth(value: string, problems: string[]): AuthSettings {
  if (value === "open") return { kind: "open" };
  const items = value.trim().split(/\s+(?=(?:open$|tokens:|oidc\+|spiffe:))/);
  const bad = (description: string): void => void problems.push(`MUSTER_AUTH: ${description}`);
  const files = items.filter((item) => item.startsWith("tokens:")).map((item) => item.slice("tokens:".length));
  const issuers = items.filter((item) => item.startsWith("oidc+")).map((item) => issuerOf(item, bad));
  const workloads = items.filter((item) => item.startsWith("spiffe:")).map((item) => workloadOf(item, bad));
  if (files.length + issuers.length + workloads.length < items.length || files.includes("")) bad(`${quoted(value)} ${form}`);
  if (files.length > 1) bad("has several token files");
  const names = [...issuers.map(({ issuer }) => issuer), ...workloads.map(({ trustDomain }) => trustDomain)];
  for (const name of new Set(names.filter((name, index) => names.indexOf(name) !== index))) bad(`${quoted(name)} is there twice`);
  return { kind: "credentials", tokens: files[0], issuers, workloads };
}

type Bad = (description: string) => void;

function issuerOf(item: string, bad: Bad): IssuerSettings {
  const { place: issuer, parameters } = partsOf(item.slice("oidc+".length), [...claimParameters, ...roles], bad);
  const url = URL.parse(issuer);
  // Compared with tokens letter by letter, so it is not made to another form; a key has a | after it.
  if (!url || !/^https?:\/\/[^\s|?#@]+$/.test(issuer) || (url.protocol === "http:" && !["127.0.0.1", "[::1]", "localhost"].includes(url.hostname)))
    bad(`${quoted(issuer)} must be an https URL, without user, query and fragment; http is for providers on this machine alone`);
  const audiences = parameters.getAll("audience");
  if (audiences.length === 0 || audiences.includes("")) bad(`${quoted(issuer)} needs audience=NAME: for whom the tokens are that are accepted here`);
  const place = (name: string): string | undefined => checked(parameters.get(name), `${name} of ${quoted(issuer)}`, pointerViolation, bad);
  const places = (name: string): readonly string[] => {
    const given = parameters.getAll(name).length > 0 ? parameters.getAll(name) : [`/${name}`];
    return given.map((one) => checked(one, `${name} of ${quoted(issuer)}`, pointerViolation, bad) ?? "");
  };
  const tenant = parameters.get("tenant") ?? defaultTenant;
  if (!tenant.startsWith("/")) checked(tenant, `tenant of ${quoted(issuer)}`, tenantViolation, bad);
  const untyped = parameters.get("untyped") ?? "refuse";
  if (!["accept", "refuse"].includes(untyped)) bad(`untyped of ${quoted(issuer)} must be accept or refuse`);
  return {
    issuer,
    audiences,
    takesUntyped: untyped === "accept",
    roles: places("roles"),
    groups: places("groups"),
    tenant: tenant.startsWith("/") ? { claim: place("tenant") ?? "" } : { name: tenant },
    enabled: place("enabled"),
    name: place("name") ?? "/preferred_username",
    grants: grantsOf(parameters),
  };
}

function workloadOf(item: string, bad: Bad): WorkloadMapping {
  const { place, parameters } = partsOf(item, ["tenant", ...roles], bad);
  const trustDomain = place.slice("spiffe://".length);
  if (!/^spiffe:\/\/[a-z0-9._-]{1,255}$/.test(place)) bad(`${quoted(place)} must be spiffe:// and a trust domain, in lower case`);
  const tenant = checked(parameters.get("tenant") ?? defaultTenant, `tenant of ${quoted(place)}`, tenantViolation, bad) ?? defaultTenant;
  const grants = grantsOf(parameters);
  for (const [role, paths] of Object.entries(grants)) for (const path of paths) checked(path, `${role} of ${quoted(place)}`, pathViolation, bad);
  return { trustDomain, tenant, grants };
}

const claimParameters = ["audience", "roles", "groups", "tenant", "enabled", "name", "untyped"] as const;

function partsOf(text: string, known: readonly string[], bad: Bad): { readonly place: string; readonly parameters: URLSearchParams } {
  const [place = "", query = ""] = text.split(/\?(.*)/s);
  const parameters = new URLSearchParams(query);
  const many = new Set(["audience", "roles", "groups"]);
  for (const name of new Set(parameters.keys())) {
    const near = known.includes(name) ? undefined : nearest(name, known);
    if (!known.includes(name))
      bad(`${quoted(place)} has the parameter ${quoted(name)}, which is not known${near === undefined ? "" : `; did you mean ${near}?`}`);
    else if (parameters.getAll(name).length > 1 && !many.has(name)) bad(`${quoted(place)} has ${name} twice`);
  }
  return { place, parameters };
}

/** `registrar=ci,deploy`: who has one of these has the RPC role. */
function grantsOf(parameters: URLSearchParams): Grants {
  const given = roles.flatMap((role) => {
    const names = (parameters.get(role) ?? "").split(",").filter((name) => name !== "");
    return names.length === 0 ? [] : [[role, names] as const];
  });
  return Object.fromEntries(given);
}

function checked(value: string | null, what: string, violation: (value: string) => string | undefined, bad: Bad): string | undefined {
  if (value === null) return undefined;
  const wrong = violation(value);
  if (wrong !== undefined) bad(`${what}: ${quoted(value)} ${wrong}`);
  return value;
}

function pathViolation(path: string): string | undefined {
  return path === "*" || /^(\/[A-Za-z0-9._-]+)*\/([A-Za-z0-9._-]+|\*)$/.test(path) ? undefined : "must be a path such as /ns/ci/sa/deploy, /ns/ci/* or *";
}
