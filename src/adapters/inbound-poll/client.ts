/**
 * SourceClient: a GET of the events of a source.
 *
 * Guarantees: the host is looked up for every request, every answer judged, and exactly the judged address dialled, so that neither
 * another lookup nor a redirect leads elsewhere; what is not encrypted goes to loopback alone; ten seconds from the lookup to the last
 * byte; at most 4 MiB of an answer. With TLS the certificate must be valid for the host.
 */
import type { SourceAnswer, SourceClient } from "../../inbound/ports.ts";
import { DomainError } from "../../kernel/errors.ts";
import type { ResolveHost } from "../../registration/register.ts";
import { failureText, openGuarded } from "../http/guarded.ts";
import { HttpFailure } from "../http/client.ts";

const maxBytes = 4 * 1_048_576;

export interface SourceHttpConfig {
  /** For https. */
  readonly resolveHost: ResolveHost;
  /** For http: gives loopback addresses alone. */
  readonly resolveLoopback: ResolveHost;
  /** For a request, from the lookup to the last byte. */
  readonly limitMs?: number;
}

export function createSourceHttp({ resolveHost, resolveLoopback, limitMs = 10_000 }: SourceHttpConfig): SourceClient {
  async function send(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<SourceAnswer> {
    const limits = { connections: 1, limitMs, maxAnswerBytes: maxBytes };
    using client = await openGuarded(url, url.protocol === "https:" ? resolveHost : resolveLoopback, signal, limits);
    const path = `${url.pathname}${url.search}`;
    const fixed = { accept: "application/json", "accept-encoding": "identity", "user-agent": "muster" };
    const { status, body, headers: its } = await client.send({ method: "GET", path, headers: { ...fixed, ...headers } }, signal);
    return { is: "answered", status, body, retryAfter: its["retry-after"] ?? "" };
  }

  return {
    async get(url, headers, signal) {
      const limit = AbortSignal.timeout(limitMs);
      try {
        return await send(url, headers, AbortSignal.any([signal, limit]));
      } catch (error) {
        signal.throwIfAborted();
        if (limit.aborted) return { is: "unanswered", error: "it does not answer in time" };
        if (error instanceof HttpFailure) return { is: "unanswered", error: failureText(error) };
        if (!(error instanceof DomainError)) return { is: "unanswered", error: "the connection failed" };
        return { is: error.metadata["host"] === "HOST_DENIED" ? "denied" : "unanswered", error: error.message };
      }
    },
  };
}
