/** Which servers stand behind the ports. */
import { headerSecret, innerUrl, quoted } from "./values.ts";

export const adapterVariables = {
  MUSTER_STORE: { fallback: "sqlite:./.muster/muster.db", secret: true },
  MUSTER_CATALOG: { fallback: "embedded", secret: false },
  MUSTER_CATALOG_TOKEN: { fallback: "", secret: true },
  MUSTER_CATALOG_BOOTSTRAP_CHECKS: { fallback: "8", secret: false },
  MUSTER_SCHEMAS: { fallback: "embedded", secret: false },
  MUSTER_SCHEMAS_TOKEN: { fallback: "", secret: true },
  MUSTER_EVENTS: { fallback: "embedded", secret: false },
} as const;

type Get = (name: keyof typeof adapterVariables) => string;

export interface AdapterSettings {
  readonly store: { readonly kind: "sqlite"; readonly path: string } | { readonly kind: "mysql"; readonly url: string };
  readonly catalog:
    | { readonly kind: "embedded" }
    | { readonly kind: "consul"; readonly url: string; readonly token: string | undefined; readonly bootstrapChecks: number };
  readonly schemas: { readonly kind: "embedded" } | { readonly kind: "apicurio"; readonly url: string; readonly token: string | undefined };
  readonly events: { readonly kind: "embedded" } | { readonly kind: "kafka"; readonly brokers: readonly string[] };
}

export function parseAdapters(get: Get, problems: string[]): AdapterSettings {
  const schemas = parseSchemas(get, problems);
  const events = parseEvents(get("MUSTER_EVENTS"), problems);
  const catalog = parseCatalog(get, problems);
  return { store: parseStore(get("MUSTER_STORE"), problems), catalog, schemas, events };
}

function parseStore(value: string, problems: string[]): AdapterSettings["store"] {
  // As a URL of other tools `sqlite://x.db` is relative to the folder; as a path it would be in the root.
  const path = /^sqlite:(?!\/\/[^/])(.+)$/s.exec(value)?.[1];
  if (path !== undefined) return { kind: "sqlite", path };
  if (URL.canParse(value) && new URL(value).protocol === "mysql:" && new URL(value).pathname.length > 1) return { kind: "mysql", url: value };
  problems.push("MUSTER_STORE: must be sqlite:PATH, such as sqlite:./muster.db, or mysql://user:password@host:port/database");
  return { kind: "sqlite", path: "" };
}

/** The URL of a server whose API is at this path; undefined when it has another form. */
function serverUrl(name: string, value: string, { scheme, path }: { readonly scheme: string; readonly path: RegExp }, problems: string[]): string | undefined {
  const url = /[\s?#]/.test(value) ? undefined : innerUrl(value, scheme);
  if (url === undefined || !path.test(new URL(url).pathname)) return undefined;
  const { username, password } = new URL(url);
  try {
    decodeURIComponent(username + password);
  } catch {
    problems.push(`${name}: its user or password has a % that does not begin an escape: write %25`);
  }
  return url;
}

function parseCatalog(get: Get, problems: string[]): AdapterSettings["catalog"] {
  const value = get("MUSTER_CATALOG");
  const bootstrapChecks = Number(get("MUSTER_CATALOG_BOOTSTRAP_CHECKS"));
  if (!Number.isInteger(bootstrapChecks) || bootstrapChecks < 1 || bootstrapChecks > 16) problems.push("MUSTER_CATALOG_BOOTSTRAP_CHECKS: must be from 1 to 16");
  if (value === "embedded") return { kind: "embedded" };
  const url = serverUrl("MUSTER_CATALOG", value, { scheme: "consul", path: /^\/$/ }, problems);
  if (url === undefined) problems.push(`MUSTER_CATALOG: ${quoted(value)} must be embedded or consul+http(s)://host:port, without a path and parameters`);
  return { kind: "consul", url: url ?? "", token: headerSecret("MUSTER_CATALOG_TOKEN", get("MUSTER_CATALOG_TOKEN"), problems), bootstrapChecks };
}

function parseSchemas(get: Get, problems: string[]): AdapterSettings["schemas"] {
  const value = get("MUSTER_SCHEMAS");
  if (value === "embedded") return { kind: "embedded" };
  const url = serverUrl("MUSTER_SCHEMAS", value, { scheme: "apicurio", path: /\/apis\/registry\/v3$/ }, problems);
  if (url === undefined)
    problems.push(`MUSTER_SCHEMAS: ${quoted(value)} must be embedded or apicurio+http(s)://host:port/apis/registry/v3, without parameters`);
  return { kind: "apicurio", url: url ?? "", token: headerSecret("MUSTER_SCHEMAS_TOKEN", get("MUSTER_SCHEMAS_TOKEN"), problems) };
}

function parseEvents(value: string, problems: string[]): AdapterSettings["events"] {
  if (value === "embedded") return { kind: "embedded" };
  const brokers = value.startsWith("kafka://") ? value.slice("kafka://".length).split(",") : [];
  if (brokers.length === 0 || !brokers.every(isBroker)) {
    problems.push(`MUSTER_EVENTS: ${quoted(value)} must be embedded or kafka://host:port,host:port`);
  }
  return { kind: "kafka", brokers };
}

function isBroker(text: string): boolean {
  const port = Number(/^[\w.-]+:(\d{1,5})$/.exec(text)?.[1]);
  return port >= 1 && port <= 65_535;
}
