/**
 * WebhookClient: a POST to an endpoint that somebody named.
 *
 * Guarantees: the host is looked up for every attempt, every answer judged, and exactly the judged address dialled, so that neither
 * another lookup nor a redirect leads elsewhere; ten seconds from the lookup to the last byte; at most 64 KiB of an answer; the socket
 * is destroyed at the end. With TLS the certificate must be valid for the host as given.
 */
import { DomainError } from "../../kernel/errors.ts";
import { printable } from "../../kernel/log.ts";
import type { ResolveHost } from "../../registration/register.ts";
import type { PostResult, WebhookClient, WebhookPost } from "../../webhooks/ports.ts";
import { hostOf } from "../../webhooks/url.ts";
import { authority } from "../http/authority.ts";
import { createHttpClient, HttpFailure } from "../http/client.ts";

const attemptMs = 10_000;
const maxBytes = 65_536;

export interface WebhookHttpConfig {
  readonly resolveHost: ResolveHost;
  readonly isLoopback: (address: string) => boolean;
  /** For an attempt, from the lookup to the last byte. */
  readonly limitMs?: number;
}

export function createWebhookHttp({ resolveHost, isLoopback, limitMs = attemptMs }: WebhookHttpConfig): WebhookClient {
  async function send(
    { url, headers, body, share, isLoopbackOnly }: WebhookPost,
    signal: AbortSignal,
    dialled: (address: string) => void,
  ): Promise<PostResult> {
    const to = new URL(url);
    const resolved = await resolveHost(hostOf(to), share, signal);
    if ("violation" in resolved) {
      return { is: resolved.reason === "HOST_DENIED" ? "denied" : "unanswered", error: `the host ${resolved.violation}`, address: "" };
    }
    const { address } = resolved;
    if ((isLoopbackOnly || to.protocol === "http:") && !isLoopback(address))
      return { is: "denied", error: "the host is not loopback, and what is sent is not signed or not encrypted", address: "" };
    dialled(address);
    const port = Number(to.port || (to.protocol === "https:" ? 443 : 80));
    using client = createHttpClient({
      origin: new URL(`${to.protocol}//${authority(address, port)}`),
      host: to.host,
      connections: 1,
      limitMs,
      maxAnswerBytes: maxBytes,
    });
    const path = `${to.pathname}${to.search}`;
    const answer = await client.send({ method: "POST", path, headers: { "accept-encoding": "identity", ...headers }, body }, signal);
    const retryAfter = answer.headers["retry-after"] ?? "";
    return { is: "answered", status: answer.status, retryAfter, answer: answer.body.toString("utf8"), address };
  }

  return {
    async post(request, signal) {
      const limit = AbortSignal.timeout(limitMs);
      let address = "";
      try {
        return await send(request, AbortSignal.any([signal, limit]), (dialled) => (address = dialled));
      } catch (error) {
        signal.throwIfAborted();
        const isLate = limit.aborted || (error instanceof HttpFailure && error.kind === "late");
        return { is: "unanswered", error: isLate ? `no complete answer within ${limitMs / 1_000} s` : textOf(error), address };
      }
    },
  };
}

function textOf(error: unknown): string {
  if (error instanceof DomainError) return error.message;
  if (!(error instanceof HttpFailure)) return "the connection failed";
  if (error.kind === "too large") return `the answer has more than ${maxBytes} bytes`;
  return `the connection failed (${printable(error.code || "unknown cause", 60)})`;
}
