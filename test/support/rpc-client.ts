import { create, fromBinary, toBinary, type DescMethod, type DescService, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema, type Status } from "../../gen/google/rpc/status_pb.ts";

/** What a stock gRPC client sees of one call. */
export interface Seen {
  readonly code: grpc.status;
  readonly details: string;
  readonly messages: readonly Message[];
  readonly trailers: grpc.Metadata;
}

export interface StockCall {
  readonly ended: Promise<Seen>;
  readonly messages: readonly Message[];
  cancel(): void;
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

/** @grpc/grpc-js, one connection a client. */
export function createStockClient(address: string, credentials = grpc.credentials.createInsecure(), channel: grpc.ClientOptions = {}) {
  const client = new grpc.Client(address, credentials, {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_http_proxy": 0,
    "grpc.enable_retries": 0,
    ...channel,
  });
  return {
    start<T extends DescService>(service: T, name: string, request: object = {}, options: CallOptions = {}): StockCall {
      const method = service.methods.find((candidate) => candidate.name === name)!;
      return start(client, method, request, options);
    },
    call<T extends DescService>(service: T, name: string, request: object = {}, options: CallOptions = {}): Promise<Seen> {
      return this.start(service, name, request, options).ended;
    },
    /** A unary call of a method that no descriptor has. */
    raw(path: string, bytes: Uint8Array, options: CallOptions = {}): Promise<Seen> {
      return unary(client, path, Buffer.from(bytes), undefined, options).ended;
    },
    close: () => client.close(),
    [Symbol.dispose]: () => client.close(),
  };
}

function start(client: grpc.Client, method: DescMethod, request: object, options: CallOptions): StockCall {
  const path = `/${method.parent.typeName}/${method.name}`;
  const bytes = Buffer.from(toBinary(method.input, create(method.input, request as MessageInitShape<typeof method.input>)));
  if (method.methodKind === "unary") return unary(client, path, bytes, method, options);
  const messages: Message[] = [];
  const call = client.makeServerStreamRequest(
    path,
    (b: Buffer) => b,
    (b) => fromBinary(method.output, b),
    bytes,
    metadata(options),
    deadline(options),
  );
  const ended = new Promise<Seen>((resolve) => {
    call.on("data", (message) => messages.push(message));
    call.on("error", () => undefined);
    call.on("status", (status) => resolve({ code: status.code, details: status.details, messages, trailers: status.metadata }));
  });
  return { ended, messages, cancel: () => call.cancel() };
}

function unary(client: grpc.Client, path: string, bytes: Buffer, method: DescMethod | undefined, options: CallOptions): StockCall {
  const messages: Message[] = [];
  let call!: grpc.ClientUnaryCall;
  const ended = new Promise<Seen>((resolve) => {
    const parse = (b: Buffer) => (method ? fromBinary(method.output, b) : undefined);
    call = client.makeUnaryRequest(
      path,
      (b: Buffer) => b,
      parse,
      bytes,
      metadata(options),
      deadline(options),
      (_error, message) => {
        if (message) messages.push(message);
      },
    );
    call.on("status", (status) => resolve({ code: status.code, details: status.details, messages, trailers: status.metadata }));
  });
  return { ended, messages, cancel: () => call.cancel() };
}

function metadata({ headers = {} }: CallOptions): grpc.Metadata {
  const out = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) out.set(name, value);
  return out;
}

function deadline({ deadlineMs }: CallOptions): grpc.CallOptions {
  return deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
}

/** The google.rpc.Status in the trailers of a failed call. */
export function richStatus(seen: Seen): Status {
  const [bytes] = seen.trailers.get("grpc-status-details-bin");
  return fromBinary(StatusSchema, bytes as Buffer);
}

/** The ErrorInfo reason of a failed call; undefined when it has no details. */
export function reasonOf(seen: Seen): string | undefined {
  if (seen.trailers.get("grpc-status-details-bin").length === 0) return undefined;
  const info = richStatus(seen).details.find((any) => any.typeUrl.endsWith("/google.rpc.ErrorInfo"));
  return info && fromBinary(ErrorInfoSchema, info.value).reason;
}
