/**
 * AskSns: a GET to Amazon SNS.
 *
 * Guarantees: over TLS, with a certificate of the host of the URL; the host is looked up once, and exactly the judged address dialled; no
 * redirect is followed; five seconds from the lookup to the last byte; at most 16 KiB of an answer. With an emulator the same request goes
 * to its address instead, and nowhere else.
 */
import { DomainError, unavailable } from "../../kernel/errors.ts";
import type { AskSns } from "../../inbound/ports.ts";
import type { ResolveHost } from "../../registration/register.ts";
import { createHttpClient, HttpFailure, type HttpClientOptions } from "../http/client.ts";
import { openGuarded } from "../http/guarded.ts";

const askMs = 5_000;
const limits = { connections: 1, maxAnswerBytes: 16_384 } as const;

export interface SnsHttpOptions {
  readonly resolveHost: ResolveHost;
  /** 443, and the authorities of the system: others are for tests. */
  readonly port?: number;
  readonly tls?: HttpClientOptions["tls"];
  /** From the lookup to the last byte. */
  readonly limitMs?: number;
}

export function createSnsHttp({ resolveHost, port = 443, tls, limitMs = askMs }: SnsHttpOptions): AskSns {
  async function get(url: string, emulator: string | undefined, limit: AbortSignal) {
    const place = new URL(url);
    place.port = String(port);
    using client =
      emulator === undefined
        ? await openGuarded(place, resolveHost, limit, { ...limits, limitMs, ...(tls ? { tls } : {}) })
        : createHttpClient({ origin: new URL(emulator), ...limits, limitMs });
    // By its scope emulators of AWS tell services apart; it authorizes nothing.
    const [, region] = place.hostname.split(".");
    const authorization = `AWS4-HMAC-SHA256 Credential=none/20000101/${region}/sns/aws4_request, SignedHeaders=host, Signature=none`;
    const headers = { "accept-encoding": "identity", ...(emulator === undefined ? {} : { authorization }) };
    return await client.send({ method: "GET", path: place.pathname + place.search, headers }, limit);
  }

  return async (url, emulator) => {
    try {
      const { status, body } = await get(url, emulator, AbortSignal.timeout(limitMs));
      if (status >= 500 || status === 429) throw unavailable("Amazon SNS", `it answered ${status}`);
      return status === 200 ? body.toString("utf8") : undefined;
    } catch (error) {
      if (error instanceof DomainError) throw error;
      const failure = error instanceof HttpFailure ? error : undefined;
      if (failure?.kind === "too large") return undefined;
      throw unavailable(
        "Amazon SNS",
        failure?.kind === "broken" ? `no connection (${failure.code || "it ended"})` : `no answer within ${limitMs / 1_000} s`,
        error,
      );
    }
  };
}
