/**
 * The server: every protocol on one port, with health and reflection for whatever `routes` adds.
 *
 * Shutting down: health says NOT_SERVING, watches end with UNAVAILABLE, clients are told to go away, running calls go
 * on; what still runs after the grace time has its signal aborted and is answered UNAVAILABLE; then everything is cut.
 */
import { createConnectRouter, type ConnectRouter, type HandlerContext, type Interceptor } from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";
import type { DescService } from "@bufbuild/protobuf";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import type { HttpRoute } from "../http/route.ts";
import type { Log } from "../log.ts";
import type { Clock, Ids } from "../ports.ts";
import { principalKey, type Gate } from "./auth.ts";
import { callInterceptor, callKey, watchProtocolErrors } from "./call.ts";
import { createDispatcher } from "./dispatch.ts";
import { shuttingDown, toFailure } from "./errors.ts";
import { createHealthService } from "./health.ts";
import type { Limits } from "./limits.ts";
import { createOnePort, type TlsSettings } from "./one-port.ts";
import { addReflection } from "./reflection.ts";
import type { CallEnd } from "./serve-rpc.ts";
import { createSlowReaders } from "./slow-readers.ts";

export interface ServerOptions {
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls?: TlsSettings;
  /** Adds the services; handlers throw DomainErrors. */
  readonly routes: (router: ConnectRouter) => void;
  readonly http: readonly HttpRoute[];
  /** Decides who may call, before the message is read. */
  readonly gate: Gate;
  /** Run inside the server's own, which ends calls in time and turns errors into statuses. */
  readonly interceptors?: readonly Interceptor[];
  readonly limits: Limits;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly onCallEnd?: (end: CallEnd) => void;
}

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /** What gRPC health answers; SERVING at the start. */
  setServing(serving: boolean): void;
  /** Health says NOT_SERVING; calls are still taken, so that callers can find another server first. */
  setDraining(): void;
  /** Resolves when every connection is closed, at most about a second after `graceMs`. Safe to call again. */
  close(graceMs: number): Promise<void>;
}

/** How long answers to calls cut at the end may take to leave. */
const farewellMs = 500;

/** Resolves when the server accepts connections; rejects with Node's error when the address cannot be had. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { limits, ids, clock, log, onCallEnd } = options;
  const drain = new AbortController();
  const cut = new AbortController();

  const router = createConnectRouter({
    acceptCompression: [compressionGzip],
    readMaxBytes: limits.messageBytes,
    shutdownSignal: cut.signal,
    interceptors: [callInterceptor(ids), ...(options.interceptors ?? [])],
    requestGate: (context) => admit(context, options.gate, ids),
  });
  options.routes(router);
  const services = [...new Set<DescService>([...router.handlers.map((handler) => handler.service), Health])];
  const health = createHealthService(services.map((service) => service.typeName));
  router.service(Health, health.implementation);
  addReflection(router, services);

  const port = createOnePort({
    onRequest: createDispatcher({
      handlers: router.handlers,
      http: options.http,
      limits,
      slowReaders: createSlowReaders(clock, limits.slowReaderMs),
      drain: drain.signal,
      clock,
      log,
      ...(onCallEnd ? { onCallEnd } : {}),
    }),
    tls: options.tls,
    limits,
    log,
  });
  const at = await port.listen(options.listen.host, options.listen.port);

  const stop = async (graceMs: number) => {
    health.end();
    drain.abort(shuttingDown());
    const closed = port.drain();
    await Promise.race([closed, elapsed(graceMs)]);
    cut.abort(shuttingDown());
    await Promise.race([closed, elapsed(farewellMs)]);
    port.destroy();
    await closed;
  };
  let stopped: Promise<void> | undefined;

  return {
    ...at,
    setServing: (serving) => health.setServing(serving),
    setDraining: () => health.setServing(false),
    close: (graceMs) => (stopped ??= stop(graceMs)),
  };
}

function admit(context: HandlerContext, gate: Gate, ids: Ids): void {
  const call = context.values.get(callKey);
  if (call) watchProtocolErrors(context, call);
  try {
    gate(context);
  } catch (error) {
    const failure = toFailure(error, ids);
    if (call) call.failure = failure;
    throw failure.error;
  } finally {
    if (call) call.principal = context.values.get(principalKey).name || undefined;
  }
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => AbortSignal.timeout(ms).addEventListener("abort", () => resolve(), { once: true }));
}
