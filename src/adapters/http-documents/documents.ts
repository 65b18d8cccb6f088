/**
 * Documents that instances serve over HTTP/1.1, from untrusted hosts.
 *
 * Guarantees: one connection a call, to exactly the address that was resolved and checked for it, so that neither a second
 * lookup nor a redirect leads to another one; at most 5 s from the lookup to the last byte, at most 1 MiB, no compression;
 * the socket is destroyed at the end of every call. With TLS the certificate must be valid for the host as given.
 */
import type { DocumentPlace, DocumentSource } from "../../registration/ports.ts";
import { createSecureContext, rootCertificates } from "node:tls";
import { DomainError, type ErrorKind } from "../../kernel/errors.ts";
import type { ResolveHost } from "../../registration/register.ts";
import { authority } from "../http/authority.ts";
import { createHttpClient, HttpFailure, type HttpHead } from "../http/client.ts";

const limitMs = 5_000;
const maxBytes = 1024 * 1024;
const accepted = new Set(["identity", ""]);
const headers = { accept: "application/json", "accept-encoding": "identity", "user-agent": "muster" } as const;

export interface HttpDocumentsConfig {
  readonly resolveHost: ResolveHost;
  /** PEM; accepted in addition to the well-known authorities. */
  readonly ca?: string | Buffer;
}

/** Reads documents by HTTP. */
export function createHttpDocuments({ resolveHost, ca }: HttpDocumentsConfig): DocumentSource {
  const tls = ca && { secureContext: createSecureContext({ ca: [...rootCertificates, ca.toString()] }) };

  async function download(place: DocumentPlace, share: string, signal: AbortSignal): Promise<Buffer> {
    const resolved = await resolveHost(place.host, share, signal);
    if ("violation" in resolved) {
      throw new DomainError({ kind: "invalid", reason: resolved.reason, message: `the host of the OpenAPI document ${resolved.violation}` });
    }
    using client = createHttpClient({
      origin: new URL(`${place.tls ? "https" : "http"}://${authority(resolved.address, place.port)}`),
      host: authority(place.host, place.port),
      connections: 1,
      limitMs,
      maxAnswerBytes: maxBytes,
      ...(tls ? { tls } : {}),
    });
    return (await client.send({ method: "GET", path: place.path, headers, judge }, signal)).body;
  }

  return {
    async fetch(place, share, signal) {
      const limit = AbortSignal.timeout(limitMs);
      try {
        return decoded(await download(place, share, AbortSignal.any([signal, limit])));
      } catch (error) {
        if (error instanceof DomainError) throw error;
        signal.throwIfAborted();
        if (limit.aborted || (error instanceof HttpFailure && error.kind === "late")) throw failed("timeout", `it did not come within ${limitMs} ms`, error);
        throw brokenOff(error);
      }
    },
  };
}

function judge({ status, headers: answered }: HttpHead): void {
  if (status >= 300 && status < 400) throw failed("wrong_state", `HTTP ${status}: redirects are not followed, give the path where it is`);
  if (status !== 200) throw failed(status >= 500 ? "unavailable" : "wrong_state", `HTTP ${status}`);
  if (!accepted.has(answered["content-encoding"] ?? "")) throw failed("wrong_state", "the answer is compressed, though that was not accepted");
}

function decoded(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw failed("wrong_state", "it is not UTF-8", error);
  }
}

function brokenOff(error: unknown): DomainError {
  if (error instanceof HttpFailure && error.kind === "too large") return tooLarge();
  const code = error instanceof HttpFailure ? error.code : "";
  // Certificate and protocol errors are permanent; connection errors are transient.
  const passing = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)/.test(code);
  return failed(passing ? "unavailable" : "wrong_state", `the connection failed (${/^[A-Z0-9_]{1,60}$/.test(code) ? code : "unknown cause"})`, error);
}

function failed(kind: ErrorKind, detail: string, cause?: unknown): DomainError {
  return new DomainError({ kind, reason: "OPENAPI_FETCH_FAILED", message: `the OpenAPI document could not be fetched: ${detail}`, cause });
}

function tooLarge(): DomainError {
  return new DomainError({ kind: "invalid", reason: "SCHEMA_TOO_LARGE", message: `the OpenAPI document has more than ${maxBytes} bytes` });
}
