/**
 * The server: every protocol on one port, with health and reflection for the services it is given.
 *
 * Shutting down: health is NOT_SERVING, watches end with UNAVAILABLE, clients get GOAWAY, running calls
 * continue; those still running after the grace time have their signal aborted and are answered UNAVAILABLE; then all connections are closed.
 */
import { Health } from "../../../gen/grpc/health/v1/health_pb.ts";
import type { HttpRoute } from "./http-route.ts";
import { isGone, type HttpRequest, type HttpResponse } from "./send-answer.ts";
import type { Log } from "../../kernel/log.ts";
import type { Clock, Ids } from "../../kernel/ports.ts";
import type { Gate } from "../platform/auth.ts";
import type { CallEnd } from "./call-end.ts";
import { shuttingDown } from "../platform/errors.ts";
import { createConnections } from "./connections.ts";
import { createFastLane } from "./fast-lane.ts";
import { createHealthService } from "../platform/health.ts";
import type { Limits } from "./limits.ts";
import { localOnly } from "./local-only.ts";
import { countOpenCalls } from "./open-calls.ts";
import { createOnePort, type TlsSettings } from "./one-port.ts";
import { createRouteTable } from "./route-table.ts";
import { served, type ServedService } from "./served.ts";
import { countUnreadAnswers } from "./unread-answers.ts";
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
  /** Refuses requests that name another host than loopback and the one listened on, and those of other web pages. */
  readonly localOnly?: boolean;
  /** Whose pages may call from browsers; by default none. */
  readonly corsOrigins?: readonly string[];
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
  /** Loads the code that the first request that is not plain gRPC would wait for. */
  warm(): Promise<void>;
  /** The status that gRPC health answers; SERVING at the start. */
  setServing(serving: boolean): void;
  /** Health is NOT_SERVING; calls are still accepted, so that callers can find another server first. */
  setDraining(): void;
  /** Resolves when every connection is closed, at most about a second after `graceMs`. Safe to call again. */
  close(graceMs: number): Promise<void>;
}

/** How long answers to calls aborted at the end may take to be sent. */
const farewellMs = 500;

/** Resolves when the server accepts connections; rejects with Node's error when the address cannot be bound, with a TypeError for bad routes. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { limits, ids, clock, log, onCallEnd } = options;
  const drain = new AbortController();
  const cut = new AbortController();

  const descriptors = [...options.services.map(({ desc }) => desc), Health];
  const health = createHealthService(descriptors.map(({ typeName }) => typeName));
  const connections = createConnections(limits, log);
  const findRoutes = createRouteTable(options.http);
  const ways = {
    limits,
    clock,
    log,
    ids,
    gate: options.gate,
    refuseForeign: options.localOnly ? localOnly(options.listen.host, options.corsOrigins) : undefined,
    drain: drain.signal,
    cut: cut.signal,
    services: [...options.services, served(Health, health.methods)],
    slowReaders: createSlowReaders(clock, limits.slowReaderMs),
    openCalls: countOpenCalls(limits, connections),
    unread: countUnreadAnswers(limits),
    ...(onCallEnd ? { onCallEnd } : {}),
  };
  const longWay = loadedLater(async () => (await import("./long-way.ts")).createLongWay({ ...ways, findRoutes, corsOrigins: options.corsOrigins ?? [] }), log);
  const port = createOnePort({
    onRequest: longWay.serve,
    onStream: options.fastLane === false ? undefined : createFastLane(ways),
    tls: options.tls,
    connections,
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
    warm: () => longWay.load(),
    setServing: (serving) => health.setServing(serving),
    setDraining: () => health.setServing(false),
    close: (graceMs) => (stopped ??= stop(graceMs)),
  };
}

type Serve = (request: HttpRequest, response: HttpResponse) => void;

/** A listener that is loaded for the first request, or before it; requests wait for it. */
function loadedLater(load: () => Promise<Serve>, log: Log): { readonly serve: Serve; load(): Promise<void> } {
  let loaded: Serve | undefined;
  let loading: Promise<Serve> | undefined;
  const loadOnce = async () => (loaded = await (loading ??= load()));
  return {
    async load() {
      await loadOnce();
    },
    serve(request, response) {
      if (loaded) return loaded(request, response);
      loadOnce().then(
        (serve) => isGone(response) || serve(request, response),
        (error: unknown) => {
          log("error", "request failed", { error });
          response.destroy();
        },
      );
    },
  };
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => AbortSignal.timeout(ms).addEventListener("abort", () => resolve(), { once: true }));
}
