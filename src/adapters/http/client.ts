/**
 * HTTP/1.1 to one other server, with limits.
 *
 * Guarantees: at most `connections` sockets; every call ends within its limit, from queueing to the last byte of the answer;
 * at most `maxAnswerBytes` of an answer are kept; redirects are answers like any other; an aborted call rejects at once with
 * its signal's reason and its socket is destroyed. When `host` is given, sockets go to exactly the address in `origin`,
 * without a lookup. A request is never repeated, unless it is marked `repeatable`.
 * undici is loaded with the first call, so that a process without calls does not load it.
 */
import type { IncomingHttpHeaders } from "node:http";
import { checkServerIdentity, type ConnectionOptions } from "node:tls";
import type { Dispatcher, Pool } from "undici";
import { timeLimit } from "../../kernel/time-limit.ts";
import { systemClock } from "../system/clock.ts";

export interface HttpClientOptions {
  /** `http(s)://host:port`; a user and password in it are sent as Basic authorization, a path is ignored. */
  readonly origin: URL;
  /** `host` or `host:port`, when `origin` has its address: what the request names, and what the certificate must be valid for. */
  readonly host?: string;
  readonly connections: number;
  /** For one call, in milliseconds. */
  readonly limitMs: number;
  readonly maxAnswerBytes: number;
  /** Authorities, client certificate and the like. */
  readonly tls?: Pick<ConnectionOptions, "ca" | "cert" | "key" | "passphrase" | "rejectUnauthorized" | "secureContext">;
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT";
  /** Path and query, already encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** How long the server may hold its answer back, in milliseconds; added to the limit. */
  readonly holdMs?: number;
  /** Sent once more when the connection ended before an answer began, as a persistent connection may at any time. */
  readonly repeatable?: boolean;
  /** Checks an answer before its body is read; the call rejects with what it throws. */
  readonly judge?: (head: HttpHead) => void;
}

export interface HttpHead {
  readonly status: number;
  readonly headers: Readonly<IncomingHttpHeaders>;
}

export interface HttpAnswer extends HttpHead {
  readonly body: Buffer;
}

/** No complete answer came. */
export class HttpFailure extends Error {
  /** `late`: over the limit. `too large`: more bytes than allowed. `broken`: no connection, or it ended, or was no HTTP. */
  readonly kind: "late" | "too large" | "broken";
  /** The system's name for it (`ECONNREFUSED`), or `NOT_HTTP`; empty when it has none. */
  readonly code: string;

  constructor(kind: HttpFailure["kind"], code: string, cause?: unknown) {
    super(`HTTP failed: ${kind} ${code}`, { cause });
    this.name = "HttpFailure";
    this.kind = kind;
    this.code = code;
  }
}

export interface HttpClient extends Disposable {
  /** Resolves to an answer of any status. Rejects with `HttpFailure`, the signal's reason, or what `judge` throws. */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
}

/** A client of one server. It connects when used; disposing ends its connections and the calls in progress. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { limitMs, maxAnswerBytes } = options;
  const fixed = { ...basicAuthorization(options.origin), ...(options.host === undefined ? {} : { host: options.host }) };
  let pool: Promise<Pool> | undefined;

  async function exchange(it: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { method, path, body = null } = it;
    const request: Dispatcher.RequestOptions = { method, path, body, headers: { ...fixed, ...it.headers }, signal };
    const connected = await (pool ??= openPool(options));
    const answer = await connected
      .request(request)
      .catch((error: unknown) => (it.repeatable && isReset(error) && !signal.aborted ? connected.request(request) : Promise.reject(error)))
      .catch(failed);
    // What ends the body early is reported by reading it; without a listener it would be thrown here too.
    answer.body.on("error", () => undefined);
    try {
      const head = { status: answer.statusCode, headers: answer.headers };
      it.judge?.(head);
      if (Number(head.headers["content-length"]) > maxAnswerBytes) throw new HttpFailure("too large", "");
      return { ...head, body: Buffer.from(await answer.body.arrayBuffer().catch(failed)) };
    } catch (error) {
      answer.body.destroy();
      throw error;
    }
  }

  return {
    async send(request, signal) {
      signal.throwIfAborted();
      using limit = timeLimit(systemClock, limitMs + (request.holdMs ?? 0));
      try {
        return await exchange(request, AbortSignal.any([signal, limit.signal]));
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        throw limit.signal.aborted ? new HttpFailure("late", "", error) : error;
      }
    },
    [Symbol.dispose]() {
      void pool?.then((opened) => opened.destroy());
    },
  };
}

async function openPool({ origin, host, connections, limitMs, maxAnswerBytes, tls }: HttpClientOptions): Promise<Pool> {
  const { Pool } = await import("undici");
  const identity = host === undefined ? {} : { checkServerIdentity: ((_name, certificate) => checkServerIdentity(nameIn(host), certificate)) satisfies Check };
  return new Pool(origin.origin, {
    connections,
    connect: { ...tls, ...identity, timeout: limitMs },
    allowH2: false,
    maxHeaderSize: 16_384,
    maxResponseSize: maxAnswerBytes,
    // The limit of a call is the only one: a held answer may be silent for long.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

type Check = NonNullable<ConnectionOptions["checkServerIdentity"]>;

/** The host of `host:port` or `[host]:port`. */
function nameIn(host: string): string {
  return new URL(`http://${host}`).hostname.replace(/^\[(.*)\]$/, "$1");
}

function basicAuthorization({ username, password }: URL): { readonly authorization?: string } {
  if (username === "" && password === "") return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
}

/** Rethrows a failure of undici, of a socket, of TLS or of the parser. */
function failed(error: unknown): never {
  const code = codeOf(error);
  if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE") throw new HttpFailure("too large", "", error);
  if (code === "UND_ERR_CONNECT_TIMEOUT") throw new HttpFailure("late", "", error);
  if (code === "UND_ERR_SOCKET") throw new HttpFailure("broken", "ECONNRESET", error);
  // Its code is lost on the way through undici.
  if (error instanceof Error && error.name === "HTTPParserError") throw new HttpFailure("broken", "NOT_HTTP", error);
  throw new HttpFailure("broken", code, error);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

function isReset(error: unknown): boolean {
  return ["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"].includes(codeOf(error));
}
