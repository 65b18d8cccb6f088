/**
 * Registration's own parts in this process, on the embedded adapters, with the instance behind every address in the test's
 * hand: for what cannot be brought about from outside, such as a write of another replica between two of ours.
 */
import { createFindHeld } from "../../src/registration/gate/held.ts";
import { gateOff } from "./gate-off.ts";
import { randomUUID } from "node:crypto";
import { createEmbeddedCatalog } from "../../src/adapters/embedded/catalog.ts";
import { createEmbeddedSchemas } from "../../src/adapters/embedded/schema-registry.ts";
import { systemClock } from "../../src/adapters/system/clock.ts";
import { createUuidV7 } from "../../src/adapters/system/ids.ts";
import type { AuditRow } from "../../src/kernel/audit.ts";
import { principalOf, type Caller } from "../../src/kernel/caller.ts";
import { createFairQueue } from "../../src/kernel/fair-queue.ts";
import type { LogFields } from "../../src/kernel/log.ts";
import type { Clock, Ids } from "../../src/kernel/ports.ts";
import { orAborted } from "../../src/kernel/or-aborted.ts";
import type { RegistrationPorts } from "../../src/registration/attempts/attempt-context.ts";
import { createProgress, type Progress } from "../../src/registration/attempts/progress.ts";
import type { RunnerDeps } from "../../src/registration/attempts/run-attempt.ts";
import { createDiscoveryView, type DiscoveryView } from "../../src/registration/discovery/view.ts";
import { createRunner, type Runner, type RunnerOptions } from "../../src/registration/attempts/runner.ts";
import type { RegisterDeps, StartedRegistration } from "../../src/registration/register.ts";
import { startRegistration } from "../../src/registration/register.ts";
import type { Attempt, RegistrationTx } from "../../src/registration/records.ts";
import { notCompared } from "../../src/registration/schemas/bounded-comparison.ts";
import { createFindUnchanged } from "../../src/registration/unchanged.ts";
import { serviceIdOf, subjectOf } from "../../src/registration/service-id.ts";
import type { CheckTarget, Endpoint, HealthVerdict, ModuleDescription, ProgressEvent, RegisterInput } from "../../src/registration/types.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";

export const host = "127.0.0.1";
export const port = 9_000;
export const caller: Caller = principalOf("tokens", "tester", ["registrar"]);
export const serving: HealthVerdict = { status: "serving" };
export const notServing: HealthVerdict = { status: "not_serving", detail: "NOT_SERVING" };

/** The instance behind all addresses; what is set here is what it answers from then on. */
export interface ScriptedInstance {
  health: (signal: AbortSignal, target: CheckTarget) => HealthVerdict | Promise<HealthVerdict>;
  describe: (signal: AbortSignal, endpoint: Endpoint) => ModuleDescription | Promise<ModuleDescription>;
  /** Times it was called back. */
  described: number;
}

export interface Replica {
  readonly runner: Runner;
  readonly progress: Progress;
  readonly deps: RegisterDeps;
  /** What this replica has seen of the catalog. */
  readonly discovery: DiscoveryView;
  /** Begins, or joins, an attempt; `input` as `inputFor` makes it. */
  register(input: RegisterInput, by?: Caller): Promise<StartedRegistration>;
  /** The attempt's events, when it has ended and those who follow it here have been sent its end. */
  events(attemptId: string): Promise<readonly ProgressEvent[]>;
  /** What `onBegin` and `onEnd` were called with: `begin <id>`, `<outcome> <id> [reason]`. */
  readonly counted: string[];
  /** What was logged, in order. */
  readonly logged: { readonly event: string; readonly fields: LogFields }[];
}

export interface Workshop extends AsyncDisposable {
  readonly ports: RegistrationPorts;
  /** As it is beneath what `decorate` made of it. */
  readonly store: RegistrationPorts["store"];
  readonly instance: ScriptedInstance;
  readonly ids: Ids;
  replica(options?: Partial<RunnerOptions>, deps?: Partial<RunnerDeps>): Replica;
  attempt(id: string): Promise<Attempt>;
  /** The audit of the instance that `inputFor(name)` registers. */
  audit(name: string): Promise<readonly AuditRow[]>;
}

export interface WorkshopOptions {
  readonly clock?: Clock;
  /** Wraps the ports; for tests that let them fail, or act between two calls. */
  readonly decorate?: (ports: RegistrationPorts) => RegistrationPorts;
}

/** Everything is fresh; the instance is serving and describes itself as `inputFor` registers it. */
export async function openWorkshop({ clock = systemClock, decorate = (ports) => ports }: WorkshopOptions = {}): Promise<Workshop> {
  await using stack = new AsyncDisposableStack();
  const instance: ScriptedInstance = { health: () => serving, describe: () => description(), described: 0 };
  const store = stack.use(await openSqliteStore({ path: ":memory:", clock }));
  const module: RegistrationPorts["module"] = {
    health: (target, signal) => orAborted(Promise.resolve(instance.health(signal, target)), signal),
    describe: (endpoint, signal) => {
      instance.described += 1;
      return orAborted(Promise.resolve(instance.describe(signal, endpoint)), signal);
    },
  };
  const catalog = stack.use(createEmbeddedCatalog({ clock, probe: module.health }));
  const ids = createUuidV7(systemClock);
  const schemaLane = { checkSchema: async () => ({ warnings: [] }), compareSchemas: async () => notCompared("not here") };
  const ports = decorate({
    store,
    catalog,
    schemas: createEmbeddedSchemas({ store, clock }),
    module,
    documents: { fetch: () => Promise.reject(new Error("no document here")) },
    ...schemaLane,
    schemaQueries: schemaLane,
    judge: () => undefined,
    gate: gateOff(),
    clock,
  });
  const stopping = new AbortController();
  const views = stack.use(new AsyncDisposableStack());
  const disposal = stack.move();
  return {
    ports,
    store,
    instance,
    ids,
    replica: (options, deps) => openReplica({ ports, ids, store, views, stopping: stopping.signal }, options, deps),
    async attempt(id) {
      const found = await store.tx((tx) => tx.attempts.find(id));
      if (!found) throw new Error(`there is no attempt ${id}`);
      return found;
    },
    audit: (name) => store.tx((tx) => tx.audit.list(subjectOf(serviceIdOf(name, host, port)))),
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("the workshop is closed"));
      await disposal.disposeAsync();
    },
  };
}

function openReplica(
  shop: { readonly store: RegistrationPorts["store"]; readonly views: AsyncDisposableStack; readonly stopping: AbortSignal } & Pick<Workshop, "ports" | "ids">,
  options: Partial<RunnerOptions> = {},
  deps: Partial<RunnerDeps> = {},
): Replica {
  const { ports, ids, store, views, stopping } = shop;
  const counted: string[] = [];
  const logged: Replica["logged"] = [];
  const log: RunnerDeps["log"] = (_level, event, fields = {}) => void logged.push({ event, fields });
  const discovery = views.use(createDiscoveryView({ catalog: ports.catalog, store, clock: ports.clock, log }));
  const progress = createProgress(ports.store, ports.clock, (attemptId) => runner.runsHere(attemptId));
  const runner: Runner = createRunner(
    () => ({
      ports,
      progress,
      log,
      onCommit: () => discovery.refresh(),
      onBegin: ({ id }) => void counted.push(`begin ${id}`),
      onEnd: ({ id }, error, outcome) => void counted.push([outcome, id, ...(error ? [error.reason] : [])].join(" ")),
      ...deps,
    }),
    { owner: randomUUID(), leaseMs: 15_000, maxRunning: 100, maxWaiting: 100, maxTakenOver: 50, ...options },
  );
  const findUnchanged = createFindUnchanged({ store: ports.store, inCatalog: discovery.inCatalog });
  const registering: RegisterDeps = {
    ports,
    ids,
    runner,
    starts: createFairQueue({ places: 16 }),
    resolveHost: async (address) => ({ address }),
    findUnchanged,
    findHeld: createFindHeld(ports),
  };
  return {
    runner,
    progress,
    deps: registering,
    discovery,
    counted,
    logged,
    register: (input, by = caller) => startRegistration(registering, input, by, stopping),
    events: (attemptId) => Array.fromAsync(progress.follow(attemptId, 0, stopping)),
  };
}

/** What registers `name` as a MODULE at `host` and `port`. */
export function inputFor(name = "parser", more: Partial<RegisterInput> = {}): RegisterInput {
  return {
    name,
    type: "MODULE",
    connectivity: { advertisedHost: host, advertisedPort: port, tlsEnabled: false },
    version: "1.0.0",
    metadata: {},
    tags: [],
    capabilities: [],
    httpEndpoints: [],
    grpcServices: [],
    validateOnly: false,
    waitForApproval: false,
    healthTimeoutMs: 60_000,
    startupGraceMs: 0,
    ...more,
  };
}

/** What the instance says of itself. */
export function description(more: Partial<ModuleDescription> = {}): ModuleDescription {
  return {
    moduleName: "parser",
    version: "1.0.0",
    tags: [],
    healthCheckPassed: true,
    healthCheckMessage: "",
    serverInfo: "",
    sdkVersion: "",
    dependencies: [],
    metadata: {},
    capabilities: [],
    ...more,
  };
}

/** `ports` whose store calls `before` ahead of every transaction, with its number from 1, outside any transaction. */
export function beforeEachTx(ports: RegistrationPorts, before: (count: number) => Promise<void> | void): RegistrationPorts {
  let count = 0;
  return onTx(ports, async (run) => {
    count += 1;
    await before(count);
    return run();
  });
}

/** `ports` whose transactions go through `around`. */
export function onTx(ports: RegistrationPorts, around: <R>(run: () => Promise<R>) => Promise<R>): RegistrationPorts {
  const { store } = ports;
  return { ...ports, store: { ...store, exclusive: store.exclusive, tx: (work) => around(() => store.tx(work)) } };
}

/** `ports` whose transactions see a changed `tx`. */
export function withTx(ports: RegistrationPorts, change: (tx: RegistrationTx) => Partial<RegistrationTx>): RegistrationPorts {
  const { store } = ports;
  return { ...ports, store: { ...store, tx: (work) => store.tx((tx) => work({ ...tx, ...change(tx) })) } };
}

/** The types of an attempt's events. */
export function typesOf(events: readonly ProgressEvent[]): readonly string[] {
  return events.map(({ type }) => type);
}
