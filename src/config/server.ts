/** The server's address, and who may call it. */
import { isIpLiteral, judgeAddress } from "../registration/address.ts";
import { parseAuth, type AuthSettings } from "./auth.ts";
import { parseDirectory, type DirectorySettings } from "./directory.ts";
import { quoted } from "./values.ts";

export const listenVariables = {
  MUSTER_LISTEN: { fallback: "127.0.0.1:7430", secret: false },
} as const;

export const accessVariables = {
  MUSTER_AUTH: { fallback: "open", secret: false },
  MUSTER_DIRECTORY: { fallback: "", secret: false },
  MUSTER_DIRECTORY_SECRET: { fallback: "", secret: true },
  MUSTER_TLS_CERT: { fallback: "", secret: false },
  MUSTER_TLS_KEY: { fallback: "", secret: false },
  MUSTER_TLS_CLIENT_CA: { fallback: "", secret: false },
  MUSTER_TLS_CLIENT_AUTH: { fallback: "required", secret: false },
} as const;

export const rootVariables = {
  MUSTER_CORS_ORIGINS: { fallback: "", secret: false },
  MUSTER_HTTP_ROOT: { fallback: "", secret: false },
} as const;

type Get = (name: keyof typeof listenVariables | keyof typeof accessVariables | keyof typeof rootVariables) => string;

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clients:
    | {
        readonly caFile: string;
        /** Who has no certificate may not connect. */
        readonly areRequired: boolean;
      }
    | undefined;
}

export interface ServerSettings {
  readonly listen: { readonly host: string; readonly port: number };
  readonly auth: AuthSettings;
  /** What says who exists; undefined where there is nothing. */
  readonly directory: DirectorySettings | undefined;
  readonly tls: TlsFiles | undefined;
  readonly httpRoot: string;
  /** Whose pages may call from browsers. */
  readonly corsOrigins: readonly string[];
}

export function parseServer(get: Get, problems: string[]): ServerSettings {
  const listen = parseListen(get("MUSTER_LISTEN"), problems);
  const auth = parseAuth(get("MUSTER_AUTH"), problems);
  if (auth.kind === "open" && listen.host !== "" && !isLoopback(listen.host)) {
    problems.push(
      `MUSTER_AUTH: "open" accepts every caller, so it is refused on a non-loopback address (MUSTER_LISTEN is ${listen.host}); use tokens:FILE or oidc+https://ISSUER`,
    );
  }
  const tls = parseTls(get, problems);
  if (auth.kind === "credentials" && auth.workloads.length > 0 && tls?.clients === undefined)
    problems.push("MUSTER_AUTH: spiffe:// needs MUSTER_TLS_CLIENT_CA");
  return {
    listen,
    auth,
    directory: parseDirectory(get("MUSTER_DIRECTORY"), get("MUSTER_DIRECTORY_SECRET"), problems),
    tls,
    httpRoot: parseRoot(get("MUSTER_HTTP_ROOT"), problems),
    corsOrigins: parseOrigins(get("MUSTER_CORS_ORIGINS"), problems),
  };
}

function parseListen(value: string, problems: string[]): ServerSettings["listen"] {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:]+)\]|(?<host>[\w.-]+)):(?<port>\d{1,5})$/.exec(value);
  const host = match?.groups?.["v6"] ?? match?.groups?.["host"] ?? "";
  const port = Number(match?.groups?.["port"]);
  if (host === "" || !(port <= 65_535)) problems.push(`MUSTER_LISTEN: ${quoted(value)} must be host:port, such as 127.0.0.1:7430 or [::1]:7430`);
  return { host, port };
}

export function isLoopback(host: string): boolean {
  if (host === "localhost") return true;
  return isIpLiteral(host) && judgeAddress(host, { allowLoopback: false, allowedRanges: [] }) === "is loopback";
}

function parseTls(get: Get, problems: string[]): ServerSettings["tls"] {
  const certFile = get("MUSTER_TLS_CERT");
  const keyFile = get("MUSTER_TLS_KEY");
  const [caFile, auth] = [get("MUSTER_TLS_CLIENT_CA"), get("MUSTER_TLS_CLIENT_AUTH")];
  if ((certFile === "") !== (keyFile === "")) problems.push("MUSTER_TLS_CERT and MUSTER_TLS_KEY must be set together");
  if (caFile !== "" && certFile === "") problems.push("MUSTER_TLS_CLIENT_CA needs MUSTER_TLS_CERT and MUSTER_TLS_KEY");
  if (!["required", "optional"].includes(auth)) problems.push(`MUSTER_TLS_CLIENT_AUTH: ${quoted(auth)} must be required or optional`);
  if (auth === "optional" && caFile === "") problems.push("MUSTER_TLS_CLIENT_AUTH: optional needs MUSTER_TLS_CLIENT_CA");
  const clients = caFile === "" ? undefined : { caFile, areRequired: auth !== "optional" };
  return certFile === "" ? undefined : { certFile, keyFile, clients };
}

function parseRoot(value: string, problems: string[]): string {
  if (value !== "" && !/^(\/[A-Za-z0-9._~-]+)+$/.test(value)) problems.push(`MUSTER_HTTP_ROOT: ${quoted(value)} must be a path such as /platform-registration`);
  return value;
}

function parseOrigins(value: string, problems: string[]): readonly string[] {
  const origins = value.split(",").map((origin) => origin.trim());
  if (value === "") return [];
  for (const origin of origins) {
    // As a browser sends it: without a path, in lower case, without the port that the scheme has anyway.
    if (!/^https?:/.test(origin) || URL.parse(origin)?.origin !== origin) {
      problems.push(`MUSTER_CORS_ORIGINS: ${quoted(origin)} must be an origin such as https://console.example.org, without a path`);
    }
  }
  return origins;
}
