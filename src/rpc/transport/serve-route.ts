/**
 * One HTTP request served by a route.
 *
 * Guarantees, those of an RPC: admitted before its body is read; an answer within the deadline, also when gate or handler is
 * stuck; a body that is too large or too slow is refused; a client that does not read its answer is disconnected; a failure has
 * the status and JSON of a failed RPC over Connect. Reported once, at its end; an error status that a handler returns, and
 * does not throw, is counted and not logged.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus, errorToJson } from "@connectrpc/connect/protocol-connect";
import { orAborted } from "../../kernel/or-aborted.ts";
import type { Ids } from "../../kernel/ports.ts";
import { shareOfCall, type Gate } from "../platform/auth.ts";
import { callerWith } from "../platform/caller.ts";
import { callCancelled, readerTooSlow, toFailure, type Failure } from "../platform/errors.ts";
import { reportEnd, type CallReport } from "./call-end.ts";
import { newCall, type Call } from "./call.ts";
import { jsonAnswer, type HttpAnswer, type RouteRequest } from "./http-route.ts";
import type { Limits } from "./limits.ts";
import type { OpenCalls } from "./open-calls.ts";
import { wholeBody } from "./request-body.ts";
import type { ServedRoute } from "./route-table.ts";
import { hasLeft, type HttpRequest, type HttpResponse, type SendAnswer } from "./send-answer.ts";

export interface RouteOptions extends CallReport {
  readonly gate: Gate;
  readonly limits: Limits;
  readonly ids: Ids;
  readonly openCalls: OpenCalls;
  /** Ends every call. */
  readonly cut: AbortSignal;
}

export interface RouteCall extends Pick<RouteRequest, "params" | "query"> {
  readonly served: ServedRoute;
  readonly request: HttpRequest;
  readonly response: HttpResponse;
}

/** Answers the request. */
export function serveRoute(routeCall: RouteCall, send: SendAnswer, options: RouteOptions): void {
  const { served, request, response } = routeCall;
  const { limits, ids, clock } = options;
  const call = newCall({ target: served.target, socket: request.socket, headers: request.headers, startedAt: clock.now(), isJson: true });
  const gone = new AbortController();
  response.once("close", () => {
    const answered = hasLeft(response);
    if (!answered) call.failure ??= toFailure(callCancelled(), ids);
    gone.abort(callCancelled());
    reportEnd(call, { answered, httpStatus: response.statusCode }, options);
  });
  const ms = served.route.limits?.deadlineMs ?? limits.unaryMs;
  const signal = AbortSignal.any([gone.signal, options.cut, AbortSignal.timeout(ms)]);
  const onDrop = () => void (call.failure ??= toFailure(readerTooSlow(limits.slowReaderMs), ids));
  answerOf(routeCall, call, ms, signal, options)
    .then((answer) => send(request, response, answer, onDrop))
    .catch((error: unknown) => {
      // An answer that cannot be written, such as one with a line break in a header field.
      call.failure = toFailure(error, ids);
      if (response.headersSent) return void response.destroy();
      for (const name of response.getHeaderNames()) response.removeHeader(name);
      send(request, response, errorAnswer(call.failure), onDrop);
    });
}

/** Does not reject. */
async function answerOf(
  { served, params, query, request, response }: RouteCall,
  call: Call,
  ms: number,
  signal: AbortSignal,
  options: RouteOptions,
): Promise<HttpAnswer> {
  const { gate, limits, ids, openCalls } = options;
  const { route, target } = served;
  const failed = (error: unknown, status?: number) => errorAnswer((call.failure ??= toFailure(error, ids, signal)), status);
  try {
    const given = gate(target, request.headers, call.spiffeId);
    const { principal, refusal } = given instanceof Promise ? await orAborted(given, signal) : given;
    call.principal = principal.name || undefined;
    if (refusal) return failed(refusal);
    const full = openCalls.admit(response, target, shareOfCall(principal, call.peer));
    if (full) return failed(full);
    const maxBytes = route.limits?.bodyBytes ?? limits.messageBytes;
    const body = route.method === "GET" ? new Uint8Array() : await bodyOf(request, maxBytes, Math.min(ms, limits.requestMs));
    if (!body) return failed(new ConnectError(`the body is larger than ${maxBytes} bytes`, Code.ResourceExhausted), 413);
    call.entered = true;
    const { headers } = request;
    const caller = callerWith(principal, call.peer, call.traceparent);
    const answer = route.handle({ params, query, headers, body, caller, peer: call.peer, signal });
    return answer instanceof Promise ? await orAborted(answer, signal) : answer;
  } catch (error) {
    return failed(error);
  }
}

/** A request that breaks off is cancelled. */
async function bodyOf(request: HttpRequest, maxBytes: number, ms: number): Promise<Uint8Array | undefined> {
  try {
    return await wholeBody(request, maxBytes, ms);
  } catch (error) {
    throw error instanceof ConnectError ? error : callCancelled();
  }
}

function errorAnswer({ error }: Failure, status: number = codeToHttpStatus(error.code)): HttpAnswer {
  // Required with every 401 (RFC 9110, 11.6.1).
  const headers: Readonly<Record<string, string>> = status === 401 ? { "www-authenticate": "Bearer" } : {};
  return jsonAnswer(status, errorToJson(error, undefined), headers);
}
