import { setTimeout as delay } from "node:timers/promises";
import { create, fromBinary, type DescMessage, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type handleUnaryCall, Metadata, type ServerUnaryCall, Server, ServerCredentials, type sendUnaryData, status as codes } from "@grpc/grpc-js";
import {
  GetServiceRegistrationRequestSchema,
  GetServiceRegistrationResponseSchema,
  PipeStepProcessorService,
} from "../../gen/ai/pipestream/data/module/v1/module_service_pb.ts";
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus as Serving,
  HealthCheckResponseSchema,
} from "../../gen/grpc/health/v1/health_pb.ts";
import type { Certificate } from "./certificate.ts";

export type Description = MessageInitShape<typeof GetServiceRegistrationResponseSchema>;

/** `none`: the module does not serve the health service. */
export type ModuleStatus = "SERVING" | "NOT_SERVING" | "none";

export interface FakeModuleOptions {
  readonly name: string;
  readonly version: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default a free one. */
  readonly port?: number;
  /** Text of its configuration schema; default none. */
  readonly schema?: string;
  /** Default SERVING. */
  readonly status?: ModuleStatus;
  /** The services that its health server knows, "" among them or not: NOT_FOUND to others. Default: whatever it is asked for. */
  readonly knows?: readonly string[];
  /**
   * How it answers the callback: what the function gives beside name, version and schema (or a gRPC error it throws);
   * `hang`: not at all; `trickle`: headers and nothing more; `none`: it does not serve the method.
   */
  readonly describe?: ((call: number) => Description | Promise<Description>) | "hang" | "trickle" | "none";
  /** Before it answers the callback. */
  readonly delayMs?: number;
  readonly tls?: Certificate;
  /** Also demands a client certificate signed by this one. */
  readonly clientCa?: Buffer;
}

/** A module as its author would write it: a stock gRPC server with the callback and the health service. */
export interface FakeModule extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** How often it was asked. */
  readonly calls: { health: number; describe: number };
  /** Services that its health was asked of, each once. */
  readonly asked: ReadonlySet<string>;
  /** Headers of the last call. */
  lastHeaders(): Metadata | undefined;
  setStatus(status: ModuleStatus): void;
}

export async function startFakeModule(options: FakeModuleOptions): Promise<FakeModule> {
  const { name, version, schema, host = "127.0.0.1", describe = () => ({}) } = options;
  const calls = { health: 0, describe: 0 };
  const asked = new Set<string>();
  let current = options.status ?? "SERVING";
  let headers: Metadata | undefined;
  const server = new Server({ "grpc.enable_channelz": 0 });

  serve(server, Health.method.check, HealthCheckRequestSchema, HealthCheckResponseSchema, (call, reply) => {
    calls.health += 1;
    headers = call.metadata;
    asked.add(call.request.service);
    if (options.knows?.includes(call.request.service) === false) reply({ code: codes.NOT_FOUND, details: "unknown service" });
    else if (current === "none") reply({ code: codes.UNIMPLEMENTED, details: "no health service here" });
    else reply(null, create(HealthCheckResponseSchema, { status: Serving[current] }));
  });

  if (describe !== "none") {
    serve(
      server,
      PipeStepProcessorService.method.getServiceRegistration,
      GetServiceRegistrationRequestSchema,
      GetServiceRegistrationResponseSchema,
      (call, reply) => {
        calls.describe += 1;
        headers = call.metadata;
        if (describe === "trickle") call.sendMetadata(new Metadata());
        if (typeof describe === "string") return;
        const given = { moduleName: name, version, healthCheckPassed: true, ...(schema === undefined ? {} : { jsonConfigSchema: schema }) };
        const answer = async () => {
          if (options.delayMs) await delay(options.delayMs);
          return create(GetServiceRegistrationResponseSchema, { ...given, ...(await describe(calls.describe)) });
        };
        answer().then(
          (description) => reply(null, description),
          (error: Error) => reply(error),
        );
      },
    );
  }

  const bound = Promise.withResolvers<number>();
  const address = `${host.includes(":") ? `[${host}]` : host}:${options.port ?? 0}`;
  server.bindAsync(address, credentials(options), (error, port) => (error ? bound.reject(error) : bound.resolve(port)));
  return {
    host,
    port: await bound.promise,
    calls,
    asked,
    lastHeaders: () => headers,
    setStatus: (status) => {
      current = status;
    },
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

function credentials({ tls, clientCa }: FakeModuleOptions): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(clientCa ?? null, [{ cert_chain: tls.cert, private_key: tls.key }], clientCa !== undefined);
}

type Handler<I extends DescMessage, O extends DescMessage> = (
  call: ServerUnaryCall<MessageShape<I>, MessageShape<O>>,
  reply: sendUnaryData<MessageShape<O>>,
) => void;

function serve<I extends DescMessage, O extends DescMessage>(
  server: Server,
  method: { readonly name: string; readonly parent: { readonly typeName: string } },
  input: I,
  output: O,
  handler: Handler<I, O>,
): void {
  const definition = {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: false as const,
    responseStream: false as const,
    requestSerialize: (message: MessageShape<I>) => Buffer.from(toBinary(input, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary(input, bytes),
    responseSerialize: (message: MessageShape<O>) => Buffer.from(toBinary(output, message)),
    responseDeserialize: (bytes: Buffer) => fromBinary(output, bytes),
  };
  server.addService({ [method.name]: definition }, { [method.name]: handler satisfies handleUnaryCall<MessageShape<I>, MessageShape<O>> });
}
