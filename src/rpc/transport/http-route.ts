import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

export type HttpRequest = IncomingMessage | Http2ServerRequest;
export type HttpResponse = ServerResponse | Http2ServerResponse;

/** One HTTP route that is not an RPC. GET routes answer HEAD too. A rejection of `handle` is answered with 500. */
export interface HttpRoute {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Exactly this path, without a query. */
  readonly path: string;
  handle(request: HttpRequest, response: HttpResponse): Promise<void> | void;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Writes a whole answer, without its body when the request is HEAD. Never cached, never sniffed. */
export function send(request: HttpRequest, response: HttpResponse, answer: Answer): void {
  const body = typeof answer.body === "string" ? Buffer.from(answer.body) : answer.body;
  const headers = {
    "content-type": answer.contentType,
    "content-length": String(body.byteLength),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...answer.headers,
  };
  response.statusCode = answer.status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (request.method === "HEAD") response.end();
  else response.end(body);
}

export function sendJson(request: HttpRequest, response: HttpResponse, status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
  send(request, response, { status, contentType: "application/json", body: `${JSON.stringify(value)}\n`, headers });
}
