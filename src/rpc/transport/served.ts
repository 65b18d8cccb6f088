/** A service and its handlers, for whichever way a call comes in. */
import { createRegistry, type DescFile, type DescMethod, type DescService, type Message } from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext, ServiceImpl } from "@connectrpc/connect";

/** A message, or what it is made from. */
export type Answer = Message | Record<string, unknown>;

/** A method that is called with one message, without the types of its messages. */
export type OneMessageMethod = { readonly desc: DescMethod } & (
  | { readonly kind: "unary"; readonly call: (request: Message, context: HandlerContext) => Answer | Promise<Answer> }
  | { readonly kind: "server_streaming"; readonly call: (request: Message, context: HandlerContext) => AsyncIterable<Answer> }
);

export interface ServedService {
  readonly desc: DescService;
  /** The methods that a client calls with one message, as far as they are implemented. */
  readonly oneMessage: readonly OneMessageMethod[];
  /** What its messages carry as google.protobuf.Any is declared here. */
  readonly payloads: readonly DescFile[];
  /** Adds all methods; those that are not implemented answer UNIMPLEMENTED. */
  addTo(router: ConnectRouter): void;
}

export interface ServedOptions {
  /** Answers from this size on are compressed for clients that accept it; 1024 unless told. The fast lane never compresses. */
  readonly compressMinBytes?: number;
  /** Files that declare what its messages carry as google.protobuf.Any, for JSON and reflection. */
  readonly payloads?: readonly DescFile[];
}

export function served<S extends DescService>(
  desc: S,
  implementation: Partial<ServiceImpl<S>>,
  { payloads = [], ...options }: ServedOptions = {},
): ServedService {
  const handlers = implementation as Readonly<Record<string, OneMessageMethod["call"] | undefined>>;
  const oneMessage = desc.methods.flatMap((method): OneMessageMethod[] => {
    const call = handlers[method.localName]?.bind(implementation);
    if (!call || (method.methodKind !== "unary" && method.methodKind !== "server_streaming")) return [];
    return [{ desc: method, kind: method.methodKind, call } as OneMessageMethod];
  });
  return {
    desc,
    oneMessage,
    payloads,
    addTo: (router) => void router.service(desc, implementation, { ...options, jsonOptions: { registry: createRegistry(...payloads) } }),
  };
}
