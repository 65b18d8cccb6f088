/** Reads the variables for this server's own entry in the catalog. */
import { isIpLiteral } from "../registration/address.ts";
import type { AdapterSettings } from "./adapters.ts";
import type { ServerSettings } from "./server.ts";
import { quoted } from "./values.ts";

export const selfVariables = {
  MUSTER_SELF_REGISTER: { fallback: "auto", secret: false },
  MUSTER_SELF_NAME: { fallback: "muster", secret: false },
  MUSTER_ADVERTISE: { fallback: "", secret: false },
} as const;

type Get = (name: keyof typeof selfVariables) => string;

export interface SelfRegistration {
  readonly name: string;
  readonly host: string;
  /** Undefined: the listening port. */
  readonly port: number | undefined;
}

/** This server's own entry; undefined when it does not register itself. Problems are added to `problems`, a line each. */
export function parseSelf(
  get: Get,
  { listen, tls, catalog }: Pick<ServerSettings, "listen" | "tls"> & Pick<AdapterSettings, "catalog">,
  problems: string[],
): SelfRegistration | undefined {
  const [wanted, name, advertise] = [get("MUSTER_SELF_REGISTER"), get("MUSTER_SELF_NAME"), get("MUSTER_ADVERTISE")];
  const catalogUrl = catalog.kind === "consul" ? catalog.url : undefined;
  // The catalog's check has no certificate.
  const needsClientCertificate = tls?.clients?.areRequired === true;
  if (!["auto", "on", "off"].includes(wanted)) problems.push(`MUSTER_SELF_REGISTER: ${quoted(wanted)} must be one of auto, on, off`);
  if (!/^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(name)) problems.push(`MUSTER_SELF_NAME: ${quoted(name)} must be a DNS label`);
  const given = advertise === "" ? undefined : parseAddress(advertise);
  if (advertise !== "" && !given) problems.push(`MUSTER_ADVERTISE: ${quoted(advertise)} must be host or host:port`);
  const address = given ?? (isReachable(listen.host, catalogUrl) ? { host: listen.host, port: undefined } : undefined);
  if (wanted === "on") {
    if (catalogUrl === undefined) problems.push("MUSTER_SELF_REGISTER: on needs MUSTER_CATALOG=consul+http(s)://host:port");
    else if (!address) problems.push(`MUSTER_SELF_REGISTER: on needs MUSTER_ADVERTISE, because the catalog cannot reach MUSTER_LISTEN=${listen.host}`);
    if (needsClientCertificate)
      problems.push(
        "MUSTER_SELF_REGISTER: on cannot be combined with MUSTER_TLS_CLIENT_CA, unless MUSTER_TLS_CLIENT_AUTH=optional: the catalog's check has no certificate",
      );
  }
  if (wanted === "off" || catalogUrl === undefined || !address || needsClientCertificate) return undefined;
  return { name, ...address };
}

function parseAddress(text: string): Pick<SelfRegistration, "host" | "port"> | undefined {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:]+)\]|(?<host>[\w.-]+))(?::(?<port>\d{1,5}))?$/.exec(text);
  const host = match?.groups?.["v6"] ?? match?.groups?.["host"];
  const port = match?.groups?.["port"] === undefined ? undefined : Number(match.groups["port"]);
  return host === undefined || (port !== undefined && (port < 1 || port > 65_535)) ? undefined : { host, port };
}

/** A wildcard is not a reachable address; loopback is reachable from the same machine only. */
function isReachable(host: string, catalogUrl: string | undefined): boolean {
  if (host === "0.0.0.0" || /^[0:]+$/.test(host)) return false;
  return !isLocal(host) || (catalogUrl !== undefined && URL.canParse(catalogUrl) && isLocal(new URL(catalogUrl).hostname.replace(/^\[(.*)\]$/, "$1")));
}

function isLocal(host: string): boolean {
  return host === "localhost" || (isIpLiteral(host) && (host.startsWith("127.") || host === "::1"));
}
