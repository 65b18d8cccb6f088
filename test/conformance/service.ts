/** The suite's service: it answers what the request asks for, and shows in the answer what the handler was given of the request. */
import { setTimeout as pause } from "node:timers/promises";
import { create, toBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { anyPack, type Any } from "@bufbuild/protobuf/wkt";
import { ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { callKey } from "../../src/rpc/transport/call.ts";
import {
  BidiStreamRequestSchema,
  ClientStreamRequestSchema,
  ConformancePayload_RequestInfoSchema,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  UnaryRequestSchema,
  type ConformancePayload_RequestInfo,
  type ConformanceService,
  type Error as RequestedError,
  type Header,
  type StreamResponseDefinition,
  type UnaryResponseDefinition,
} from "./gen/connectrpc/conformance/v1/service_pb.ts";

/** The payload of an answer, as a message is made from it. */
interface Payload {
  readonly data?: Uint8Array;
  readonly requestInfo?: ConformancePayload_RequestInfo;
}

interface Answer {
  readonly payload: Payload;
}

/**
 * All methods but Unimplemented. `longestMs`: the server's own deadline; every call has one, but the suite wants to see only
 * those of its client, which are much shorter.
 */
export function conformanceService(longestMs: number): Partial<ServiceImpl<typeof ConformanceService>> {
  const infoOf = (context: HandlerContext, requests: Any[]): ConformancePayload_RequestInfo => {
    const timeoutMs = deadlineOf(context);
    return create(ConformancePayload_RequestInfoSchema, {
      requestHeaders: [...context.requestHeader].map(([name, value]) => ({ name, value: [value] })),
      requests,
      ...(timeoutMs > longestMs / 2 ? {} : { timeoutMs: BigInt(timeoutMs) }),
      ...(context.requestMethod === "GET" ? { connectGetInfo: { queryParams: queryOf(context.url) } } : {}),
    });
  };

  const answerOnce = async (context: HandlerContext, definition: UnaryResponseDefinition | undefined, requests: Any[]): Promise<Answer> => {
    const requestInfo = infoOf(context, requests);
    if (!definition) return { payload: { requestInfo } };
    setFields(context, definition);
    await pause(definition.responseDelayMs);
    const { response } = definition;
    if (response.case === "error") throw errorOf(response.value, requestInfo);
    return { payload: response.case === "responseData" ? { data: response.value, requestInfo } : { requestInfo } };
  };

  /** The answers from the one numbered `next` on, then the error, if there is one. `requests`: those the first answer shows. */
  async function* answerRest(context: HandlerContext, definition: StreamResponseDefinition, requests: Any[], next = 0): AsyncGenerator<Answer> {
    for (const [index, data] of definition.responseData.entries()) {
      if (index < next) continue;
      await pause(definition.responseDelayMs);
      yield { payload: index === 0 ? { data, requestInfo: infoOf(context, requests) } : { data } };
    }
    const { error, responseData } = definition;
    if (error) throw errorOf(error, responseData.length === 0 ? infoOf(context, requests) : undefined);
  }

  return {
    unary: (request, context) => answerOnce(context, request.responseDefinition, [packed(UnaryRequestSchema, request)]),
    idempotentUnary: (request, context) => answerOnce(context, request.responseDefinition, [packed(IdempotentUnaryRequestSchema, request)]),
    async clientStream(requests, context) {
      const all = await Array.fromAsync(requests);
      const shown = all.map((request) => packed(ClientStreamRequestSchema, request));
      return answerOnce(context, all[0]?.responseDefinition, shown);
    },
    async *serverStream(request, context) {
      const definition = request.responseDefinition;
      if (!definition) return;
      setFields(context, definition);
      yield* answerRest(context, definition, [packed(ServerStreamRequestSchema, request)]);
    },
    async *bidiStream(requests, context) {
      let definition: StreamResponseDefinition | undefined;
      let inTurn = false;
      let answered = 0;
      let unseen: Any[] = [];
      let isFirst = true;
      for await (const request of requests) {
        unseen.push(packed(BidiStreamRequestSchema, request));
        if (isFirst) {
          isFirst = false;
          definition = request.responseDefinition;
          inTurn = request.fullDuplex;
          if (definition) setFields(context, definition);
        }
        if (!inTurn) continue;
        const data = definition?.responseData[answered];
        if (!definition || !data) break;
        await pause(definition.responseDelayMs);
        const requestInfo = answered === 0 ? infoOf(context, unseen) : create(ConformancePayload_RequestInfoSchema, { requests: unseen });
        yield { payload: { data, requestInfo } };
        answered += 1;
        unseen = [];
      }
      if (definition) yield* answerRest(context, definition, unseen, answered);
    },
  };
}

/**
 * Milliseconds from the arrival of the call to the deadline of its handler, to about 50 ms on a busy machine. The suite takes
 * up to 500 ms less than what its client sent, and nothing more; half of that is taken off.
 */
function deadlineOf(context: HandlerContext): number {
  const arrivedAt = context.values.get(callKey)?.startedAt ?? Number.NaN;
  return Math.floor(Date.now() - arrivedAt + (context.timeoutMs() ?? Number.NaN)) - 250;
}

function packed<T extends DescMessage>(schema: T, message: MessageShape<T>): Any {
  return anyPack(schema, message);
}

function setFields(context: HandlerContext, fields: { readonly responseHeaders: readonly Header[]; readonly responseTrailers: readonly Header[] }): void {
  for (const { name, value } of fields.responseHeaders) for (const one of value) context.responseHeader.append(name, one);
  for (const { name, value } of fields.responseTrailers) for (const one of value) context.responseTrailer.append(name, one);
}

/** With the request among its details, where no message showed it. */
function errorOf({ code, message, details }: RequestedError, info: ConformancePayload_RequestInfo | undefined): ConnectError {
  const error = new ConnectError(message ?? "", code as number);
  error.details = details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
  if (info) error.details.push({ type: info.$typeName, value: toBinary(ConformancePayload_RequestInfoSchema, info) });
  return error;
}

function queryOf(url: string): { name: string; value: string[] }[] {
  return [...new URL(url).searchParams].map(([name, value]) => ({ name, value: [value] }));
}
