/** Server address, transport and credentials, from options and environment, without connecting. */
import { clientVariables } from "../../config/client.ts";
import { allVariables } from "../../config/config.ts";
import { printable } from "../../kernel/log.ts";
import { masked, maskedPath } from "../../kernel/mask.ts";
import { readSettings, type Settings } from "../../config/settings.ts";
import { UsageError, type Input } from "./command.ts";

export interface Target {
  /** `http://host:port` or `https://host:port` */
  readonly url: string;
  /** `host:port` */
  readonly address: string;
  readonly token: string | undefined;
  /** Metadata in which a caller of a server in open mode says who it is. */
  readonly openCaller: Readonly<Record<string, string>>;
  /** PEM texts. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined;
}

const defaultPort = "7430";

/** Reads the server's address and credentials. Options take precedence over variables. Throws UsageError with all problems, without the token. */
export function targetOf(input: Input, settings: Settings, readFile: (path: string) => string): Target {
  const problems: string[] = [];
  const read = readSettings(settings, { known: allVariables, wanted: clientVariables, readFile });
  problems.push(...read.problems);

  const pem = (option: string, variable: "MUSTER_CLIENT_CA" | "MUSTER_CLIENT_CERT" | "MUSTER_CLIENT_KEY"): string | undefined => {
    const path = input.text(option) ?? read.value(variable);
    return path === "" ? undefined : contentOf(`--${option}`, path, readFile, problems);
  };
  const ca = pem("tls-ca", "MUSTER_CLIENT_CA");
  const cert = pem("tls-cert", "MUSTER_CLIENT_CERT");
  const key = pem("tls-key", "MUSTER_CLIENT_KEY");
  if ((cert === undefined) !== (key === undefined)) problems.push("--tls-cert and --tls-key must be given together");

  const wantsTls = input.on("tls") || ca !== undefined || cert !== undefined;
  const at = input.text("address") ?? read.value("MUSTER_ADDRESS");
  const address = parseAddress(at);
  if (address === undefined) problems.push(`--address: "${printable(masked(at))}" must be host:port, such as 127.0.0.1:7430, or http(s)://host:port`);
  if (address?.scheme === "http" && wantsTls) problems.push("--address begins with http://, which means no TLS: remove it, or the TLS options");

  const token = tokenOf(input, read.value("MUSTER_TOKEN"), readFile, problems);
  const openCaller = openCallerOf(input, read.value, problems);
  if (problems.length > 0 || address === undefined) throw new UsageError(problems);
  const tls = wantsTls || address.scheme === "https";
  return {
    url: `${tls ? "https" : "http"}://${address.hostPort}`,
    address: address.hostPort,
    token,
    openCaller,
    tls: tls ? { ...(ca === undefined ? {} : { ca }), ...(cert === undefined || key === undefined ? {} : { cert, key }) } : undefined,
  };
}

interface Address {
  readonly scheme: "http" | "https" | undefined;
  readonly hostPort: string;
}

function parseAddress(text: string): Address | undefined {
  const match = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?\/?$/.exec(text);
  const [, scheme, host = "", port = defaultPort] = match ?? [];
  if (!match || Number(port) < 1 || Number(port) > 65_535 || !URL.canParse(`http://${host}:${port}`)) return undefined;
  return { scheme: scheme === "http" || scheme === "https" ? scheme : undefined, hostPort: `${host}:${port}` };
}

function tokenOf(input: Input, fromEnvironment: string, readFile: (path: string) => string, problems: string[]): string | undefined {
  const file = input.text("token-file");
  if (file !== undefined && input.on("token")) problems.push("--token and --token-file are both given");
  const token = input.text("token") ?? (file === undefined ? fromEnvironment : contentOf("--token-file", file, readFile, problems)?.trim());
  if (token === undefined || token === "") return undefined;
  // An invalid header value would only be refused later, with a less clear message.
  if (!/^[\x21-\x7e]+$/.test(token)) problems.push("the token contains a blank or another invalid character");
  return token;
}

const openFields = [
  ["as", "MUSTER_PRINCIPAL", "muster-principal"],
  ["as-groups", "MUSTER_GROUPS", "muster-groups"],
  ["as-roles", "MUSTER_ROLES", "muster-roles"],
] as const;

/** The server judges the names; here only what cannot be sent is refused. */
function openCallerOf(input: Input, valueOf: (variable: (typeof openFields)[number][1]) => string, problems: string[]): Target["openCaller"] {
  const fields = openFields.map(([option, variable, field]) => {
    const value = input.text(option) ?? valueOf(variable);
    if (!/^[\x20-\x7e]*$/.test(value)) problems.push(`--${option}: "${printable(value)}" must be ASCII`);
    return [field, value];
  });
  return Object.fromEntries(fields.filter(([, value]) => value !== ""));
}

function contentOf(option: string, path: string, readFile: (path: string) => string, problems: string[]): string | undefined {
  try {
    return readFile(path);
  } catch {
    problems.push(`${option}: the file ${printable(option === "--token-file" ? maskedPath(path) : masked(path))} cannot be read`);
    return undefined;
  }
}
