/**
 * The state of one running call, and the interceptor that ends it.
 *
 * Guarantees: a call whose signal aborts (deadline, shutdown, client gone) is answered immediately, even when its handler
 * is stuck; every error, also one in mid-stream, leaves as a Failure, recorded on the call exactly once.
 * It does not stop a handler that ignores its signal: that work continues unobserved.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import type { DescMessage } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextKey, type ContextValues, type HandlerContext, type Interceptor } from "@connectrpc/connect";
import { orAborted } from "../../kernel/or-aborted.ts";
import type { Ids } from "../../kernel/ports.ts";
import { principalKey, shareOfCall, type Target } from "../platform/auth.ts";
import type { Reader, UnreadAnswers } from "./unread-answers.ts";
import type { HttpResponse } from "./send-answer.ts";
import { toFailure, wellFormed, type Failure } from "../platform/errors.ts";
import { spiffeIdOf } from "./peer-certificate.ts";
import { unknownField } from "./unknown-field.ts";

export interface Call {
  readonly target: Target;
  /** IP address of the other end of the connection: the caller, or a proxy. */
  readonly peer: string | undefined;
  /** In the client's certificate; undefined when there is none, or several. */
  readonly spiffeId: string | undefined;
  /** As its headers have it, valid or not. */
  readonly traceparent: string | undefined;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** It is answered in JSON. */
  readonly isJson: boolean;
  principal: string | undefined;
  /** The request was read and accepted: later errors are not the protocol layer's. */
  entered: boolean;
  failure: Failure | undefined;
}

interface Begun extends Pick<Call, "target" | "startedAt" | "isJson"> {
  /** The connection that it came on. */
  readonly socket: Socket | undefined;
  readonly headers: IncomingHttpHeaders;
}

export function newCall({ socket, headers, ...known }: Begun): Call {
  const spiffeId = socket && spiffeIdOf(socket);
  const traceparent = headers["traceparent"]?.toString();
  return { ...known, peer: socket?.remoteAddress, spiffeId, traceparent, principal: undefined, entered: false, failure: undefined };
}

/** What a call that goes the long way is answered on. */
export const responseKey = createContextKey<HttpResponse | undefined>(undefined, { description: "the response of the running call" });

export const callKey = createContextKey<Call | undefined>(undefined, { description: "the running call" });

/** Who is answered by the call with these values. */
export function readerOf(values: ContextValues): Reader {
  return { share: () => shareOfCall(values.get(principalKey), values.get(callKey)?.peer) };
}

/**
 * The outermost interceptor of every call. Calls are answered one in each turn of the event loop: so each is counted as unread before
 * the next one is made.
 */
export function callInterceptor(ids: Ids, unread: UnreadAnswers): Interceptor {
  return (next) => async (request) => {
    const call = request.contextValues.get(callKey);
    const failed = (thrown: unknown) => {
      const failure = toFailure(thrown, ids, request.signal);
      if (call) call.failure ??= failure;
      return failure.error;
    };
    if (call) call.entered = true;
    const turn = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      const refusal = unread.refusal(readerOf(request.contextValues));
      if (refusal) throw refusal;
    };
    try {
      await turn();
      const checked = request.stream ? { ...request, message: inputOf(request.message, request.method.input) } : request;
      const response = await orAborted(next(checked), request.signal);
      return response.stream ? { ...response, message: outputOf(response.message, request.signal, { failed, turn }) } : response;
    } catch (error) {
      throw failed(error);
    }
  };
}

/**
 * Records errors that the protocol layer raises before any interceptor runs, and corrects their codes: bytes that are
 * not a valid message are the caller's error, while the layer calls them INTERNAL. It passes every error to `context.abort`
 * just before it writes the answer; that is where they are caught.
 */
export function watchProtocolErrors(context: HandlerContext, call: Call, ids: Ids): void {
  const { abort } = context as HandlerContext & { abort(reason?: unknown): void };
  Object.assign(context, {
    abort(reason?: unknown) {
      if (reason instanceof ConnectError && !call.failure) {
        const unknown = unknownField(reason, context.method.input);
        if (unknown) {
          const failure = toFailure(unknown, ids);
          const { code, rawMessage, details } = failure.error;
          call.failure = { ...failure, error: Object.assign(reason, { code, rawMessage, details }) };
          return abort(reason);
        }
        const code = !call.entered && reason.code === Code.Internal ? Code.InvalidArgument : reason.code;
        call.failure = { error: wellFormed(reason, code), reason: undefined, requestId: undefined, cause: reason.cause };
      }
      abort(reason);
    },
  });
}

async function* inputOf<T>(messages: AsyncIterable<T>, input: DescMessage): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    const unknown = error instanceof ConnectError && unknownField(error, input);
    if (unknown) throw unknown;
    if (error instanceof ConnectError && error.code === Code.Internal) throw wellFormed(error, Code.InvalidArgument);
    throw error;
  }
}

interface Sending {
  readonly failed: (thrown: unknown) => ConnectError;
  /** Before each message. */
  readonly turn: () => Promise<void>;
}

async function* outputOf<T>(messages: AsyncIterable<T>, signal: AbortSignal, { failed, turn }: Sending): AsyncGenerator<T> {
  const iterator = messages[Symbol.asyncIterator]();
  try {
    for (;;) {
      const result = await orAborted(iterator.next(), signal);
      if (result.done) return;
      await turn();
      yield result.value;
    }
  } catch (error) {
    throw failed(error);
  } finally {
    // Not awaited: a stuck handler would delay the answer.
    iterator.return?.().catch(() => undefined);
  }
}
