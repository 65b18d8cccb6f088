import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials, type UntypedHandleCall } from "@grpc/grpc-js";

/** A real gRPC server that has `grpc.health.v1.Health/Check` and nothing else. */
export interface HealthServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** How often it was asked. */
  checks(): number;
  setServing(serving: boolean): void;
}

export interface HealthServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default a free one. */
  readonly port?: number;
  /** Default true. */
  readonly serving?: boolean;
  /** With a certificate that nobody trusts. */
  readonly tls?: boolean;
}

export async function startHealthServer(options: HealthServerOptions = {}): Promise<HealthServer> {
  const { host = "127.0.0.1", tls = false } = options;
  let serving = options.serving ?? true;
  let checks = 0;
  const server = new Server();
  const check: UntypedHandleCall = (_call: unknown, reply: (error: null, status: number) => void) => {
    checks += 1;
    reply(null, serving ? 1 : 2);
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
  const bound = Promise.withResolvers<number>();
  server.bindAsync(address, tls ? untrusted() : ServerCredentials.createInsecure(), (error, port) => {
    if (error === null) bound.resolve(port);
    else bound.reject(error);
  });
  const port = await bound.promise;
  return {
    host,
    port,
    tls,
    checks: () => checks,
    setServing(value) {
      serving = value;
    },
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

function untrusted(): ServerCredentials {
  const folder = mkdtempSync(join(tmpdir(), "health-server-"));
  try {
    const key = join(folder, "key.pem");
    const certificate = join(folder, "cert.pem");
    const args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=health-server", "-keyout", key, "-out", certificate];
    execFileSync("openssl", args, { stdio: "ignore" });
    return ServerCredentials.createSsl(null, [{ private_key: readFileSync(key), cert_chain: readFileSync(certificate) }]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
