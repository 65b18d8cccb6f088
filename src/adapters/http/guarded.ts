/** HTTP to a host that is looked up once: the client goes to exactly the address that was judged, and follows no redirect. */
import { isIPv6 } from "node:net";
import { DomainError } from "../../kernel/errors.ts";
import type { ResolveHost } from "../../registration/register.ts";
import { createHttpClient, HttpFailure, type HttpAnswer, type HttpClient, type HttpClientOptions, type HttpRequest } from "./client.ts";

/** A client for the host of this URL. Rejects when its address may not be dialled, with the reason as metadata `host`. */
export async function openGuarded(
  place: URL,
  resolveHost: ResolveHost,
  signal: AbortSignal,
  limits: Pick<HttpClientOptions, "connections" | "limitMs" | "maxAnswerBytes">,
): Promise<HttpClient> {
  const host = place.hostname.replace(/^\[(.*)\]$/, "$1");
  const resolved = await resolveHost(host, "", signal);
  if ("violation" in resolved) throw unusable(`the host ${host} ${resolved.violation}`, undefined, { host: resolved.reason });
  return clientAt(place, resolved.address, limits);
}

/** A client of `place` that goes to this address, which its host has been resolved to. */
export function clientAt(place: URL, address: string, options: Omit<HttpClientOptions, "origin" | "host">): HttpClient {
  const port = place.port === "" ? "" : `:${place.port}`;
  const origin = new URL(`${place.protocol}//${isIPv6(address) ? `[${address}]` : address}${port}`);
  return createHttpClient({ origin, host: place.host, ...options });
}

/** The body of an answer with status 200, which is UTF-8, with a byte order mark or not. Rejects with a DomainError whose text has no secret. */
export async function bodyOf(client: HttpClient, request: HttpRequest, signal: AbortSignal): Promise<string> {
  const { status, body }: HttpAnswer = await client.send(request, signal).catch((error: unknown) => {
    throw error instanceof HttpFailure ? unusable(failureText(error), error) : error;
  });
  if (status !== 200) throw unusable(`HTTP ${status} from ${request.path.split("?")[0]}`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw unusable("the answer is not UTF-8, or it is compressed");
  }
}

export function unusable(message: string, cause?: unknown, metadata: DomainError["metadata"] = {}): DomainError {
  return new DomainError({ kind: "unavailable", reason: "DEPENDENCY_UNAVAILABLE", message, cause, metadata });
}

/** Why there is no answer, without a secret. */
export function failureText({ kind, code }: HttpFailure): string {
  if (kind === "late") return "it does not answer in time";
  return kind === "too large" ? "its answer is too large" : `no connection (${code || "it ended"})`;
}
