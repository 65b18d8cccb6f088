/**
 * One HTTP request served as an RPC.
 *
 * Guarantees: an answer within the deadline of the method (the shorter of the client's and the server's) or, while the
 * request is still being read, within `requestMs`; a client that does not read its answer is disconnected soon after. Every
 * failed call is logged once, after its end, also those that the protocol layer refused.
 */
import { Code, ConnectError, createContextValues, type ContextValues } from "@connectrpc/connect";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { jsonAnswer, type HttpAnswer } from "./http-route.ts";
import { bodyWithin } from "./request-body.ts";
import { dropReader, hasLeft, isGone, type HttpRequest, type HttpResponse, type SendAnswer } from "./send-answer.ts";
import { reportEnd, type CallReport } from "./call-end.ts";
import type { Ids } from "../../kernel/ports.ts";
import { callKey, newCall, readerOf, responseKey, type Call } from "./call.ts";
import { readerTooSlow, toFailure } from "../platform/errors.ts";
import type { UnreadAnswers } from "./unread-answers.ts";
import type { SlowReaders } from "./slow-readers.ts";
import { lifeMs, type Limits } from "./limits.ts";
import type { ServedMethod } from "./served.ts";
import { asWebText, binaryTypeOf, decoded, isWebText } from "./web-text.ts";
import { grpcMessageText, limitDeadline, urlHost } from "./wire.ts";

export interface RpcOptions extends CallReport {
  readonly limits: Limits;
  readonly slowReaders: SlowReaders;
  readonly unread: UnreadAnswers;
  readonly ids: Ids;
  /** Aborts when the server begins to shut down. */
  readonly drain: AbortSignal;
  readonly send: SendAnswer;
}

/** The library's part of an RPC, and its row. */
export interface LibraryRpc {
  readonly handler: UniversalHandler;
  readonly method: ServedMethod;
}

/** How long after its deadline a call may take to leave. */
const farewellMs = 1_000;

/** Answers the request. May throw when the request is malformed in an unexpected way. */
export function serveRpc({ handler, method }: LibraryRpc, request: HttpRequest, response: HttpResponse, options: RpcOptions): void {
  const { limits, log } = options;
  const call = newCall({ target: method, socket: request.socket, headers: request.headers, startedAt: options.clock.now(), isJson: asksForJson(request) });
  response.once("close", () => reportEnd(call, { answered: hasLeft(response), httpStatus: response.statusCode }, options));

  const values = createContextValues().set(callKey, call).set(responseKey, response);
  let universal;
  try {
    replaceSocketPath(request);
    universal = universalRequestFromNodeRequest(request, response, undefined, values);
  } catch {
    // An invalid host or :authority makes no URL.
    return options.send(request, response, jsonAnswer(400, { code: "invalid_argument", message: "the request has no valid host" }));
  }
  const type = universal.header.get("content-type") ?? "";
  const isText = isWebText(type);
  if (isText) universal.header.set("content-type", binaryTypeOf(type));
  const ms = limitDeadline(universal.header, lifeMs(method.life, limits));
  cutAfter(ms + farewellMs, response);
  const signal = method.onDrain === "end" ? AbortSignal.any([universal.signal, options.drain]) : universal.signal;
  const { methodKind } = method.desc;
  const clientStreams = methodKind === "client_streaming" || methodKind === "bidi_streaming";
  const streams = clientStreams || methodKind === "server_streaming";
  const bytes = bodyWithin(request, clientStreams ? ms + farewellMs : Math.min(ms, limits.requestMs));

  handler({ ...universal, signal, body: isText ? decoded(bytes) : bytes })
    .then((answer) => (isText ? asWebText(answer, type) : answer))
    .then((answer) => {
      const refused = answer.body ? undefined : howToCall(answer.status, method);
      if (refused) options.send(request, response, refused);
      return refused ? undefined : answer;
    })
    .then(
      (answer) =>
        answer &&
        universalResponseToNodeResponse(withPlainMessage(counted(streams ? guarded(answer, call, response, options) : answer, values, options)), response),
    )
    .catch((error: unknown) => {
      // The adapter reports a client that is gone as Aborted, or as a write that failed.
      if (ConnectError.from(error).code !== Code.Aborted && !isGone(response)) log("error", "answer failed", { rpc: method.name, error });
      response.destroy();
    });
}

/**
 * What the library refuses with a status alone: an HTTP method, or a content type, that none of its protocols has for this kind of RPC.
 * Plain text, for people: clients take the status for what it is in their protocol.
 */
function howToCall(status: number, { name, desc }: ServedMethod): HttpAnswer | undefined {
  const streams = desc.methodKind !== "unary";
  const answer = { status, contentType: "text/plain; charset=utf-8" };
  if (status === 405) return { ...answer, body: `${name} is called with POST\n`, headers: { allow: "POST" } };
  if (status !== 415) return undefined;
  const types = streams ? "application/connect+json" : "application/json";
  const kind = streams ? `${name} is a stream: with curl, use npx buf curl or grpcurl instead. It` : name;
  return { ...answer, body: `${kind} takes the content types application/grpc, application/grpc-web and ${types}\n` };
}

/** The library makes a URL of the host. */
function replaceSocketPath({ headers }: HttpRequest): void {
  for (const name of [":authority", "host"]) {
    const host = headers[name];
    if (typeof host === "string") headers[name] = urlHost(host);
  }
}

function asksForJson({ method, headers }: HttpRequest): boolean {
  return method === "GET" || (headers["content-type"]?.includes("json") ?? false);
}

/** For a client that does not read: the answer would wait for it forever. */
function cutAfter(ms: number, response: HttpResponse): void {
  const late = AbortSignal.timeout(ms);
  const cut = () => void response.destroy();
  late.addEventListener("abort", cut, { once: true });
  response.once("close", () => late.removeEventListener("abort", cut));
}

/** The answer to a stream, which ends early for a client that stops reading. */
function guarded(answer: UniversalServerResponse, call: Call, response: HttpResponse, { slowReaders, limits, ids }: RpcOptions): UniversalServerResponse {
  if (!answer.body) return answer;
  const body = slowReaders.guard(answer.body, () => {
    call.failure ??= toFailure(readerTooSlow(limits.slowReaderMs), ids);
    dropReader(response);
  });
  // Not spread: the trailer is a getter in some protocols.
  return Object.assign(answer, { body });
}

/** The answer with its bytes counted until they are read. */
function counted(answer: UniversalServerResponse, values: ContextValues, { unread }: RpcOptions): UniversalServerResponse {
  return answer.body ? Object.assign(answer, { body: unread.counted(answer.body, readerOf(values)) }) : answer;
}

/** Some clients decode status messages in their own way. The trailers exist only once the body has been written. */
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
