import { Server, ServerCredentials, type UntypedHandleCall } from "@grpc/grpc-js";
import { selfSigned } from "./certificate.ts";

/** A real gRPC server that has `grpc.health.v1.Health/Check` and nothing else. */
export interface HealthServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** How often it was asked. */
  checks(): number;
  /** Checks of each service. */
  asked(service: string): number;
  setServing(serving: boolean): void;
}

export interface HealthServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default a free one. */
  readonly port?: number;
  /** Default true. */
  readonly serving?: boolean;
  /** The only service that it knows: NOT_FOUND to others. Default: all. */
  readonly knows?: string;
  /** With a certificate that nobody trusts. */
  readonly tls?: boolean;
}

export async function startHealthServer(options: HealthServerOptions = {}): Promise<HealthServer> {
  const { host = "127.0.0.1", tls = false } = options;
  let serving = options.serving ?? true;
  const asked: string[] = [];
  const server = new Server();
  const check: UntypedHandleCall = (call: { readonly request: Buffer }, reply: (error: { code: number } | null, status?: number) => void) => {
    // HealthCheckRequest: field 1, a text of less than 128 bytes.
    const service = call.request.subarray(2).toString();
    asked.push(service);
    if (options.knows !== undefined && options.knows !== service) reply({ code: 5 });
    else reply(null, serving ? 1 : 2);
  };
  const method = {
    path: "/grpc.health.v1.Health/Check",
    requestStream: false,
    responseStream: false,
    requestSerialize: () => Buffer.alloc(0),
    requestDeserialize: (bytes: Buffer) => bytes,
    // HealthCheckResponse: field 1, varint.
    responseSerialize: (status: number) => Buffer.from([0x08, status]),
    responseDeserialize: (bytes: Buffer) => bytes[1] ?? 0,
  };
  server.addService({ check: method }, { check });
  const address = `${host.includes(":") ? `[${host}]` : host}:${options.port ?? 0}`;
  const credentials = tls ? await untrusted() : ServerCredentials.createInsecure();
  const bound = Promise.withResolvers<number>();
  server.bindAsync(address, credentials, (error, port) => {
    if (error === null) bound.resolve(port);
    else bound.reject(error);
  });
  const port = await bound.promise;
  return {
    host,
    port,
    tls,
    checks: () => asked.length,
    asked: (service) => asked.filter((it) => it === service).length,
    setServing(value) {
      serving = value;
    },
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

async function untrusted(): Promise<ServerCredentials> {
  const { key, cert } = await selfSigned("health-server");
  return ServerCredentials.createSsl(null, [{ private_key: key, cert_chain: cert }]);
}
