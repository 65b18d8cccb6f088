/**
 * From an HTTP request to its RPC, its HTTP route or a refusal.
 *
 * Guarantees: every request is answered, in the words of its protocol; nothing a client sends throws out of here; a
 * request that is answered before it was read to its end does not hold its stream or connection.
 */
import { constants } from "node:http2";
import { Code } from "@connectrpc/connect";
import { sendJson, type HttpRequest, type HttpResponse, type HttpRoute } from "./http-route.ts";
import type { Log } from "../../kernel/log.ts";
import { headerBytes } from "./limits.ts";
import type { OpenCalls } from "./open-calls.ts";
import { serveRpc, type LibraryRpc, type RpcOptions } from "./serve-rpc.ts";
import { grpcMessageText, isGrpc } from "./wire.ts";

export interface DispatchOptions extends RpcOptions {
  readonly rpcs: readonly LibraryRpc[];
  readonly http: readonly HttpRoute[];
  readonly openCalls: OpenCalls;
}

/** The request listener of both HTTP versions. */
export function createDispatcher(options: DispatchOptions): (request: HttpRequest, response: HttpResponse) => void {
  const { limits, log } = options;
  const rpcs = new Map(options.rpcs.map((rpc) => [rpc.handler.requestPath, rpc]));
  const routes = Map.groupBy(options.http, (route) => route.path);

  const dispatch = (request: HttpRequest, response: HttpResponse): void => {
    const path = (request.url ?? "").split("?", 1)[0]!;
    closeWhenAnswered(request, response);
    // HTTP/2 enforces its limit only once the client has acknowledged it.
    if (headerBytes(request.rawHeaders) > limits.headerBytes) return refuse(request, response, Code.ResourceExhausted, 431, "the header fields are too large");
    const rpc = rpcs.get(path);
    if (rpc) {
      if (!options.openCalls.enter(response) && !rpc.method.evenWhenFull)
        return refuse(request, response, Code.ResourceExhausted, 429, "too many calls are open");
      return serveRpc(rpc, request, response, options);
    }
    const there = routes.get(path);
    if (there) return serveRoute(there, request, response, log);
    notFound(path, request, response);
  };

  return (request, response) => {
    try {
      dispatch(request, response);
    } catch (error) {
      log("error", "request failed", { error });
      response.destroy();
    }
  };
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

function notFound(path: string, request: HttpRequest, response: HttpResponse): void {
  const isCall = request.method === "POST" && /^\/[^/]+\.[^/]+\/[^/]+$/.test(path);
  if (isCall) refuse(request, response, Code.Unimplemented, 404, "this server has no such method");
  else refuse(request, response, Code.NotFound, 404, "this server has nothing under this path");
}

const jsonCodes = { [Code.ResourceExhausted]: "resource_exhausted", [Code.Unimplemented]: "unimplemented", [Code.NotFound]: "not_found" } as const;

/** An answer that is nothing but a status: a gRPC one for gRPC and gRPC-Web, JSON for all others. */
function refuse(request: HttpRequest, response: HttpResponse, code: keyof typeof jsonCodes, httpStatus: number, message: string): void {
  const type = request.headers["content-type"] ?? "";
  if (!isGrpc(type)) return sendJson(request, response, httpStatus, { code: jsonCodes[code], message });
  // Set, not written by writeHead: only then does the stream end with its headers, as a trailers-only answer must.
  response.setHeader("content-type", type.startsWith("application/grpc-web") ? "application/grpc-web+proto" : "application/grpc");
  response.setHeader("grpc-status", String(code));
  response.setHeader("grpc-message", grpcMessageText(message));
  response.end();
}

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
