/**
 * Looks host names up: in the hosts file, then by DNS with the search list of `resolv.conf`, as the system's own function does.
 *
 * Guarantees: a lookup ends when its signal aborts, and holds nothing after that. The system's own function cannot be ended, and
 * holds one of the few threads on which this process also reads files for as long as a name server is silent.
 * Not supported: other sources of names, such as multicast DNS.
 */
import { Resolver } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { unavailable } from "../../kernel/errors.ts";
import { isIpLiteral } from "../../registration/address.ts";

export interface NameServiceOptions {
  /** Name servers, each `address` or `address:port`; by default those of the system. */
  readonly servers?: readonly string[];
  /** Lines of `address name …`. */
  readonly hostsFile?: string;
  readonly resolvConf?: string;
}

/** The addresses of a name, IPv4 first; none when there is no such name. */
export type LookUp = (name: string, signal: AbortSignal) => Promise<readonly string[]>;

/** Rejects with `unavailable` when no name server gives an answer, and with the signal's reason. */
export function createNameService({ servers, hostsFile = "/etc/hosts", resolvConf = "/etc/resolv.conf" }: NameServiceOptions = {}): LookUp {
  return async (name, signal) => {
    const host = name.toLowerCase();
    const listed = ipv4First(addressesIn(await textOf(hostsFile), host));
    if (listed.length > 0) return listed;
    // Never looked up elsewhere (RFC 6761, 6.3).
    if (host === "localhost" || host.endsWith(".localhost")) return ["127.0.0.1", "::1"];
    let failure: unknown;
    for (const candidate of candidates(host, await textOf(resolvConf))) {
      signal.throwIfAborted();
      try {
        const found = await addressesOf(candidate, servers, signal);
        if (found.length > 0) return found;
      } catch (error) {
        signal.throwIfAborted();
        failure ??= error;
      }
    }
    if (failure === undefined) return [];
    throw unavailable("name service", `it does not say what the address of ${name} is`, failure);
  };
}

async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

function wordsOf(text: string): readonly (readonly string[])[] {
  return text.split("\n").map((line) =>
    line
      .replace(/[#;].*/, "")
      .trim()
      .split(/\s+/),
  );
}

/** The addresses of a name, in lower case, in a hosts file. */
export function addressesIn(hosts: string, name: string): readonly string[] {
  const lines = wordsOf(hosts).filter(([address = "", ...names]) => isIpLiteral(address) && names.some((it) => it.toLowerCase() === name));
  return [...new Set(lines.flatMap(([address]) => address ?? []))];
}

/** The names that a host may mean, in the order of resolv.conf(5): as it is, and in each domain of the search list. */
export function candidates(host: string, resolvConf: string): readonly string[] {
  let search: readonly string[] = [];
  let ndots = 1;
  for (const [keyword, ...values] of wordsOf(resolvConf)) {
    if (keyword === "search" || keyword === "domain") search = values;
    const given = keyword === "options" ? values.findLast((value) => /^ndots:\d+$/.test(value)) : undefined;
    if (given !== undefined) ndots = Number(given.slice("ndots:".length));
  }
  const inDomains = search
    .map((domain) => domain.replace(/^\.|\.$/g, ""))
    .filter((domain) => domain !== "")
    .map((domain) => `${host}.${domain}`);
  const dots = host.split(".").length - 1;
  return dots >= ndots ? [host, ...inDomains] : [...inDomains, host];
}

/** What the name servers say; rejects when that is not known. */
async function addressesOf(name: string, servers: readonly string[] | undefined, signal: AbortSignal): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: 1_500, tries: 3 });
  if (servers) resolver.setServers(servers);
  const cancel = () => resolver.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const found = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    const failed = answers.find((answer) => answer.status === "rejected" && !isNone(answer.reason));
    if (found.length === 0 && failed?.status === "rejected") throw failed.reason;
    return found;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

/** True of the answers that there is no such name, or no address of this kind. */
function isNone(error: unknown): boolean {
  return error instanceof Error && "code" in error && ["ENOTFOUND", "ENODATA", "EBADNAME"].includes(String(error.code));
}

function ipv4First(addresses: readonly string[]): readonly string[] {
  return addresses.toSorted((a, b) => Number(a.includes(":")) - Number(b.includes(":")));
}
