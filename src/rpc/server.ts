/**
 * The server: every protocol on one port, with health and reflection for the services it is given.
 *
 * Shutting down: health says NOT_SERVING, watches end with UNAVAILABLE, clients are told to go away, running calls go
 * on; what still runs after the grace time has its signal aborted and is answered UNAVAILABLE; then everything is cut.
 */
import { createConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import type { HttpRoute } from "../http/route.ts";
import type { Log } from "../log.ts";
import type { Clock, Ids } from "../ports.ts";
import { principalKey, type Gate } from "./auth.ts";
import { callInterceptor, callKey, watchProtocolErrors } from "./call.ts";
import type { CallEnd } from "./call-end.ts";
import { countOpenCalls, createDispatcher } from "./dispatch.ts";
import { shuttingDown, toFailure } from "./errors.ts";
import { createFastLane } from "./fast-lane.ts";
import { createHealthService } from "./health.ts";
import type { Limits } from "./limits.ts";
import { createOnePort, type TlsSettings } from "./one-port.ts";
import { addReflection } from "./reflection.ts";
import { served, type ServedService } from "./served.ts";
import { createSlowReaders } from "./slow-readers.ts";

export interface ServerOptions {
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls?: TlsSettings;
  /** Handlers throw DomainErrors. */
  readonly services: readonly ServedService[];
  readonly http: readonly HttpRoute[];
  /** Decides who may call, before the message is read. */
  readonly gate: Gate;
  /** False sends every call the long way; for holding the two against each other. */
  readonly fastLane?: boolean;
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
    interceptors: [callInterceptor(ids)],
    requestGate: (context) => admit(context, options.gate, ids),
  });
  const descriptors = [...options.services.map(({ desc }) => desc), Health];
  const health = createHealthService(descriptors.map(({ typeName }) => typeName));
  const services = [...options.services, served(Health, health.implementation)];
  for (const service of services) service.addTo(router);
  addReflection(router, descriptors);

  const openCalls = countOpenCalls(limits.calls);
  const common = { limits, clock, log, ids, slowReaders: createSlowReaders(clock, limits.slowReaderMs), openCalls, ...(onCallEnd ? { onCallEnd } : {}) };
  const port = createOnePort({
    onRequest: createDispatcher({ ...common, handlers: router.handlers, http: options.http, drain: drain.signal }),
    onStream: options.fastLane === false ? undefined : createFastLane({ ...common, services, gate: options.gate, drain: drain.signal, cut: cut.signal }),
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
  const { principal, refusal } = gate(context.method, context.requestHeader.get("authorization") ?? undefined);
  context.values.set(principalKey, principal);
  if (call) call.principal = principal.name || undefined;
  if (!refusal) return;
  const failure = toFailure(refusal, ids);
  if (call) call.failure = failure;
  throw failure.error;
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => AbortSignal.timeout(ms).addEventListener("abort", () => resolve(), { once: true }));
}
