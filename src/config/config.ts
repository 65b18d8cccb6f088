/** What the server is told by its environment. Everything wrong is reported at once, and what is unknown is wrong. */
import { parseEventWire } from "./event-settings.ts";
import type { EventWire } from "../delivery/event-wire.ts";
import { cidrViolation, isIpLiteral, judgeAddress } from "../registration/address.ts";
import type { LogLevel } from "../kernel/log.ts";
import { parseSelf, type SelfRegistration } from "./self-settings.ts";
import { readSettings, type Settings } from "./settings.ts";

export interface Config {
  readonly listen: { readonly host: string; readonly port: number };
  readonly store: { readonly kind: "sqlite"; readonly path: string } | { readonly kind: "mysql"; readonly url: string };
  readonly catalog:
    | { readonly kind: "embedded" }
    | { readonly kind: "consul"; readonly url: string; readonly token: string | undefined; readonly bootstrapChecks: number };
  readonly schemas: { readonly kind: "embedded" } | { readonly kind: "apicurio"; readonly url: string; readonly token: string | undefined };
  readonly events: { readonly kind: "embedded" } | { readonly kind: "kafka"; readonly brokers: readonly string[] };
  readonly eventWire: EventWire;
  /** How long events can be read in the log. */
  readonly eventRetentionMs: number;
  readonly auth: { readonly kind: "open" } | { readonly kind: "tokens"; readonly file: string };
  readonly tls: { readonly certFile: string; readonly keyFile: string; readonly clientCaFile: string | undefined } | undefined;
  readonly modules: {
    readonly allowLoopback: boolean;
    readonly allowedRanges: readonly string[];
    readonly caFile: string | undefined;
  };
  readonly attemptLeaseMs: number;
  /** How long attempts that have ended are kept. */
  readonly attemptRetentionMs: number;
  readonly reconcile: {
    readonly mode: "on" | "validate" | "off";
    readonly everyMs: number;
    /** An instance that is critical for so long is taken off the platform. */
    readonly reapAfterMs: number;
  };
  /** How this server is in the catalog itself, if it is. */
  readonly self: SelfRegistration | undefined;
  readonly httpRoot: string;
  readonly log: { readonly level: LogLevel; readonly format: "json" | "text" };
}

/** All that is wrong with the configuration, one line a problem. */
export class ConfigError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`the configuration is not valid:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** Every variable: its default and what it is. The same list stands in docs/operations.md. */
export const variables = {
  MUSTER_LISTEN: { fallback: "127.0.0.1:7430", secret: false },
  MUSTER_STORE: { fallback: "sqlite:./.muster/muster.db", secret: true },
  MUSTER_CATALOG: { fallback: "embedded", secret: false },
  MUSTER_CATALOG_TOKEN: { fallback: "", secret: true },
  MUSTER_CATALOG_BOOTSTRAP_CHECKS: { fallback: "8", secret: false },
  MUSTER_SCHEMAS: { fallback: "embedded", secret: false },
  MUSTER_SCHEMAS_TOKEN: { fallback: "", secret: true },
  MUSTER_EVENTS: { fallback: "embedded", secret: false },
  MUSTER_EVENTS_FORMAT: { fallback: "cloudevents", secret: false },
  MUSTER_EVENTS_TOPIC: { fallback: "platform.registration.events", secret: false },
  MUSTER_EVENTS_TOPICS: { fallback: "", secret: false },
  MUSTER_EVENT_RETENTION: { fallback: "7d", secret: false },
  MUSTER_AUTH: { fallback: "open", secret: false },
  MUSTER_TLS_CERT: { fallback: "", secret: false },
  MUSTER_TLS_KEY: { fallback: "", secret: false },
  MUSTER_TLS_CLIENT_CA: { fallback: "", secret: false },
  MUSTER_MODULE_ADDRESSES: { fallback: "", secret: false },
  MUSTER_MODULE_CA: { fallback: "", secret: false },
  MUSTER_ATTEMPT_LEASE: { fallback: "15s", secret: false },
  MUSTER_ATTEMPT_RETENTION: { fallback: "30d", secret: false },
  MUSTER_RECONCILE: { fallback: "on", secret: false },
  MUSTER_RECONCILE_EVERY: { fallback: "15s", secret: false },
  MUSTER_REAP_AFTER: { fallback: "600s", secret: false },
  MUSTER_SELF_REGISTER: { fallback: "auto", secret: false },
  MUSTER_SELF_NAME: { fallback: "muster", secret: false },
  MUSTER_ADVERTISE: { fallback: "", secret: false },
  MUSTER_HTTP_ROOT: { fallback: "", secret: false },
  MUSTER_LOG_LEVEL: { fallback: "info", secret: false },
  MUSTER_LOG_FORMAT: { fallback: "text", secret: false },
} as const;

export type Variable = keyof typeof variables;

/** What the commands that call a server are told; the same list stands in docs/cli.md. The server lets them stand. */
export const clientVariables = {
  MUSTER_ADDRESS: { fallback: "127.0.0.1:7430", secret: false },
  MUSTER_TOKEN: { fallback: "", secret: true },
  MUSTER_CLIENT_CA: { fallback: "", secret: false },
  MUSTER_CLIENT_CERT: { fallback: "", secret: false },
  MUSTER_CLIENT_KEY: { fallback: "", secret: false },
} as const;

export type ClientVariable = keyof typeof clientVariables;

/** Every variable there is. */
export const allVariables = { ...variables, ...clientVariables };

/**
 * Reads the `MUSTER_*` variables among `settings`. A secret may be given as `<NAME>_FILE`, the path of a file that holds
 * it; `readFile` reads such a file. Throws ConfigError with every problem found.
 */
export function parseConfig(settings: Settings, readFile: (path: string) => string): Config {
  const problems: string[] = [];
  const read = readSettings(settings, { known: allVariables, wanted: variables, readFile });
  problems.push(...read.problems);
  const get: Get = (name) => read.value(name);
  const listen = parseListen(get("MUSTER_LISTEN"), problems);
  const auth = parseAuth(get("MUSTER_AUTH"), problems);
  const ranges = get("MUSTER_MODULE_ADDRESSES")
    .split(",")
    .map((range) => range.trim())
    .filter((range) => range !== "");
  for (const range of ranges) {
    const verdict = cidrViolation(range);
    if (verdict) problems.push(`MUSTER_MODULE_ADDRESSES: ${range} ${verdict}`);
  }
  const onLoopback = isLoopback(listen.host);
  if (auth.kind === "open" && !onLoopback) {
    problems.push(`MUSTER_AUTH: "open" lets anybody in, so it is refused off loopback (MUSTER_LISTEN is ${listen.host}); use tokens:FILE`);
  }
  const schemas = parseSchemas(get, problems);
  const events = parseEvents(get("MUSTER_EVENTS"), problems);
  const catalog = parseCatalog(get, problems);
  const tls = parseTls(get, problems);
  const config: Config = {
    listen,
    store: parseStore(get("MUSTER_STORE"), problems),
    catalog,
    schemas,
    events,
    eventWire: parseEventWire(
      {
        format: get("MUSTER_EVENTS_FORMAT"),
        topic: get("MUSTER_EVENTS_TOPIC"),
        topics: get("MUSTER_EVENTS_TOPICS"),
        sink: events.kind,
        schemas: schemas.kind,
      },
      problems,
    ),
    eventRetentionMs: parseDuration("MUSTER_EVENT_RETENTION", get("MUSTER_EVENT_RETENTION"), { unit: "d", min: 1, max: 3_650 }, problems),
    auth,
    tls,
    self: parseSelf(
      {
        wanted: get("MUSTER_SELF_REGISTER"),
        name: get("MUSTER_SELF_NAME"),
        advertise: get("MUSTER_ADVERTISE"),
        listen,
        catalogUrl: catalog.kind === "consul" ? catalog.url : undefined,
        needsClientCertificate: tls?.clientCaFile !== undefined,
      },
      problems,
    ),
    modules: { allowLoopback: onLoopback, allowedRanges: ranges, caFile: get("MUSTER_MODULE_CA") || undefined },
    attemptLeaseMs: parseDuration("MUSTER_ATTEMPT_LEASE", get("MUSTER_ATTEMPT_LEASE"), { unit: "s", min: 1, max: 120 }, problems),
    attemptRetentionMs: parseDuration("MUSTER_ATTEMPT_RETENTION", get("MUSTER_ATTEMPT_RETENTION"), { unit: "d", min: 1, max: 3_650 }, problems),
    reconcile: {
      mode: oneOf("MUSTER_RECONCILE", get("MUSTER_RECONCILE"), ["on", "validate", "off"], problems),
      everyMs: parseDuration("MUSTER_RECONCILE_EVERY", get("MUSTER_RECONCILE_EVERY"), { unit: "s", min: 1, max: 300 }, problems),
      reapAfterMs: parseDuration("MUSTER_REAP_AFTER", get("MUSTER_REAP_AFTER"), { unit: "s", min: 1, max: 604_800 }, problems),
    },
    httpRoot: parseRoot(get("MUSTER_HTTP_ROOT"), problems),
    log: {
      level: oneOf("MUSTER_LOG_LEVEL", get("MUSTER_LOG_LEVEL"), ["debug", "info", "warn", "error"], problems),
      format: oneOf("MUSTER_LOG_FORMAT", get("MUSTER_LOG_FORMAT"), ["text", "json"], problems),
    },
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

type Get = (name: Variable) => string;

function parseListen(value: string, problems: string[]): Config["listen"] {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:]+)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/.exec(value);
  const host = match?.groups?.["v6"] ?? match?.groups?.["host"] ?? "";
  const port = Number(match?.groups?.["port"]);
  if (host === "" || !(port <= 65_535)) problems.push(`MUSTER_LISTEN: "${value}" must be host:port, such as 127.0.0.1:7430 or [::1]:7430`);
  return { host, port };
}

function isLoopback(host: string): boolean {
  if (host === "localhost") return true;
  return isIpLiteral(host) && judgeAddress(host, { allowLoopback: false, allowedRanges: [] }) === "is loopback";
}

function parseStore(value: string, problems: string[]): Config["store"] {
  if (value.startsWith("sqlite:") && value.length > "sqlite:".length) return { kind: "sqlite", path: value.slice("sqlite:".length) };
  if (URL.canParse(value) && new URL(value).protocol === "mysql:" && new URL(value).pathname.length > 1) return { kind: "mysql", url: value };
  problems.push("MUSTER_STORE: must be sqlite:PATH or mysql://user:password@host:port/database");
  return { kind: "sqlite", path: "" };
}

/** The http(s) URL inside `<scheme>+http(s)://…`. */
function innerUrl(value: string, scheme: string): string | undefined {
  const inner = value.startsWith(`${scheme}+http`) ? value.slice(scheme.length + 1) : "";
  return /^https?:\/\//.test(inner) && URL.canParse(inner) ? inner.replace(/\/+$/, "") : undefined;
}

function parseCatalog(get: Get, problems: string[]): Config["catalog"] {
  const value = get("MUSTER_CATALOG");
  const bootstrapChecks = Number(get("MUSTER_CATALOG_BOOTSTRAP_CHECKS"));
  if (!Number.isInteger(bootstrapChecks) || bootstrapChecks < 1 || bootstrapChecks > 16) problems.push("MUSTER_CATALOG_BOOTSTRAP_CHECKS: must be from 1 to 16");
  if (value === "embedded") return { kind: "embedded" };
  const url = innerUrl(value, "consul");
  if (url === undefined) problems.push(`MUSTER_CATALOG: "${value}" must be embedded or consul+http(s)://host:port`);
  return { kind: "consul", url: url ?? "", token: get("MUSTER_CATALOG_TOKEN") || undefined, bootstrapChecks };
}

function parseSchemas(get: Get, problems: string[]): Config["schemas"] {
  const value = get("MUSTER_SCHEMAS");
  if (value === "embedded") return { kind: "embedded" };
  const url = innerUrl(value, "apicurio");
  if (url === undefined) problems.push(`MUSTER_SCHEMAS: "${value}" must be embedded or apicurio+http(s)://host:port/apis/registry/v3`);
  return { kind: "apicurio", url: url ?? "", token: get("MUSTER_SCHEMAS_TOKEN") || undefined };
}

function parseEvents(value: string, problems: string[]): Config["events"] {
  if (value === "embedded") return { kind: "embedded" };
  const brokers = value.startsWith("kafka://") ? value.slice("kafka://".length).split(",") : [];
  if (brokers.length === 0 || !brokers.every((broker) => /^[^:,/\s]+:\d{1,5}$/.test(broker))) {
    problems.push(`MUSTER_EVENTS: "${value}" must be embedded or kafka://host:port,host:port`);
  }
  return { kind: "kafka", brokers };
}

function parseAuth(value: string, problems: string[]): Config["auth"] {
  if (value === "open") return { kind: "open" };
  if (value.startsWith("tokens:") && value.length > "tokens:".length) return { kind: "tokens", file: value.slice("tokens:".length) };
  problems.push(`MUSTER_AUTH: "${value}" must be open or tokens:FILE`);
  return { kind: "tokens", file: "" };
}

function parseTls(get: Get, problems: string[]): Config["tls"] {
  const certFile = get("MUSTER_TLS_CERT");
  const keyFile = get("MUSTER_TLS_KEY");
  const clientCaFile = get("MUSTER_TLS_CLIENT_CA") || undefined;
  if ((certFile === "") !== (keyFile === "")) problems.push("MUSTER_TLS_CERT and MUSTER_TLS_KEY go together");
  if (clientCaFile !== undefined && certFile === "") problems.push("MUSTER_TLS_CLIENT_CA needs MUSTER_TLS_CERT and MUSTER_TLS_KEY");
  return certFile === "" ? undefined : { certFile, keyFile, clientCaFile };
}

const units = { s: { word: "seconds", ms: 1_000 }, d: { word: "days", ms: 86_400_000 } } as const;

/** Milliseconds of a whole number of one unit, such as `15s`; bounds in that unit. */
function parseDuration(
  name: Variable,
  value: string,
  { unit, min, max }: { readonly unit: keyof typeof units; readonly min: number; readonly max: number },
  problems: string[],
): number {
  const { word, ms } = units[unit];
  const count = /^\d+.$/.test(value) && value.endsWith(unit) ? Number(value.slice(0, -1)) : Number.NaN;
  if (!(count >= min && count <= max)) problems.push(`${name}: "${value}" must be whole ${word} from ${min}${unit} to ${max}${unit}`);
  return count * ms;
}

function parseRoot(value: string, problems: string[]): string {
  if (value !== "" && !/^(\/[A-Za-z0-9._~-]+)+$/.test(value)) problems.push(`MUSTER_HTTP_ROOT: "${value}" must be a path such as /platform-registration`);
  return value;
}

function oneOf<T extends string>(name: Variable, value: string, allowed: readonly [T, ...T[]], problems: string[]): T {
  const found = allowed.find((item) => item === value);
  if (found === undefined) problems.push(`${name}: "${value}" must be one of ${allowed.join(", ")}`);
  return found ?? allowed[0];
}
