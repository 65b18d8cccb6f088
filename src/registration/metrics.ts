/** What registration counts and times. */
import { sharedReasons, type DomainError } from "../kernel/errors.ts";
import { series, unlabelled, type Measures, type Meter, type Metric } from "../kernel/meter.ts";
import type { Clock } from "../kernel/ports.ts";
import type { AttemptOutcome } from "./attempts/run-attempt.ts";
import type { Attempt, RegistrationStore } from "./records.ts";
import { registrationReasons } from "./reasons.ts";
import { driftKinds, reconcileActions, type ReconcileReport } from "./reconcile/round.ts";
import { eventTypes, typeNames, type ProgressEvent, type ServiceType } from "./types.ts";

const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
const byType = series({ type: typeNames });
/** States in which something is still to be done. */
const openStates = ["RUNNING", "UNWINDING", "STUCK"] as const;

const started = {
  kind: "counter",
  name: "registrations_started_total",
  help: "Registration attempts begun here",
  series: byType,
} satisfies Metric;
const completed = {
  kind: "counter",
  name: "registrations_completed_total",
  help: "Registration attempts that succeeded here",
  series: byType,
} satisfies Metric;
const unchanged = {
  kind: "counter",
  name: "registrations_unchanged_total",
  help: "Registrations answered here with UNCHANGED",
  series: byType,
} satisfies Metric;
const failed = {
  kind: "counter",
  name: "registrations_failed_total",
  help: "Registration attempts that failed here, by reason",
  series: series({ type: typeNames, reason: [...sharedReasons, ...registrationReasons] }),
} satisfies Metric;
const duration = {
  kind: "histogram",
  name: "registration_duration_seconds",
  help: "From STARTED to the end of an attempt",
  series: byType,
  buckets,
} satisfies Metric;
const step = {
  kind: "histogram",
  name: "registration_step_seconds",
  help: "From the event before to the event of a step",
  series: series({ step: eventTypes.filter((type) => type !== "STARTED" && type !== "HEALTH_WAITING") }),
  buckets,
} satisfies Metric;
const inFlight = { kind: "gauge", name: "registrations_in_flight", help: "Attempts that run or wait here", series: unlabelled } satisfies Metric;
const attempts = {
  kind: "gauge",
  name: "attempts",
  help: "Attempts in the store that have not ended well or badly, by state",
  series: series({ state: openStates }),
} satisfies Metric;
const held = { kind: "gauge", name: "registrations_held", help: "Instances in the store that wait for an approval", series: unlabelled } satisfies Metric;
const drift = {
  kind: "gauge",
  name: "reconcile_drift",
  help: "In what the catalog differed from the record at the last look",
  series: series({ kind: driftKinds }),
} satisfies Metric;
const actions = {
  kind: "counter",
  name: "reconcile_actions_total",
  help: "What was done about it here",
  series: series({ action: reconcileActions }),
} satisfies Metric;
const brakes = {
  kind: "counter",
  name: "reconcile_brakes_total",
  help: "Rounds in which more than a fifth was gone at once",
  series: unlabelled,
} satisfies Metric;
const lastRound = {
  kind: "gauge",
  name: "reconcile_last_round_timestamp_seconds",
  help: "End of the last round here; 0 before the first",
  series: unlabelled,
} satisfies Metric;

/** The metrics of registration; `running` is how many attempts run or wait here. */
export function registrationMeasures({ store, running }: { readonly store: RegistrationStore; readonly running: () => number }): Measures {
  return {
    metrics: [started, completed, unchanged, failed, duration, step, inFlight, attempts, held, drift, actions, brakes, lastRound],
    async collect(meter) {
      meter.set(inFlight, {}, running());
      const [counts, asks] = await store.tx(async (tx) => [await tx.attempts.countByState(), await tx.asks.count()]);
      meter.set(held, {}, asks);
      for (const state of openStates) meter.set(attempts, { state }, counts[state] ?? 0);
    },
  };
}

export interface RegistrationMeter {
  begun(attempt: Attempt): void;
  /** A request that changed nothing was answered here. */
  unchanged(type: ServiceType): void;
  /** An event of an attempt that runs here was recorded. */
  progressed(event: ProgressEvent): void;
  /** An attempt that ran here has ended, or was left to another replica. */
  ended(attempt: Attempt, error: DomainError | undefined, outcome: AttemptOutcome): void;
  /** A round of reconciling record and catalog has ended here. */
  reconciled(report: ReconcileReport): void;
}

export function registrationMeter(meter: Meter, clock: Clock): RegistrationMeter {
  /** Of the attempts that began here and have not ended. */
  const lastEventAt = new Map<string, number>();
  return {
    begun({ id, type, createdAt }) {
      lastEventAt.set(id, createdAt);
      meter.count(started, { type });
    },
    unchanged: (type) => meter.count(unchanged, { type }),
    progressed({ attemptId, type, at }) {
      const before = lastEventAt.get(attemptId);
      if (before === undefined) return;
      if (type !== "STARTED" && type !== "HEALTH_WAITING") meter.observe(step, { step: type }, (at - before) / 1_000);
      lastEventAt.set(attemptId, at);
    },
    ended({ id, type, createdAt }, error, outcome) {
      lastEventAt.delete(id);
      // Its end is counted where it is written down.
      if (outcome === "abandoned") return;
      meter.observe(duration, { type }, (clock.now() - createdAt) / 1_000);
      if (error) meter.count(failed, { type, reason: error.reason });
      else meter.count(completed, { type });
    },
    reconciled(report) {
      for (const kind of driftKinds) meter.set(drift, { kind }, report.drift[kind]);
      for (const action of reconcileActions) meter.count(actions, { action }, report.actions[action] ?? 0);
      if (report.braked) meter.count(brakes, {});
      meter.set(lastRound, {}, clock.now() / 1_000);
    },
  };
}
