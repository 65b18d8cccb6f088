/**
 * The composition root: joins ports, use cases and server, and takes them apart again in reverse. Adapters are loaded
 * when the configuration asks for them, so that a start pays only for what it uses.
 */
import type { RegistrationStore } from "./registration/records.ts";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { PlatformRegistrationService } from "../gen/ai/pipestream/platform/registration/v1/platform_registration_pb.ts";
import { PipeStepProcessorService } from "../gen/ai/pipestream/data/module/v1/module_service_pb.ts";
import { RegistrationService } from "../gen/muster/registration/v1/registration_service_pb.ts";
import { openAdapters, type Adapters } from "./open-adapters.ts";
import { createHttpDocuments } from "./adapters/http-documents/documents.ts";
import { createHostResolver } from "./adapters/system/resolve-host.ts";
import { createUuidV7, uuidV7Floor } from "./adapters/system/ids.ts";
import { systemClock } from "./adapters/system/clock.ts";
import { createSchemaCompare } from "./adapters/schema-compare/schema-compare.ts";
import { createSchemaCheck } from "./adapters/schema-check/schema-check.ts";
import type { Config } from "./config/config.ts";
import { createEventCodec } from "./delivery/event-codec.ts";
import { paced, startLoop, type LoopOptions } from "./delivery/loop.ts";
import { pruneOutbox, relayOnce, releaseRelay } from "./delivery/relay.ts";
import { startTasks, type TaskHandlers } from "./delivery/tasks.ts";
import { events } from "./events.ts";
import { descriptorRoute } from "./rpc/platform/descriptor.ts";
import { metricsRoutes } from "./rpc/platform/metrics.ts";
import { probeRoutes } from "./rpc/platform/probes.ts";
import type { Log } from "./kernel/log.ts";
import type { Metrics } from "./metrics.ts";
import type { Clock } from "./kernel/ports.ts";
import type { RegistrationPorts } from "./registration/attempts/attempt-context.ts";
import { createRunner, type Runner } from "./registration/attempts/runner.ts";
import { createDiscoveryView, type DiscoveryView } from "./registration/discovery/view.ts";
import { createProgress, type Progress } from "./registration/attempts/progress.ts";
import { pruneAttempts } from "./registration/attempts/prune-attempts.ts";
import type { RegisterDeps } from "./registration/register.ts";
import { createReconciler, type ReconcileReport } from "./registration/reconcile/round.ts";
import { restoreCatalog } from "./registration/reconcile/restore.ts";
import { showEntry } from "./registration/reconcile/show-entry.ts";
import { withdraw } from "./registration/unregister.ts";
import { registrationIdOf } from "./registration/update-tags.ts";
import { createAuthGate, type AuthMode } from "./rpc/platform/auth.ts";
import { defaultLimits, type Limits } from "./rpc/transport/limits.ts";
import { registrationServices } from "./rpc/registration/routes.ts";
import { keepRegistered, selfEntry } from "./registration/self-registration.ts";
import { startServer, type ServerOptions } from "./rpc/transport/server.ts";
import { parseTokenFile } from "./rpc/platform/tokens.ts";
import type { SagaProbe } from "./kernel/saga.ts";

/** A running server. Disposing drains it: running registrations get up to 15 s, everything is over within 30 s. */
export interface App extends AsyncDisposable {
  readonly address: { readonly host: string; readonly port: number };
}

export interface AppOptions {
  readonly log: Log;
  readonly clock?: Clock;
  readonly limits?: Limits;
  /** Told at every instant of every saga; for tests that stop the process there. */
  readonly probe?: SagaProbe;
  /** Wraps the adapters; for tests that let them fail. */
  readonly decorate?: (adapters: Adapters) => Adapters;
  /** Stands in for the name service; for tests that need hosts of their own. */
  readonly resolveHost?: RegisterDeps["resolveHost"];
}

const attemptDrainMs = 15_000;
const streamDrainMs = 3_000;
const firstLookMs = 1_000;
const firstCallsMs = 1_000;
const selfEveryMs = 15_000;
const selfPauseMs = 2_000;
const selfEndMs = 2_000;
/** After a change of the catalog, until record and catalog are compared. */
const reconcilePauseMs = 5_000;
const maxRunning = 500;
const maxWaiting = 1_500;

/** Starts everything the configuration names; resolves when the port accepts connections. */
export async function createApp(config: Config, options: AppOptions): Promise<App> {
  await using stack = new AsyncDisposableStack();
  const { log, limits = defaultLimits, clock = systemClock, decorate = (adapters) => adapters } = options;
  const ids = createUuidV7(clock);
  const owner = randomUUID();
  const auth = await authMode(config.auth);
  const tls = config.tls && (await tlsSettings(config.tls));

  const codec = createEventCodec(events, config.eventWire);
  const { store, catalog, schemas, sink, module } = decorate(await openAdapters(config, { clock, log, codec, dispose: stack }));
  const checkSchema = stack.use(createSchemaCheck());
  const compareSchemas = stack.use(createSchemaCompare());
  const resolveHost = options.resolveHost ?? createHostResolver(config.modules);
  const { caFile } = config.modules;
  const documents = createHttpDocuments({ resolveHost, ...(caFile === undefined ? {} : { ca: await readFile(caFile) }) });
  const ports: RegistrationPorts = { store, catalog, schemas, module, documents, checkSchema, compareSchemas, clock };
  if (store.exclusive) await expireLeases(store);
  if (config.catalog.kind === "embedded") {
    const restoring = new AbortController();
    stack.defer(() => restoring.abort());
    const restored = await restoreCatalog({ store, catalog, clock }, restoring.signal);
    if (restored > 0) log("info", "catalog.restored", { entries: restored });
  }

  // Rounds of background work, and what is loaded for them, leave the start to itself.
  const open = Promise.withResolvers<void>();
  const background = { clock, log, after: open.promise };
  const discovery = stack.use(createDiscoveryView({ catalog, store, clock, log }));
  const relaying = { store, sink, encode: codec.encode, clock, log, owner, lease: { prolongedAt: Number.NEGATIVE_INFINITY } };
  const relay = startLoop({ name: "relay", everyMs: 1_000, ...background, round: (signal) => relayOnce(relaying, signal) });
  stack.defer(async () => {
    await relay.stop();
    await releaseRelay({ store, owner }).catch((error: unknown) => log("warn", "relay.lease-not-released", { error }));
  });
  const old = { store, clock, retentionMs: config.attemptRetentionMs, idFloor: uuidV7Floor };
  const prune = startLoop({ name: "prune", everyMs: 3_600_000, ...background, round: async () => (await pruneOutbox(old), pruneAttempts(old)) });
  stack.defer(() => prune.stop());
  const handlers: TaskHandlers = {
    withdraw: (payload, signal) => withdraw(ports, payload, signal),
    show: async (payload, signal) => void (await showEntry(ports, registrationIdOf(payload), signal)),
  };
  const tasks = startTasks({ store, ...background, handlers });
  stack.defer(() => tasks.stop());

  const progress: Progress = createProgress(store, clock, (attemptId) => runner.runsHere(attemptId));
  // A good part of a start, so loaded when the first calls have had their turn, or somebody asks. What comes before is noted then.
  const measuring = Promise.withResolvers<void>();
  const metrics: Promise<Metrics> = measuring.promise
    .then(() => import("./metrics.ts"))
    .then(({ createMetrics }) => createMetrics({ store, running: () => runner.count(), now: () => clock.now() }));
  const measure = (note: (to: Metrics) => void): void => void metrics.then(note);
  const runner: Runner = createRunner(
    () => ({
      ports,
      progress: { ...progress, publish: (event) => (measure((to) => to.progressed(event)), progress.publish(event)) },
      log,
      probe: options.probe,
      onBegin: (attempt) => measure((to) => to.begun(attempt)),
      onEnd: (attempt, error) => {
        const at = clock.now();
        measure((to) => to.ended(attempt, error, at));
      },
      onCommit: () => {
        relay.nudge();
        discovery.refresh();
      },
    }),
    { owner, leaseMs: config.attemptLeaseMs, maxRunning, maxWaiting },
  );
  const tend = startLoop({
    name: "attempts",
    everyMs: Math.min(1_000, config.attemptLeaseMs / 3),
    ...background,
    round: async () => (await runner.tend(), false),
  });
  stack.defer(() => tend.stop());

  const { mode, everyMs, reapAfterMs } = config.reconcile;
  if (mode !== "off") {
    const onRound = (report: ReconcileReport): void => {
      const at = clock.now();
      measure((to) => to.reconciled(report, at));
    };
    const reconciler = createReconciler({ ports, ids, log, owner, mode, reapAfterMs, seenAt: () => discovery.seenAt(), onRound });
    stack.defer(() => reconciler.release().catch((error: unknown) => log("warn", "reconcile.lease-not-released", { error })));
    const loop = { name: "reconcile", everyMs, ...background, round: reconciler.round };
    stack.use(followCatalog(discovery, loop, Math.min(everyMs, reconcilePauseMs)));
  }

  const unregister = { ports, ids, runner, runTask: (taskId: string) => tasks.run(taskId), onCommit: () => relay.nudge() };
  const updateTags = { ports, ids, runTask: unregister.runTask, onCommit: unregister.onCommit };
  const register = { ports, ids, runner, resolveHost };
  let draining = false;
  const checks = {
    store: { ping: (signal: AbortSignal) => store.ping(signal), required: true },
    catalog: { ping: (signal: AbortSignal) => catalog.ping(signal), required: false },
    schemas: { ping: (signal: AbortSignal) => schemas.ping(signal), required: false },
    events: { ping: (signal: AbortSignal) => sink.ping(signal), required: false },
  };
  const root = config.httpRoot === "" ? {} : { httpRoot: config.httpRoot };
  const serverOptions: ServerOptions = {
    listen: config.listen,
    services: registrationServices({ store, clock, runner, progress, discovery, register, unregister, updateTags }),
    http: [
      ...probeRoutes({ checks, draining: () => draining, clock, ...root }),
      ...metricsRoutes(async () => (measuring.resolve(), (await metrics).render()), config.httpRoot || undefined),
      descriptorRoute([PlatformRegistrationService.file, RegistrationService.file, PipeStepProcessorService.file]),
    ],
    gate: createAuthGate(auth),
    limits,
    clock,
    ids,
    log,
    ...(tls ? { tls } : {}),
  };
  // Discovery answers from the first call on, unless the catalog is away.
  await Promise.race([discovery.seen, clock.sleep(firstLookMs)]);
  const server = await startServer(serverOptions);
  stack.defer(async () => {
    draining = true;
    server.setDraining();
    await runner.drain(attemptDrainMs);
    await server.close(streamDrainMs);
  });
  if (config.self) {
    const { name, host, port = server.port } = config.self;
    const entry = selfEntry({ name, host, port, tls: tls !== undefined, owner });
    const round = async (signal: AbortSignal): Promise<boolean> => {
      if (await keepRegistered(catalog, entry, signal)) log("info", "self.registered", { service: entry.serviceId });
      return false;
    };
    stack.defer(async () => {
      const done = catalog.deregister(entry.serviceId, entry.attemptId, AbortSignal.timeout(selfEndMs));
      await done.catch((error: unknown) => log("warn", "self.not-deregistered", { error }));
    });
    stack.use(followCatalog(discovery, { name: "self", everyMs: selfEveryMs, ...background, round }, selfPauseMs));
  }
  log("info", "server.listening", { host: server.host, port: server.port });
  open.resolve();
  const stopping = new AbortController();
  stack.defer(() => stopping.abort());
  const warm = async (): Promise<void> => {
    await clock.sleep(firstCallsMs, stopping.signal);
    measuring.resolve();
    await server.warm();
  };
  // Stopped before that, or not to be loaded: the first to ask is told.
  warm().catch(() => undefined);

  const disposal = stack.move();
  return {
    address: { host: server.host, port: server.port },
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}

/** A loop that also has a round `pauseMs` after the catalog has changed. */
function followCatalog(discovery: DiscoveryView, options: LoopOptions, pauseMs: number): AsyncDisposable {
  const loop = startLoop(options);
  const over = new AbortController();
  discovery.onChange(paced(loop.nudge, pauseMs, options.clock, over.signal), over.signal);
  return {
    async [Symbol.asyncDispose]() {
      over.abort();
      await loop.stop();
    },
  };
}

/** What a former process held in a store that only one can use. */
async function expireLeases(store: RegistrationStore): Promise<void> {
  await store.tx(async ({ attempts, leases, tasks }) => {
    await attempts.expireLeases();
    await leases.expireLeases();
    await tasks.expireLeases();
  });
}

async function authMode(auth: Config["auth"]): Promise<AuthMode> {
  return auth.kind === "open" ? { mode: "open" } : { mode: "tokens", tokens: parseTokenFile(await readFile(auth.file, "utf8")) };
}

async function tlsSettings(tls: NonNullable<Config["tls"]>): Promise<NonNullable<ServerOptions["tls"]>> {
  const [cert, key, clientCa] = await Promise.all([
    readFile(tls.certFile, "utf8"),
    readFile(tls.keyFile, "utf8"),
    tls.clientCaFile === undefined ? undefined : readFile(tls.clientCaFile, "utf8"),
  ]);
  return { cert, key, ...(clientCa === undefined ? {} : { clientCa }) };
}
