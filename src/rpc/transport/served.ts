/** A service and its handlers, for whichever way a call comes in. */
import type { DescMethod, DescService, Message } from "@bufbuild/protobuf";
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
  /** Adds all methods; those that are not implemented answer UNIMPLEMENTED. */
  addTo(router: ConnectRouter): void;
}

export interface ServedOptions {
  /** Answers from this size on are compressed for clients that accept it; 1024 unless told. The fast lane never compresses. */
  readonly compressMinBytes?: number;
}

export function served<S extends DescService>(desc: S, implementation: Partial<ServiceImpl<S>>, options: ServedOptions = {}): ServedService {
  const handlers = implementation as Readonly<Record<string, OneMessageMethod["call"] | undefined>>;
  const oneMessage = desc.methods.flatMap((method): OneMessageMethod[] => {
    const call = handlers[method.localName]?.bind(implementation);
    if (!call || (method.methodKind !== "unary" && method.methodKind !== "server_streaming")) return [];
    return [{ desc: method, kind: method.methodKind, call } as OneMessageMethod];
  });
  return { desc, oneMessage, addTo: (router) => void router.service(desc, implementation, options) };
}
