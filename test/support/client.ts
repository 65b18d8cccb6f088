/** A stock gRPC client: @grpc/grpc-js with the generated messages, and nothing of the product's own code. */
import { fromBinary, toBinary, create, type DescMessage, type DescMethod, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { Client, Metadata, credentials, status, type ServiceError, type StatusObject } from "@grpc/grpc-js";
import {
  EventType,
  PlatformRegistrationService,
  type RegistrationEvent,
  type RegisterRequestSchema,
} from "../../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { BadRequestSchema, ErrorInfoSchema, PreconditionFailureSchema, ResourceInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";

export interface CallStatus {
  readonly code: number;
  readonly message: string;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly string[];
  /** What was not found or is there already. */
  readonly resource: { readonly resourceType: string; readonly resourceName: string } | undefined;
  /** What is in the wrong state. */
  readonly inWrongState: string | undefined;
}

export interface StreamResult<T> {
  readonly messages: readonly T[];
  readonly status: CallStatus;
}

export interface MusterClient extends Disposable {
  unary<I extends DescMessage, O extends DescMessage>(method: DescMethod & { input: I; output: O }, request: MessageInitShape<I>): Promise<MessageShape<O>>;
  /** Collects a server stream to its end; `onMessage` sees each message as it comes and may cancel by returning false. */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethod & { input: I; output: O },
    request: MessageInitShape<I>,
    onMessage?: (message: MessageShape<O>) => boolean | void,
  ): Promise<StreamResult<MessageShape<O>>>;
  register(request: MessageInitShape<typeof RegisterRequestSchema>, onEvent?: (event: RegistrationEvent) => boolean | void): Promise<Registration>;
}

export interface Registration {
  readonly events: readonly RegistrationEvent[];
  /** Names of the event types, in order, without HEALTH_WAITING. */
  readonly types: readonly string[];
  readonly status: CallStatus;
  readonly errorDetail: string;
  readonly attemptId: string;
}

/** The status of a failed unary call. */
export class CallError extends Error {
  readonly status: CallStatus;
  constructor(callStatus: CallStatus) {
    super(`${status[callStatus.code]}: ${callStatus.message}`);
    this.status = callStatus;
  }
}

/** The status of a unary call that must fail. */
export async function refusal<I extends DescMessage, O extends DescMessage>(
  client: MusterClient,
  method: DescMethod & { input: I; output: O },
  request: MessageInitShape<I>,
): Promise<CallStatus> {
  const error: unknown = await client.unary(method, request).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof CallError) return error.status;
  throw new Error("it was answered", { cause: error });
}

export interface ConnectOptions {
  readonly token?: string;
  /** Further metadata of every call. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** PEM texts; a client certificate where `cert` and `key` are given. */
  readonly tls?: { readonly ca: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
}

export function connect(address: string, options: ConnectOptions = {}): MusterClient {
  const { tls } = options;
  const channel = tls ? credentials.createSsl(tls.ca, tls.key ?? null, tls.cert ?? null) : credentials.createInsecure();
  const client = new Client(address, channel, { "grpc.enable_http_proxy": 0, "grpc.use_local_subchannel_pool": 1 });
  const metadata = () => {
    const headers = new Metadata();
    if (options.token) headers.set("authorization", `Bearer ${options.token}`);
    for (const [name, value] of Object.entries(options.metadata ?? {})) headers.set(name, value);
    return headers;
  };
  const codec = <I extends DescMessage, O extends DescMessage>(method: DescMethod & { input: I; output: O }) => ({
    path: `/${method.parent.typeName}/${method.name}`,
    encode: (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
    decode: (bytes: Buffer) => fromBinary(method.output, bytes),
  });

  const self: MusterClient = {
    unary(method, request) {
      const { path, encode, decode } = codec(method);
      return new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, encode, decode, create(method.input, request), metadata(), { deadline: Date.now() + 60_000 }, (error, response) => {
          if (error) reject(new CallError(statusOf(error)));
          else if (response === undefined) reject(new Error("no response"));
          else resolve(response);
        });
      });
    },
    stream(method, request, onMessage) {
      const { path, encode, decode } = codec(method);
      return new Promise((resolve) => {
        const messages: MessageShape<typeof method.output>[] = [];
        const call = client.makeServerStreamRequest(path, encode, decode, create(method.input, request), metadata());
        call.on("data", (message: MessageShape<typeof method.output>) => {
          messages.push(message);
          if (onMessage?.(message) === false) call.cancel();
        });
        call.on("error", () => undefined);
        call.on("status", (ended: StatusObject) => resolve({ messages, status: statusOf(ended) }));
      });
    },
    async register(request, onEvent) {
      const { messages, status: ended } = await self.stream(PlatformRegistrationService.method.register, request, (message) => {
        if (message.event) return onEvent?.(message.event);
      });
      const events = messages.flatMap(({ event }) => event ?? []);
      const failed = events.find(({ eventType }) => eventType === EventType.FAILED);
      return {
        events,
        types: events.filter(({ eventType }) => eventType !== EventType.HEALTH_WAITING).map(({ eventType }) => nameOf(eventType)),
        status: ended,
        errorDetail: failed?.eventData.case === "errorDetail" ? failed.eventData.value : "",
        attemptId: events[0]?.attemptId ?? "",
      };
    },
    [Symbol.dispose]: () => client.close(),
  };
  return self;
}

const typeNames = new Map<number, string>(Object.entries(EventType).map(([name, number]) => [number, name]));

function nameOf(type: number): string {
  return typeNames.get(type) ?? String(type);
}

function statusOf(ended: Pick<StatusObject, "code" | "details" | "metadata"> | ServiceError): CallStatus {
  const raw = ended.metadata?.get("grpc-status-details-bin")[0];
  const details = raw instanceof Buffer ? fromBinary(StatusSchema, raw).details : [];
  const find = <D extends DescMessage>(schema: D) => {
    const packed = details.find(({ typeUrl }) => typeUrl.endsWith(`/${schema.typeName}`));
    return packed && fromBinary(schema, packed.value);
  };
  const info = find(ErrorInfoSchema);
  return {
    code: ended.code,
    message: ended.details,
    reason: info?.reason ?? "",
    metadata: info?.metadata ?? {},
    resource: find(ResourceInfoSchema),
    inWrongState: find(PreconditionFailureSchema)?.violations[0]?.subject,
    fields: find(BadRequestSchema)?.fieldViolations.map(({ field }) => field) ?? [],
  };
}
