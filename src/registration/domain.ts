/** Registration as a whole: its use cases, joined with what they share, and what it brings to the process. */
import { createFairQueue } from "../kernel/fair-queue.ts";
import { paced, type LoopSpec } from "../kernel/loop.ts";
import type { Domain } from "../kernel/domain.ts";
import type { Log } from "../kernel/log.ts";
import type { Meter } from "../kernel/meter.ts";
import type { Ids } from "../kernel/ports.ts";
import type { SagaProbe } from "../kernel/saga.ts";
import type { RegistrationPorts } from "./attempts/attempt-context.ts";
import { createProgress, type Progress } from "./attempts/progress.ts";
import { pruneAttempts, type PruneDeps } from "./attempts/prune-attempts.ts";
import { createRunner, type Runner } from "./attempts/runner.ts";
import { createDiscoveryView, type DiscoveryView } from "./discovery/view.ts";
import { registrationAudits } from "./audits.ts";
import { registrationMeasures, registrationMeter } from "./metrics.ts";
import { pruneReservations } from "./name-owner.ts";
import { createReconciler, type ReconcileMode } from "./reconcile/round.ts";
import type { RegisterDeps } from "./register.ts";
import { reportClashes } from "./spellings.ts";
import { registrationTasks } from "./tasks.ts";
import { createFindHeld } from "./gate/held.ts";
import { createFindUnchanged } from "./unchanged.ts";
import type { UnregisterDeps } from "./unregister.ts";
import type { UpdateTagsDeps } from "./update-tags.ts";

export interface RegistrationSettings {
  readonly attemptLeaseMs: number;
  readonly attemptRetentionMs: number;
  readonly reconcile: { readonly mode: "off" | ReconcileMode; readonly everyMs: number; readonly reapAfterMs: number };
}

export interface RegistrationOptions {
  readonly ports: RegistrationPorts;
  readonly ids: Ids;
  readonly idFloor: PruneDeps["idFloor"];
  readonly log: Log;
  readonly meter: Meter;
  /** This process; leases are held in its name. */
  readonly owner: string;
  readonly settings: RegistrationSettings;
  readonly resolveHost: RegisterDeps["resolveHost"];
  readonly selfName: string | undefined;
  /** Carries a task out now; true when that succeeded soon. */
  readonly runTask: (taskId: string) => Promise<boolean>;
  readonly probe?: SagaProbe | undefined;
}

export interface Registration extends Domain, AsyncDisposable {
  readonly discovery: DiscoveryView;
  readonly progress: Progress;
  readonly runner: Runner;
  readonly register: RegisterDeps;
  readonly unregister: UnregisterDeps;
  readonly updateTags: UpdateTagsDeps;
}

/** Attempts that are carried out at once. */
export const maxRunning = 500;
const maxWaiting = 1_500;
const maxTakenOver = 50;
/** Requests that are looked up in the store, and begun, at once. */
const parallelStarts = 16;
/** After a change of the catalog, until record and catalog are compared. */
const reconcilePauseMs = 5_000;
/** How long an instance that the catalog lost is shown where nothing puts it back. */
const unreconciledHoldMs = 60_000;
/** At the start, and then so often. */
const clashesEveryMs = 86_400_000;

export function createRegistration(options: RegistrationOptions): Registration {
  const { ports, ids, log, owner, settings, runTask } = options;
  const { store, catalog, clock } = ports;
  const meter = registrationMeter(options.meter, clock);
  const holdMs = settings.reconcile.mode === "on" ? undefined : unreconciledHoldMs;
  const discovery = createDiscoveryView({ catalog, store, clock, log, holdMs, judge: ports.judge });
  const progress = createProgress(store, clock, (attemptId) => runner.runsHere(attemptId));
  const runner: Runner = createRunner(
    () => ({
      ports,
      progress: { ...progress, publish: (event) => (meter.progressed(event), progress.publish(event)) },
      log,
      probe: options.probe,
      onBegin: meter.begun,
      onEnd: meter.ended,
      onCommit: () => discovery.refresh(),
    }),
    { owner, leaseMs: settings.attemptLeaseMs, maxRunning, maxWaiting, maxTakenOver },
  );
  const tend: LoopSpec = {
    name: "attempts",
    everyMs: Math.min(1_000, settings.attemptLeaseMs / 3),
    round: async () => (await runner.tend(), false),
  };
  const clashes: LoopSpec = { name: "spellings", everyMs: clashesEveryMs, round: async () => (await reportClashes(store, log), false) };
  const { mode, everyMs, reapAfterMs } = settings.reconcile;
  const reconciler =
    mode === "off" ? undefined : createReconciler({ ports, ids, log, owner, mode, reapAfterMs, seenAt: () => discovery.seenAt(), onRound: meter.reconciled });
  const reconcile: readonly LoopSpec[] = reconciler
    ? [{ name: "reconcile", everyMs, round: reconciler.round, wokenBy: afterCatalogChanges(discovery, ports, Math.min(everyMs, reconcilePauseMs)) }]
    : [];

  return {
    discovery,
    progress,
    runner,
    register: {
      ports,
      ids,
      runner,
      starts: createFairQueue({ places: parallelStarts }),
      resolveHost: options.resolveHost,
      selfName: options.selfName,
      findUnchanged: createFindUnchanged({ store, inCatalog: discovery.inCatalog }),
      findHeld: createFindHeld({ store, clock, gate: ports.gate }),
      onUnchanged: meter.unchanged,
    },
    unregister: { ports, ids, runner, runTask },
    updateTags: { ports, ids, runTask },
    tasks: registrationTasks({ ports, ids, log, runner, progress }),
    loops: [tend, clashes, ...reconcile],
    audits: registrationAudits(store),
    measures: registrationMeasures({ store, running: () => runner.count() }),
    prune: async () => {
      const isMore = await pruneAttempts({ store, clock, retentionMs: settings.attemptRetentionMs, idFloor: options.idFloor });
      return (await pruneReservations(store)) || isMore;
    },
    drain: (ms) => runner.drain(ms),
    async [Symbol.asyncDispose]() {
      await reconciler?.release().catch((error: unknown) => log("warn", "reconcile.lease-not-released", { error }));
      await discovery[Symbol.asyncDispose]();
    },
  };
}

/** Wakes a loop `pauseMs` after the catalog has changed. */
export function afterCatalogChanges(
  discovery: Pick<DiscoveryView, "onChange">,
  { clock }: Pick<RegistrationPorts, "clock">,
  pauseMs: number,
): NonNullable<LoopSpec["wokenBy"]> {
  return (wake, signal) => discovery.onChange(paced(wake, pauseMs, clock, signal), signal);
}
