/**
 * Routes an HTTP request to its RPC, its HTTP route or a refusal.
 *
 * Guarantees: every request is answered in its protocol; no input of a client makes this throw; a
 * request that is answered before it was read to its end does not hold its stream or connection.
 */
import { constants } from "node:http2";
import { Code } from "@connectrpc/connect";
import { statusName } from "../../kernel/status-name.ts";
import { createCors } from "./cors.ts";
import { jsonAnswer } from "./http-route.ts";
import { headerBytes } from "./limits.ts";
import type { RefuseForeign } from "./local-only.ts";
import type { FindRoutes, FoundRoutes } from "./route-table.ts";
import { createSendAnswer, type HttpRequest, type HttpResponse, type SendAnswer } from "./send-answer.ts";
import { serveRoute, type RouteOptions } from "./serve-route.ts";
import { serveRpc, type LibraryRpc, type RpcOptions } from "./serve-rpc.ts";
import { isWebText } from "./web-text.ts";
import { grpcMessageText, isGrpc, malformedBinary } from "./wire.ts";

export interface DispatchOptions extends Omit<RpcOptions, "send">, RouteOptions {
  readonly rpcs: readonly LibraryRpc[];
  readonly findRoutes: FindRoutes;
  readonly refuseForeign: RefuseForeign | undefined;
  /** Whose pages may call; by default none. */
  readonly corsOrigins?: readonly string[];
}

interface Dispatching extends DispatchOptions {
  readonly send: SendAnswer;
}

/** The request listener of both HTTP versions. */
export function createDispatcher(options: DispatchOptions): (request: HttpRequest, response: HttpResponse) => void {
  const { limits, log } = options;
  const send = createSendAnswer(options.slowReaders);
  const dispatching = { ...options, send };
  const cors = createCors(options.corsOrigins ?? []);
  const rpcs = new Map(options.rpcs.map((rpc) => [rpc.handler.requestPath, rpc]));

  const dispatch = (request: HttpRequest, response: HttpResponse): void => {
    const path = (request.url ?? "").split("?", 1)[0]!;
    closeWhenAnswered(request, response);
    options.openCalls.begin(response);
    if (cors(request, response)) return;
    // HTTP/2 enforces its limit only once the client has acknowledged it.
    if (headerBytes(request.rawHeaders) > limits.headerBytes) return refuse(request, response, headersTooLarge, send);
    const foreign = options.refuseForeign?.(request.headers);
    if (foreign !== undefined) return refuse(request, response, { code: Code.PermissionDenied, httpStatus: 403, message: foreign }, send);
    const rpc = rpcs.get(path);
    const binary = rpc && malformedBinary(request.rawHeaders);
    if (binary !== undefined) return refuse(request, response, { code: Code.InvalidArgument, httpStatus: 400, message: `${binary} is not base64` }, send);
    if (rpc) return serveRpc(rpc, request, response, dispatching);
    const there = options.findRoutes(path);
    if (there === "malformed") return refuse(request, response, malformedPath, send);
    if (there) return serveFound(there, path, request, response, dispatching);
    refuse(request, response, isCall(request, path) ? noMethod : nothingHere, send);
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

function serveFound(there: FoundRoutes, path: string, request: HttpRequest, response: HttpResponse, { send, ...options }: Dispatching): void {
  const method = request.method === "HEAD" ? "GET" : request.method;
  const served = there.routes.find(({ route }) => route.method === method);
  if (!served) {
    const allow = there.routes.map(({ route }) => (route.method === "GET" ? "GET, HEAD" : route.method)).join(", ");
    return send(request, response, jsonAnswer(405, { code: "unimplemented", message: "method not allowed" }, { allow }));
  }
  const query = new URLSearchParams((request.url ?? "").slice(path.length));
  serveRoute({ served, params: there.params, query, request, response }, send, options);
}

/** True for a request that wants a method, whether or not its path could be the path of one. */
function isCall({ method, headers }: HttpRequest, path: string): boolean {
  return method === "POST" && (isGrpc(headers["content-type"] ?? "") || /^\/[^/]+\.[^/]+\/[^/]+$/.test(path));
}

/** Why a request is not served. */
interface Refusal {
  readonly code: Code;
  readonly httpStatus: number;
  readonly message: string;
}

const headersTooLarge: Refusal = { code: Code.ResourceExhausted, httpStatus: 431, message: "the header fields are too large" };
const malformedPath: Refusal = { code: Code.InvalidArgument, httpStatus: 400, message: "the path has a malformed escape" };
const noMethod: Refusal = { code: Code.Unimplemented, httpStatus: 404, message: "this server has no such method" };
const nothingHere: Refusal = { code: Code.NotFound, httpStatus: 404, message: "this server has nothing under this path" };

/** An answer with only a status: a gRPC one for gRPC and gRPC-Web, JSON for all others. */
function refuse(request: HttpRequest, response: HttpResponse, { code, httpStatus, message }: Refusal, send: SendAnswer): void {
  const type = request.headers["content-type"] ?? "";
  if (!isGrpc(type)) return send(request, response, jsonAnswer(httpStatus, { code: statusName(code).toLowerCase(), message }));
  // Set, not written by writeHead: only then does the stream end with its headers, as a trailers-only answer must.
  response.setHeader("content-type", isWebText(type) ? type : type.startsWith("application/grpc-web") ? "application/grpc-web+proto" : "application/grpc");
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
