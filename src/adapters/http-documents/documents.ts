/**
 * Documents that instances serve over HTTP/1.1, for whose host nobody vouches.
 *
 * Guarantees: one connection a call, to exactly the address that was resolved and judged for it, so that neither a second
 * lookup nor a redirect leads anywhere else; at most 5 s from the lookup to the last byte, at most 1 MiB, no compression;
 * the socket is destroyed at the end of every call. With TLS the certificate must be valid for the host as given.
 */
import type { DocumentPlace, DocumentSource } from "../../registration/ports.ts";
import { once } from "node:events";
import type { ClientRequest, IncomingMessage } from "node:http";
import { request as tlsRequest } from "node:https";
import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext, rootCertificates } from "node:tls";
import { DomainError, type ErrorKind } from "../../kernel/errors.ts";
import { request as plainRequest } from "../../kernel/node-http.ts";
import type { ResolvedHost } from "../../registration/register.ts";

const limitMs = 5_000;
const maxBytes = 1024 * 1024;
const accepted = new Set(["identity", ""]);

export interface HttpDocumentsConfig {
  readonly resolveHost: (host: string, signal: AbortSignal) => Promise<ResolvedHost>;
  /** PEM; accepted beside the well-known authorities. */
  readonly ca?: Buffer;
}

/** Reads documents by HTTP. */
export function createHttpDocuments({ resolveHost, ca }: HttpDocumentsConfig): DocumentSource {
  const secureContext = ca && createSecureContext({ ca: [...rootCertificates, ca.toString()] });

  function open(place: DocumentPlace, address: string, signal: AbortSignal): ClientRequest {
    const { host, port, tls, path } = place;
    const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    const headers = { host: authority, accept: "application/json", "accept-encoding": "identity", "user-agent": "muster" };
    const common = { host: address, port, path, headers, agent: false, signal, maxHeaderSize: 16_384 } as const;
    if (!tls) return plainRequest(common);
    return tlsRequest({
      ...common,
      // A literal address must not be sent as a server name (RFC 6066).
      ...(isIP(host) === 0 ? { servername: host } : { servername: "" }),
      checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
      ...(secureContext ? { secureContext } : {}),
    });
  }

  return {
    async fetch(place, signal) {
      const limit = AbortSignal.timeout(limitMs);
      const inTime = AbortSignal.any([signal, limit]);
      let outgoing: ClientRequest | undefined;
      try {
        const resolved = await resolveHost(place.host, inTime);
        if ("violation" in resolved) {
          throw new DomainError({ kind: "invalid", reason: resolved.reason, message: `the host of the OpenAPI document ${resolved.violation}` });
        }
        outgoing = open(place, resolved.address, inTime);
        // An error after the response began reaches us through the response; without a listener here it would be thrown.
        outgoing.on("error", () => undefined);
        outgoing.end();
        const [response] = (await once(outgoing, "response")) as [IncomingMessage];
        return await readText(response);
      } catch (error) {
        if (error instanceof DomainError) throw error;
        signal.throwIfAborted();
        if (limit.aborted) throw failed("timeout", `it did not come within ${limitMs} ms`, error);
        throw brokenOff(error);
      } finally {
        outgoing?.destroy();
      }
    },
  };
}

async function readText(response: IncomingMessage): Promise<string> {
  const { statusCode: status = 0, headers } = response;
  if (status >= 300 && status < 400) throw failed("wrong_state", `HTTP ${status}: redirects are not followed, give the path where it is`);
  if (status !== 200) throw failed(status >= 500 ? "unavailable" : "wrong_state", `HTTP ${status}`);
  if (!accepted.has(headers["content-encoding"] ?? "")) throw failed("wrong_state", "the answer is compressed, though that was not accepted");
  if (Number(headers["content-length"]) > maxBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    throw failed("wrong_state", "it is not UTF-8", error);
  }
}

function brokenOff(error: unknown): DomainError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // Certificates and foreign protocols stay what they are; a connection may come back.
  const passing = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)/.test(code);
  return failed(passing ? "unavailable" : "wrong_state", `the connection failed (${/^[A-Z0-9_]{1,60}$/.test(code) ? code : "unknown cause"})`, error);
}

function failed(kind: ErrorKind, detail: string, cause?: unknown): DomainError {
  return new DomainError({ kind, reason: "OPENAPI_FETCH_FAILED", message: `the OpenAPI document could not be fetched: ${detail}`, cause });
}

function tooLarge(): DomainError {
  return new DomainError({ kind: "invalid", reason: "SCHEMA_TOO_LARGE", message: `the OpenAPI document has more than ${maxBytes} bytes` });
}
