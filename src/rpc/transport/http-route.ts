/** HTTP routes: requests served that are not RPCs. */
import type { IncomingHttpHeaders } from "node:http";
import type { IncomingHttpHeaders as Http2Headers } from "node:http2";
import type { Caller } from "../../kernel/caller.ts";
import type { AccessRule } from "../platform/auth.ts";

export interface HttpRoute {
  /** GET routes answer HEAD too. */
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /**
   * Without a query. A segment `{name}` takes any one segment that is not empty; an exact path comes before templates,
   * also for a method that only the template has, and among templates the one that is exact in an earlier segment.
   */
  readonly path: string;
  readonly access: AccessRule;
  readonly limits?: RouteLimits;
  /** Its answer, made within the deadline. An error is answered like that of an RPC, a DomainError with its own status. */
  handle(request: RouteRequest): HttpAnswer | Promise<HttpAnswer>;
}

export interface RouteLimits {
  /** Until there is an answer, in milliseconds; by default that of a unary call. */
  readonly deadlineMs?: number;
  /** Of the request; by default that of a message. A larger body is answered with 413. */
  readonly bodyBytes?: number;
  /** It is served also when too many calls are open: for probes. */
  readonly evenWhenFull?: boolean;
}

export interface RouteRequest {
  /** The parameters of the path, decoded: an encoded slash is part of a value. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders | Http2Headers;
  /** Empty for GET and HEAD, whose bodies are not read. */
  readonly body: Uint8Array;
  readonly caller: Caller;
  /** IP address of the other end of the connection. */
  readonly peer: string | undefined;
  /** Aborts at the deadline, when the client is gone and when the server stops. */
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export function jsonAnswer(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, contentType: "application/json", body: `${JSON.stringify(value)}\n`, headers };
}

/** A route for operators and their tools: without a token, and also when too many calls are open. */
export function publicGet(path: string, handle: HttpRoute["handle"]): HttpRoute {
  return { method: "GET", path, access: "public", limits: { evenWhenFull: true }, handle };
}
