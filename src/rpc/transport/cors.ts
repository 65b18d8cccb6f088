/**
 * Calls by browsers from pages of other origins (the CORS protocol of the Fetch standard). Only origins that the operator has
 * named are answered in a way that lets a page read the answer. Cookies are never asked for: a caller is who its token says.
 */
import type { HttpRequest, HttpResponse } from "./send-answer.ts";

/** Notes on the answer what its page may read. True when the request was a preflight, which is answered here. */
export type Cors = (request: HttpRequest, response: HttpResponse) => boolean;

const methods = "GET, POST, PUT, PATCH, DELETE";
const requestFields =
  "authorization, content-type, x-grpc-web, x-user-agent, grpc-timeout, connect-protocol-version, connect-timeout-ms, connect-content-encoding, connect-accept-encoding, traceparent, tracestate, muster-principal, muster-groups, muster-roles";
const answerFields =
  "grpc-status, grpc-message, grpc-status-details-bin, grpc-accept-encoding, grpc-encoding, content-encoding, connect-content-encoding, retry-after";
const preflightSeconds = "7200";

/** `origins`: as browsers send them, such as `https://console.example.org`. Without any, every request is left alone. */
export function createCors(origins: readonly string[]): Cors {
  const allowed: ReadonlySet<string> = new Set(origins);
  if (allowed.size === 0) return () => false;
  return (request, response) => {
    response.setHeader("vary", "origin");
    const { origin } = request.headers;
    if (typeof origin !== "string" || !allowed.has(origin)) return false;
    response.setHeader("access-control-allow-origin", origin);
    if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) {
      response.setHeader("access-control-expose-headers", answerFields);
      return false;
    }
    response.setHeader("access-control-allow-methods", methods);
    response.setHeader("access-control-allow-headers", requestFields);
    response.setHeader("access-control-max-age", preflightSeconds);
    response.statusCode = 204;
    response.end();
    return true;
  };
}
