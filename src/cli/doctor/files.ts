/** The files that the configuration names: existing, readable, matching, not about to expire. */
import { X509Certificate, createPrivateKey } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import type { IssuerSettings } from "../../config/auth.ts";
import type { Config } from "../../config/config.ts";
import { DomainError } from "../../kernel/errors.ts";
import { certificatesIn } from "../../adapters/system/authorities.ts";
import { parseDirectoryFile } from "../../adapters/directory-file/parse.ts";
import type { DirectoryDocuments } from "../../approvals/directory/source.ts";
import { directoryReader } from "../../open-directory.ts";
import { parseTokenFile } from "../../rpc/platform/tokens.ts";
import { checkOf, type Check, type Teller } from "./finding.ts";

const soonMs = 14 * 86_400_000;

export function checkTls(tls: NonNullable<Config["tls"]>, now: () => number): Check {
  return checkOf(
    "tls",
    (tell) => {
      if (tls.clients) lookAtClients(tell, tls.clients, now);
      lookAtPair(tell, serverPair, tls, now);
    },
    () => notPem(serverPair),
  );
}

function lookAtClients(tell: Teller, { caFile, areRequired }: NonNullable<NonNullable<Config["tls"]>["clients"]>, now: () => number): void {
  if (hasAuthorities(tell, "MUSTER_TLS_CLIENT_CA", caFile, "client certificates", now))
    tell.ok(`clients ${areRequired ? "must" : "may"} have a certificate of ${caFile}`);
}

/** Whether the file has an authority that is valid; else it is told. Throws when one of its certificates is none. */
function hasAuthorities(tell: Teller, variable: string, file: string, ofWhat: string, now: () => number): boolean {
  const text = contentOf(tell, variable, file);
  if (text === undefined) return false;
  const certificates = certificatesIn(text);
  if (certificates.length === 0) tell.bad(`${file} has no certificate`, `${variable} is a PEM file with the authorities of ${ofWhat}.`);
  else if (certificates.every(({ validTo }) => Date.parse(validTo) < now())) tell.bad(`the authority in ${file} has expired`, "Renew it.");
  else return true;
  return false;
}

/** The variables that name a certificate and its key. */
type Pair = readonly [cert: string, key: string];
const serverPair: Pair = ["MUSTER_TLS_CERT", "MUSTER_TLS_KEY"];
const modulePair: Pair = ["MUSTER_MODULE_CERT", "MUSTER_MODULE_KEY"];

/** Throws when one of the files is no PEM. */
function lookAtPair(tell: Teller, [certVariable, keyVariable]: Pair, files: { readonly certFile: string; readonly keyFile: string }, now: () => number): void {
  const cert = contentOf(tell, certVariable, files.certFile);
  const key = contentOf(tell, keyVariable, files.keyFile);
  if (cert === undefined || key === undefined) return undefined;
  if (cert.includes("PRIVATE KEY-----") && key.includes("BEGIN CERTIFICATE-----"))
    return tell.bad("certificate and key are swapped", `${certVariable} names the certificate, ${keyVariable} its key.`);
  const certificate = new X509Certificate(cert);
  const ends = Date.parse(certificate.validTo);
  const until = new Date(ends).toISOString().slice(0, 10);
  if (!certificate.checkPrivateKey(createPrivateKey(key)))
    tell.bad("the key does not belong to the certificate", `Give ${certVariable} and ${keyVariable} of the same pair.`);
  else if (ends < now()) tell.bad(`the certificate expired on ${until}`, "Renew it.");
  else if (Date.parse(certificate.validFrom) > now()) tell.bad("the certificate is not valid yet", "Check this machine's clock, and the certificate.");
  else if (ends - now() < soonMs) tell.warn(`the certificate expires on ${until}`, "Renew it.");
  else tell.ok(`certificate and key match, valid until ${until}`);
  return othersMayRead(tell, files.keyFile);
}

function notPem([cert, key]: Pair): readonly [string, string] {
  return ["certificate or key cannot be read as PEM", `${cert} and ${key} are PEM files; the key has no passphrase.`];
}

export function checkAuth(auth: Config["auth"]): Check {
  return checkOf(
    "auth",
    async (tell) => {
      if (auth.kind === "open")
        return tell.warn("open: anybody on this machine may do anything, under any name", "Before others use it: MUSTER_AUTH=tokens:FILE, and `muster token`.");
      if (auth.tokens !== undefined) lookAtTokens(tell, auth.tokens);
      await Promise.all(auth.issuers.map((issuer) => lookAtIssuer(tell, issuer)));
      for (const { trustDomain } of auth.workloads) tell.ok(`client certificates of ${trustDomain}`);
      return undefined;
    },
    (error) => [
      error instanceof DomainError ? error.message : "the token file cannot be read",
      "`muster token` prints valid entries; docs/operations.md describes the file.",
    ],
  );
}

function lookAtTokens(tell: Teller, file: string): void {
  const text = contentOf(tell, "MUSTER_AUTH", file);
  if (text === undefined) return;
  parseTokenFile(text);
  tell.ok(`the tokens in ${file} are valid`);
}

/** The server starts without its provider, and lets nobody in with its tokens until it is there. */
async function lookAtIssuer(tell: Teller, { issuer, grants }: IssuerSettings): Promise<void> {
  const { readKeys, whatFailed } = await import("../../adapters/oidc/provider.ts");
  const keys = await readKeys(issuer).catch((error: unknown) => whatFailed(error));
  if (typeof keys === "string") return tell.bad(`${issuer}: ${keys}`, "MUSTER_AUTH must name the issuer as the provider does; it must be reachable from here.");
  const { length } = keys.ids.split(" ");
  tell.ok(`${issuer}, ${length} ${length === 1 ? "key" : "keys"}`);
  if (Object.keys(grants).length === 0)
    tell.warn(`no token of ${issuer} gives a role that methods need`, "Map its roles, such as &viewer=*&registrar=NAME in MUSTER_AUTH.");
}

export function checkDirectory(directory: NonNullable<Config["directory"]>): Check {
  const place = directory.kind === "file" ? directory.file : directory.kind === "http" ? new URL(directory.url).host : directory.issuer;
  return checkOf(
    "directory",
    async (tell, signal) => {
      const documents = directory.kind === "file" ? documentsIn(tell, directory.file) : await (await directoryReader(directory))(signal);
      if (documents === undefined) return;
      const members = [...documents.values()].flatMap((document) => document.members);
      const disabled = members.filter(({ isEnabled }) => !isEnabled).length;
      tell.ok(`${members.length} people in ${place}${disabled === 0 ? "" : `, ${disabled} of them disabled`}`);
    },
    (error) => [
      error instanceof DomainError ? `${place}: ${error.message}` : `${place} cannot be read`,
      "docs/operations.md describes directories. A server that runs goes on with what it read before.",
    ],
  );
}

function documentsIn(tell: Teller, file: string): DirectoryDocuments | undefined {
  const text = contentOf(tell, "MUSTER_DIRECTORY", file);
  return text === undefined ? undefined : parseDirectoryFile(text);
}

/** What modules with TLS are verified against, and shown. */
export function checkModules({ caFile, clientCertificate }: Config["modules"], now: () => number): Check {
  return checkOf(
    "modules",
    (tell) => {
      if (caFile !== undefined && hasAuthorities(tell, "MUSTER_MODULE_CA", caFile, "modules", now)) tell.ok(`authorities in ${caFile}`);
      if (clientCertificate) lookAtPair(tell, modulePair, clientCertificate, now);
    },
    () => notPem(modulePair),
  );
}

/** Warns about world-readable files with secrets, given as `<NAME>_FILE`. */
export function checkSecretFiles(files: readonly string[]): Check {
  return checkOf(
    "secrets",
    (tell) => files.forEach((file) => othersMayRead(tell, file)),
    () => ["a file with a secret cannot be inspected", ""],
  );
}

export function contentOf(tell: Teller, variable: string, path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    tell.bad(`the file ${path} cannot be read (${code})`, `${variable} must name a file that this user may read.`);
    return undefined;
  }
}

export function othersMayRead(tell: Teller, path: string): void {
  if ((statSync(path).mode & 0o004) !== 0) tell.warn(`${path} is world-readable`, `chmod o-r ${path}`);
}
