/** Certificates by which Amazon SNS signs: fetched once for all who want one at the same time, and kept while they are valid. */
import { X509Certificate } from "node:crypto";
import { unavailable } from "../kernel/errors.ts";
import type { AskSns } from "./ports.ts";
import type { Source } from "./types.ts";

/** SNS has one or two a region at a time. */
const mostKept = 32;
/** Anybody can name certificates that there are not, and each costs a request. */
const mostAsked = 8;

/**
 * The certificate at this URL, which is one of SNS; undefined when there is none, or it is not valid at `nowMs`. Rejects with
 * `unavailable` when that cannot be known now.
 */
export type FindCertificate = (url: string, source: Pick<Source, "emulator">, nowMs: number) => Promise<X509Certificate | undefined>;

export function createCertificates(askSns: AskSns): FindCertificate {
  const kept = new Map<string, X509Certificate>();
  const asked = new Map<string, Promise<X509Certificate | undefined>>();

  async function ask(key: string, url: string, emulator: string | undefined, nowMs: number): Promise<X509Certificate | undefined> {
    const found = read(await askSns(url, emulator));
    if (!found || !isValid(found, nowMs)) return undefined;
    const [oldest] = kept.keys();
    if (kept.size >= mostKept && oldest !== undefined) kept.delete(oldest);
    kept.set(key, found);
    return found;
  }

  return async (url, { emulator }, nowMs) => {
    // What an emulator serves proves nothing to the others.
    const key = `${emulator ?? ""} ${url}`;
    const there = kept.get(key);
    if (there && isValid(there, nowMs)) return there;
    const running = asked.get(key);
    if (running) return running;
    if (asked.size >= mostAsked) throw unavailable("Amazon SNS", "too many of its certificates are being fetched");
    const asking = ask(key, url, emulator, nowMs).finally(() => asked.delete(key));
    asked.set(key, asking);
    return asking;
  };
}

function read(pem: string | undefined): X509Certificate | undefined {
  try {
    return pem === undefined ? undefined : new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function isValid({ validFromDate, validToDate }: X509Certificate, nowMs: number): boolean {
  return validFromDate.getTime() <= nowMs && nowMs <= validToDate.getTime();
}
