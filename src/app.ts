/**
 * The composition root: composes ports, domains and server, and disposes of them in reverse order. Adapters are loaded when the
 * configuration names them, so that a start loads only what it uses.
 */
import { readFile } from "node:fs/promises";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import { PipeStepProcessorService } from "../gen/ai/pipestream/data/module/v1/module_service_pb.ts";
import { createHttpDocuments } from "./adapters/http-documents/documents.ts";
import { createMeter } from "./adapters/prometheus/meter.ts";
import { createSchemaSandbox } from "./adapters/schema-sandbox/sandbox.ts";
import { createSchemaCheck } from "./adapters/schema-sandbox/schema-check.ts";
import { createSchemaCompare } from "./adapters/schema-sandbox/schema-compare.ts";
import { readAuthorities } from "./adapters/system/authorities.ts";
import { systemClock } from "./adapters/system/clock.ts";
import { createUuidV7, uuidV7Floor } from "./adapters/system/ids.ts";
import { createHostResolver } from "./adapters/system/resolve-host.ts";
import { createWebhookHttp } from "./adapters/webhook-http/client.ts";
import { compiledPolicies } from "./approvals/compiled-policies.ts";
import { gateApprovals, registrationOwner } from "./approval-gate.ts";
import { createApprovals } from "./approvals/domain.ts";
import type { Config } from "./config/config.ts";
import { isLoopback } from "./config/server.ts";
import { startDelivery, type Delivery } from "./delivery/delivery.ts";
import { notingCommits } from "./delivery/event-commits.ts";
import { createEventCodec } from "./delivery/event-codec.ts";
import { startLoop } from "./delivery/loop.ts";
import { events } from "./events.ts";
import { castVotes } from "./inbound-votes.ts";
import type { Log } from "./kernel/log.ts";
import type { Clock } from "./kernel/ports.ts";
import type { SagaProbe } from "./kernel/saga.ts";
import { openAdapters, type Adapters } from "./open-adapters.ts";
import { openInbound } from "./open-inbound.ts";
import { noticeSource } from "./notice-source.ts";
import { openAccess, openDirectories } from "./open-people.ts";
import { createGate } from "./registration/gate/gate.ts";
import { afterCatalogChanges, createRegistration, maxRunning } from "./registration/domain.ts";
import { hostViolation, isIpLiteral, judgeAddress } from "./registration/address.ts";
import { restoreCatalog } from "./registration/reconcile/restore.ts";
import type { ResolveHost } from "./registration/register.ts";
import { selfPauseMs, selfRegistration } from "./registration/self-registration.ts";
import { auditService } from "./rpc/platform/audit.ts";
import { descriptorRoute } from "./rpc/platform/descriptor.ts";
import { eventService } from "./rpc/platform/events.ts";
import { metricsRoutes } from "./rpc/platform/metrics.ts";
import { probeRoutes, silentOnes } from "./rpc/platform/probes.ts";
import { rpcMeasures } from "./rpc/platform/rpc-metrics.ts";
import { approvalServices } from "./rpc/approvals/methods.ts";
import { inboundService } from "./rpc/inbound/methods.ts";
import { inboundRoutes } from "./rpc/inbound/routes.ts";
import { registrationServices } from "./rpc/registration/methods.ts";
import { webhookService } from "./rpc/webhooks/methods.ts";
import { defaultLimits, type Limits } from "./rpc/transport/limits.ts";
import { startServer, type ServerOptions } from "./rpc/transport/server.ts";
import type { MusterStore, MusterTx } from "./store/parts.ts";
import { createWebhooks } from "./webhooks/domain.ts";

/** A running server. Disposing drains it: running registrations get up to 15 s, everything ends within 30 s. */
export interface App extends AsyncDisposable {
  readonly address: { readonly host: string; readonly port: number };
  /** Which of `store`, `catalog`, `schemas`, `events` and `identity` do not answer; after a second at most. Does not reject. */
  silent(): Promise<readonly string[]>;
}

export interface AppOptions {
  readonly log: Log;
  readonly clock?: Clock;
  readonly limits?: Limits;
  /** Aborts a start in progress: `createApp` closes what it has opened and rejects with the signal's reason. */
  readonly stop?: AbortSignal;
  /** Called at every instant of every saga; for tests that stop the process there. */
  readonly probe?: SagaProbe;
  /** Wraps the adapters; for tests that let them fail. */
  readonly decorate?: (adapters: Adapters) => Adapters;
  /** Replaces the name service; for tests that need their own hosts. */
  readonly resolveHost?: ResolveHost;
}

const drainMs = 15_000;
const streamDrainMs = 3_000;
const firstLookMs = 1_000;
const firstCallsMs = 1_000;
const pruneEveryMs = 3_600_000;
/** So many schema queries wait. */
const mostSchemaQueries = 64;

/** Starts everything in the configuration; resolves when the port accepts connections. */
export async function createApp(config: Config, options: AppOptions): Promise<App> {
  await using stack = new AsyncDisposableStack();
  const { log, limits = defaultLimits, clock = systemClock, decorate = (adapters) => adapters } = options;
  const ids = createUuidV7(clock);
  const owner = ids.next();
  const meter = createMeter(() => [
    registration.measures,
    approvals.measures,
    webhooks.measures,
    inbound.measures,
    delivery.measures,
    access.measures,
    directories.measures,
    rpc,
  ]);
  const access = await openAccess(config, { clock, log, meter });
  const tls = config.tls && (await tlsSettings(config.tls));

  const codec = createEventCodec(events, config.eventWire);
  const { catalog, schemas, sink, module, ...adapters } = decorate(await openAdapters(config, { clock, log, codec, dispose: stack }));
  options.stop?.throwIfAborted();
  const store = notingCommits(adapters.store, { onEvents: () => delivery.nudge(), onTasks: () => delivery.tasks.nudge() });
  const resolveHost = options.resolveHost ?? createHostResolver(config.modules);
  const judge = (address: string) => judgeAddress(address, config.modules);
  const { caFile } = config.modules;
  const documents = createHttpDocuments({ resolveHost, ...(caFile === undefined ? {} : { ca: await readAuthorities(caFile) }) });
  // As many as can run at once may wait for the check of a registration: it is refused nothing that it was let in for.
  const schemaLane = (queueLength: number, niceness: number) => {
    const sandbox = stack.use(createSchemaSandbox({ queueLength, niceness }));
    return { checkSchema: createSchemaCheck(sandbox), compareSchemas: createSchemaCompare(sandbox) };
  };
  const gate = createGate({
    approvals: gateApprovals(() => ({ ...approvals.deps, feed: delivery.feed })),
    ids,
    environment: config.environment,
    now: () => clock.now(),
  });
  const ports = {
    store,
    catalog,
    schemas,
    module,
    documents,
    judge,
    gate,
    clock,
    ...schemaLane(maxRunning, 0),
    schemaQueries: schemaLane(mostSchemaQueries, 10),
  };
  if (store.exclusive) await expireLeases(store);
  if (config.catalog.kind === "embedded") {
    const restoring = new AbortController();
    stack.defer(() => restoring.abort());
    const restored = await restoreCatalog({ store, catalog, clock, log, judge }, restoring.signal);
    if (restored > 0) log("info", "catalog.restored", { entries: restored });
  }

  const directories = await openDirectories(config, { ...access, store, clock, log, meter });
  const runTask = (taskId: string) => delivery.tasks.run(taskId);
  const registration = stack.use(
    createRegistration({
      ports,
      ids,
      idFloor: uuidV7Floor,
      log,
      meter,
      owner,
      settings: config,
      resolveHost,
      selfName: config.self?.name,
      runTask,
      probe: options.probe,
    }),
  );
  const webhooks = createWebhooks({
    store,
    clock,
    ids,
    log,
    meter,
    client: createWebhookHttp({ resolveHost: options.resolveHost ?? createHostResolver(config.webhooks), isLoopback }),
    hosts: { violation: (host) => hostViolation(host) ?? (isIpLiteral(host) ? judgeAddress(host, config.webhooks) : undefined), isLoopback },
    source: noticeSource(codec),
    runTask,
  });
  const approvals = createApprovals({
    store,
    clock,
    ids,
    log,
    meter,
    policies: compiledPolicies(),
    owners: [registrationOwner(() => approvals.deps, { ids, gate, environment: config.environment, now: () => clock.now() })],
    directory: (tenant) => directories.of(tenant),
    tenants: () => directories.tenants(),
    // A transaction of one domain has the repositories of all.
    listeners: { note: (tx, news) => webhooks.note(tx as MusterTx, news), addCallback: (tx, ...rest) => webhooks.addCallback(tx as MusterTx, ...rest) },
  });
  const inbound = await openInbound(config, { store, clock, ids, log, meter, owner, cast: castVotes(() => approvals.deps) });
  const domains = [registration, approvals, webhooks, inbound];

  // Background loops, and the code that they load, begin after the start.
  const open = Promise.withResolvers<void>();
  const background = { clock, log, after: open.promise };
  const delivery: Delivery = stack.use(
    startDelivery({ store, sink, codec, kinds: domains.flatMap(({ tasks }) => tasks), eventRetentionMs: config.eventRetentionMs, owner, background }),
  );
  const prune = async (signal: AbortSignal): Promise<boolean> => {
    await delivery.prune(signal);
    return (await Promise.all(domains.map((domain) => domain.prune()))).includes(true);
  };
  for (const loop of [
    { name: "prune", everyMs: pruneEveryMs, round: prune },
    ...access.loops,
    ...directories.loops,
    ...domains.flatMap(({ loops }) => loops),
  ]) {
    stack.use(startLoop({ ...loop, ...background }));
  }

  let draining = false;
  const checks = {
    store: { ping: (signal: AbortSignal) => store.ping(signal), required: true },
    catalog: { ping: (signal: AbortSignal) => catalog.ping(signal), required: false },
    schemas: { ping: (signal: AbortSignal) => schemas.ping(signal), required: false },
    events: { ping: (signal: AbortSignal) => (sink ?? store).ping(signal), required: false },
    ...(access.providers ? { identity: { ping: access.providers.ping, required: false } } : {}),
  };
  const root = config.httpRoot === "" ? {} : { httpRoot: config.httpRoot };
  const services = [
    ...registrationServices({ store, clock, ...registration }),
    ...approvalServices({ ...approvals.deps, feed: delivery.feed }),
    webhookService(webhooks.deps),
    inboundService(inbound.deps),
    auditService(domains.flatMap(({ audits }) => audits)),
    eventService({ feed: delivery.feed, message: codec.message, clock }, events),
  ];
  const contract = services.map(({ desc }) => desc);
  const rpc = rpcMeasures([...contract, Health]);
  // Discovery answers from the first call on, unless the catalog is unavailable.
  await Promise.race([registration.discovery.seen, clock.sleep(firstLookMs, options.stop)]);
  options.stop?.throwIfAborted();
  const server = await startServer({
    listen: config.listen,
    services,
    http: [
      ...probeRoutes({ checks, draining: () => draining, clock, ...root }),
      ...metricsRoutes(() => meter.render(), config.httpRoot || undefined),
      ...inboundRoutes({ deps: inbound.deps, clock, store, isLoopback }),
      descriptorRoute([...contract, PipeStepProcessorService].map(({ file }) => file)),
    ],
    gate: access.gate,
    localOnly: config.auth.kind === "open",
    corsOrigins: config.corsOrigins,
    limits,
    clock,
    ids,
    log,
    onCallEnd: rpc.noteIn(meter),
    ...(tls ? { tls } : {}),
  });
  stack.defer(async () => {
    draining = true;
    server.setDraining();
    await Promise.all(domains.map((domain) => domain.drain(drainMs)));
    await server.close(streamDrainMs);
  });
  if (config.self) {
    const { name, host, port = server.port } = config.self;
    const wokenBy = afterCatalogChanges(registration.discovery, ports, selfPauseMs);
    const self = selfRegistration({ name, host, port, tls: tls !== undefined, owner }, { catalog, log, wokenBy });
    stack.defer(() => self.end());
    stack.use(startLoop({ ...self.loop, ...background }));
  }
  log("info", "server.listening", { host: server.host, port: server.port });
  open.resolve();
  const stopping = new AbortController();
  stack.defer(() => stopping.abort());
  const warm = async (): Promise<void> => {
    await clock.sleep(firstCallsMs, stopping.signal);
    await meter.load();
    await server.warm();
  };
  // Stopped before that, or loading failed: the first request reports it.
  warm().catch(() => undefined);

  const disposal = stack.move();
  return {
    address: { host: server.host, port: server.port },
    silent: () => silentOnes(checks, clock),
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  };
}

/** Voids what an earlier process held in a store that only one process can use. */
async function expireLeases(store: MusterStore): Promise<void> {
  await store.tx(async ({ attempts, leases, tasks }) => {
    await attempts.expireLeases();
    await leases.expireLeases();
    await tasks.expireLeases();
  });
}

async function tlsSettings(tls: NonNullable<Config["tls"]>): Promise<NonNullable<ServerOptions["tls"]>> {
  const [cert, key] = await Promise.all([readFile(tls.certFile, "utf8"), readFile(tls.keyFile, "utf8")]);
  if (!tls.clients) return { cert, key };
  const { caFile, areRequired } = tls.clients;
  return { cert, key, clients: { ca: await readAuthorities(caFile), areRequired } };
}
