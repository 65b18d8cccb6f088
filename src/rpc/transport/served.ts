/** The table of a service's methods, one row per RPC, and its form for the transport, created once at the start. */
import {
  createRegistry,
  type DescFile,
  type DescMethod,
  type DescMethodBiDiStreaming,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  type Message,
} from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext, MethodImpl, ServiceImpl } from "@connectrpc/connect";
import type { AccessRule, Target } from "../platform/auth.ts";
import type { Life } from "./limits.ts";

/** Behaviour of open calls when the server begins to shut down: they run to their end, or end immediately. */
export type OnDrain = "finish" | "end";

/** One RPC. A unary one lives as long as `Limits.unaryMs` and finishes on drain unless its row has other values; a stream's row must have them. */
export type MethodRow<M extends DescMethod> = {
  readonly access: AccessRule;
  /** It is served also when too many calls are open: for checks of the server's own health. */
  readonly evenWhenFull?: boolean;
  readonly call: MethodImpl<M>;
} & (M["methodKind"] extends "unary" ? { readonly life?: Life; readonly onDrain?: OnDrain } : { readonly life: Life; readonly onDrain: OnDrain });

/** Every RPC of a service by its name in TypeScript. One that is missing or that the service does not have does not compile. */
export type Methods<S extends DescService> = { readonly [M in keyof S["method"]]: MethodRow<S["method"][M]> };

/** A row of a method that is not known by its type. */
type AnyRow = MethodRow<DescMethodUnary> | MethodRow<DescMethodServerStreaming> | MethodRow<DescMethodClientStreaming> | MethodRow<DescMethodBiDiStreaming>;

/** A message, or its init shape. */
export type Answer = Message | Record<string, unknown>;

/** A row as the transport uses it. */
export interface ServedMethod extends Target {
  readonly desc: DescMethod;
  readonly life: Life | undefined;
  readonly onDrain: OnDrain;
  readonly evenWhenFull: boolean;
}

/** A method that is called with one message, without the types of its messages. */
export type OneMessageMethod = ServedMethod &
  (
    | { readonly answers: "once"; readonly call: (request: Message, context: HandlerContext) => Answer | Promise<Answer> }
    | { readonly answers: "many"; readonly call: (request: Message, context: HandlerContext) => AsyncIterable<Answer> }
  );

export interface ServedService {
  readonly desc: DescService;
  readonly methods: readonly ServedMethod[];
  /** Those of the methods that a client calls with one message. */
  readonly oneMessage: readonly OneMessageMethod[];
  /** Declares the types that its messages carry as google.protobuf.Any. */
  readonly payloads: readonly DescFile[];
  addTo(router: ConnectRouter): void;
}

export interface ServedOptions {
  /** Answers of at least this size are compressed for clients that accept it; by default 1024. The short way never compresses. */
  readonly compressMinBytes?: number;
  /** Files that declare what its messages carry as google.protobuf.Any, for JSON and reflection. */
  readonly payloads?: readonly DescFile[];
}

/** A service with its rows, as `startServer` takes it. */
export function served<S extends DescService>(desc: S, rows: Methods<S>, { payloads = [], ...options }: ServedOptions = {}): ServedService {
  const rowOf = rows as Readonly<Record<string, AnyRow>>;
  const all = desc.methods.map((method) => {
    const row = rowOf[method.localName];
    if (!row) throw new TypeError(`${methodKey(method)} has no row`);
    return { method: servedMethod(method, row), call: row.call };
  });
  const implementation: object = Object.fromEntries(all.map(({ method, call }) => [method.desc.localName, call] as const));
  return {
    desc,
    methods: all.map(({ method }) => method),
    oneMessage: all.flatMap(({ method, call }): OneMessageMethod[] => {
      const { methodKind } = method.desc;
      if (methodKind !== "unary" && methodKind !== "server_streaming") return [];
      return [Object.assign(method, { answers: methodKind === "unary" ? "once" : "many", call }) as OneMessageMethod];
    }),
    payloads,
    addTo: (router) =>
      void router.service(desc, implementation as Partial<ServiceImpl<S>>, {
        ...options,
        jsonOptions: { registry: createRegistry(...payloads), ignoreUnknownFields: false },
      }),
  };
}

function servedMethod(desc: DescMethod, { access, life, onDrain = "finish", evenWhenFull = false }: AnyRow): ServedMethod {
  return { kind: "rpc", name: methodKey(desc), access, desc, life, onDrain, evenWhenFull };
}

/** `package.Service/Method`: the name of a method in logs and metrics, and, after a slash, its path. */
export function methodKey(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}
