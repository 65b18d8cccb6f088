/**
 * From one HTTP request to its RPC or its HTTP route.
 *
 * Guarantees: an answer to every request, within the deadline of its method or, while it is still being read, within
 * `requestMs`; the deadline is the shorter of the client's and the server's. Every failed call is logged once, after its
 * end, also those that the protocol layer refused. Nothing a client sends can throw out of here.
 */
import { constants } from "node:http2";
import { Code, ConnectError, createContextValues } from "@connectrpc/connect";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { sendJson, type HttpRequest, type HttpResponse, type HttpRoute } from "../http/route.ts";
import type { Log } from "../log.ts";
import { orAborted } from "../or-aborted.ts";
import type { Clock } from "../ports.ts";
import { callKey, type Call } from "./call.ts";
import { statusName } from "./errors.ts";
import { deadlineMs, longMethods, methodKey, type Limits } from "./limits.ts";
import { grpcMessageText, isGrpc, limitDeadline } from "./wire.ts";

/** How one call ended, for metrics. */
export interface CallEnd {
  /** `package.Service/Method` */
  readonly rpc: string;
  /** gRPC name of the status, `OK` included. */
  readonly code: string;
  readonly ms: number;
}

export interface DispatchOptions {
  readonly handlers: readonly UniversalHandler[];
  readonly http: readonly HttpRoute[];
  readonly limits: Limits;
  /** Aborts when the server begins to shut down. */
  readonly drain: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
  readonly onCallEnd?: (end: CallEnd) => void;
}

/** The request listener of both HTTP versions. */
export function createDispatcher(options: DispatchOptions): (request: HttpRequest, response: HttpResponse) => void {
  const rpcs = new Map(options.handlers.map((handler) => [handler.requestPath, handler]));
  const routes = Map.groupBy(options.http, (route) => route.path);
  return (request, response) => {
    const path = (request.url ?? "").split("?", 1)[0]!;
    closeWhenAnswered(request, response);
    // HTTP/2 enforces its limit only once the client has acknowledged it.
    if (headerBytes(request) > options.limits.headerBytes) return refuseHeaders(request, response);
    const rpc = rpcs.get(path);
    if (rpc) return serveRpc(rpc, request, response, options);
    const there = routes.get(path);
    if (there) return serveRoute(there, request, response, options.log);
    notFound(path, request, response);
  };
}

function serveRpc(handler: UniversalHandler, request: HttpRequest, response: HttpResponse, options: DispatchOptions): void {
  const { limits, clock, log, onCallEnd } = options;
  const { method } = handler;
  const call: Call = { rpc: methodKey(method), principal: undefined, entered: false, failure: undefined };
  const startedAt = clock.now();
  let answered = false;
  response.once("finish", () => (answered = true));
  response.once("close", () => {
    const ended = answered && !wasReset(response);
    const code = callCode(call, response.statusCode, ended);
    const ms = clock.now() - startedAt;
    onCallEnd?.({ rpc: call.rpc, code, ms });
    if (code === "OK") return;
    const { reason, requestId, cause } = call.failure ?? {};
    log(levelOf(code), "call failed", { rpc: call.rpc, code, reason, ms, principal: call.principal, requestId, error: cause });
  });

  let universal;
  try {
    universal = universalRequestFromNodeRequest(request, response, undefined, createContextValues().set(callKey, call));
  } catch {
    // A host or :authority that is no host makes no URL.
    return sendJson(request, response, 400, { code: "invalid_argument", message: "the request has no valid host" });
  }
  const lifeMs = limitDeadline(universal.header, deadlineMs(method, limits));
  const signal = longMethods[call.rpc]?.onDrain === "end" ? AbortSignal.any([universal.signal, options.drain]) : universal.signal;
  const clientStreams = method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
  const body = clientStreams ? universal.body : bodyWithin(request, Math.min(lifeMs, limits.requestMs));

  handler({ ...universal, signal, body })
    .then((answer) => universalResponseToNodeResponse(withPlainMessage(answer), response))
    .catch((error: unknown) => {
      // Aborted is how the adapter says that the client is gone.
      if (ConnectError.from(error).code !== Code.Aborted) log("error", "answer failed", { rpc: call.rpc, error });
      response.destroy();
    });
}

function callCode(call: Call, httpStatus: number, ended: boolean): string {
  if (call.failure?.reason !== undefined) return statusName(call.failure.error.code);
  if (!ended) return "CANCELLED";
  if (call.failure) return statusName(call.failure.error.code);
  // Refused before it became a call: a content type or an HTTP method that no protocol here has.
  return httpStatus < 400 ? "OK" : "INVALID_ARGUMENT";
}

function levelOf(code: string): "info" | "warn" | "error" {
  if (code === "INTERNAL" || code === "UNKNOWN" || code === "DATA_LOSS") return "error";
  return code === "UNAVAILABLE" || code === "DEADLINE_EXCEEDED" || code === "RESOURCE_EXHAUSTED" ? "warn" : "info";
}

/** The request's bytes; fails with DEADLINE_EXCEEDED when they are not all there in time. */
async function* bodyWithin(request: HttpRequest, ms: number): AsyncGenerator<Uint8Array> {
  const late = AbortSignal.timeout(ms);
  // Without destroyOnReturn a refused request would lose its answer with its stream.
  const chunks = request.iterator({ destroyOnReturn: false });
  for (;;) {
    const next = await orAborted(chunks.next(), late).catch((error: unknown) => {
      if (!late.aborted) throw error;
      throw new ConnectError("the request did not arrive in time", Code.DeadlineExceeded);
    });
    if (next.done) return;
    yield next.value;
  }
}

/** grpc-js decodes status messages in its own way; the trailers exist only once the body has been written. */
function withPlainMessage(answer: UniversalServerResponse): UniversalServerResponse {
  const { trailer } = answer;
  if (!trailer) return answer;
  return {
    ...answer,
    get trailer() {
      const message = trailer.get("grpc-message");
      if (message !== null) trailer.set("grpc-message", grpcMessageText(decodeURIComponent(message)));
      return trailer;
    },
  };
}

/** A request that was answered before it was read to its end must not hold its stream, nor the connection behind it. */
function closeWhenAnswered(request: HttpRequest, response: HttpResponse): void {
  if (!("stream" in response)) {
    response.once("finish", () => {
      if (!request.complete) request.resume();
    });
    return;
  }
  const { stream } = response;
  if (stream.endAfterHeaders) return;
  // Node sends the trailers in the next immediate; a stream closed before that loses them.
  stream.once("wantTrailers", () => {
    setImmediate(() => {
      if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  });
}

function wasReset(response: HttpResponse): boolean {
  return "stream" in response && response.stream !== undefined && response.stream.rstCode !== 0;
}

function serveRoute(there: readonly HttpRoute[], request: HttpRequest, response: HttpResponse, log: Log): void {
  const method = request.method === "HEAD" ? "GET" : request.method;
  const route = there.find((candidate) => candidate.method === method);
  if (!route) {
    const allow = there.map((candidate) => (candidate.method === "GET" ? "GET, HEAD" : candidate.method)).join(", ");
    return sendJson(request, response, 405, { code: "unimplemented", message: "method not allowed" }, { allow });
  }
  Promise.resolve()
    .then(() => route.handle(request, response))
    .catch((error: unknown) => {
      log("error", "route failed", { path: route.path, error });
      if (response.headersSent) response.destroy();
      else sendJson(request, response, 500, { code: "internal", message: "internal error" });
    });
}

function headerBytes(request: HttpRequest): number {
  let bytes = 0;
  for (const text of request.rawHeaders) bytes += text.length + 16; // as HTTP/2 counts: 32 a field
  return bytes;
}

function refuseHeaders(request: HttpRequest, response: HttpResponse): void {
  const message = "the header fields are too large";
  if (isGrpc(request.headers["content-type"] ?? "")) refuseGrpc(request, response, Code.ResourceExhausted, message);
  else sendJson(request, response, 431, { code: "resource_exhausted", message });
}

function notFound(path: string, request: HttpRequest, response: HttpResponse): void {
  const noMethod = "this server has no such method";
  const isCall = request.method === "POST" && /^\/[^/]+\.[^/]+\/[^/]+$/.test(path);
  if (isGrpc(request.headers["content-type"] ?? "")) refuseGrpc(request, response, Code.Unimplemented, noMethod);
  else if (isCall) sendJson(request, response, 404, { code: "unimplemented", message: noMethod });
  else sendJson(request, response, 404, { code: "not_found", message: "this server has nothing under this path" });
}

/** A gRPC or gRPC-Web answer that is nothing but a status. */
function refuseGrpc(request: HttpRequest, response: HttpResponse, code: Code, message: string): void {
  // Set, not written by writeHead: only then does the stream end with its headers, as a trailers-only answer must.
  response.setHeader("content-type", request.headers["content-type"]!.split(";", 1)[0]!);
  response.setHeader("grpc-status", String(code));
  response.setHeader("grpc-message", grpcMessageText(message));
  response.end();
}
