/** What is counted and timed, in Prometheus' terms. Labels come from fixed sets only. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { DomainError } from "./kernel/errors.ts";
import type { Attempt, RegistrationStore } from "./registration/records.ts";
import type { ReconcileReport } from "./registration/reconcile/round.ts";
import type { ProgressEvent } from "./registration/types.ts";

export interface Metrics {
  begun(attempt: Attempt): void;
  /** An event of an attempt that runs here was recorded. */
  progressed(event: ProgressEvent): void;
  /** An attempt that ran here has ended. */
  ended(attempt: Attempt, error: DomainError | undefined, atMs: number): void;
  /** A round of reconciling record and catalog has ended here. */
  reconciled(report: ReconcileReport, atMs: number): void;
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

const stepBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

export function createMetrics({
  store,
  hasSink,
  running,
  now,
}: {
  readonly store: RegistrationStore;
  /** Without a sink no event waits to be published. */
  readonly hasSink: boolean;
  readonly running: () => number;
  readonly now: () => number;
}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const started = new Counter({ name: "registrations_started_total", help: "Registration attempts begun here", labelNames: ["type"], registers });
  const completed = new Counter({ name: "registrations_completed_total", help: "Registration attempts that succeeded here", labelNames: ["type"], registers });
  const failed = new Counter({
    name: "registrations_failed_total",
    help: "Registration attempts that failed here, by reason",
    labelNames: ["type", "reason"],
    registers,
  });
  const duration = new Histogram({
    name: "registration_duration_seconds",
    help: "From STARTED to the end of an attempt",
    labelNames: ["type"],
    buckets: stepBuckets,
    registers,
  });
  const step = new Histogram({
    name: "registration_step_seconds",
    help: "From the event before to the event of a step",
    labelNames: ["step"],
    buckets: stepBuckets,
    registers,
  });
  const drift = new Gauge({ name: "reconcile_drift", help: "In what the catalog differed from the record at the last look", labelNames: ["kind"], registers });
  const actions = new Counter({ name: "reconcile_actions_total", help: "What was done about it here", labelNames: ["action"], registers });
  const brakes = new Counter({ name: "reconcile_brakes_total", help: "Rounds in which more than a fifth was gone at once", registers });
  const lastRound = new Gauge({ name: "reconcile_last_round_timestamp_seconds", help: "End of the last round here; 0 before the first", registers });
  const lastEventAt = new Map<string, number>();

  new Gauge({
    name: "registrations_in_flight",
    help: "Attempts that run or wait here",
    registers,
    collect() {
      this.set(running());
    },
  });
  new Gauge({
    name: "attempts",
    help: "Attempts in the store that have not ended well or badly, by state",
    labelNames: ["state"],
    registers,
    async collect() {
      const counts = await store.tx((tx) => tx.attempts.countByState());
      for (const state of ["RUNNING", "UNWINDING", "STUCK"] as const) this.set({ state }, counts[state] ?? 0);
    },
  });
  const parked = new Gauge({ name: "outbox_parked", help: "Events that can never be published", registers });
  const oldest = new Gauge({ name: "outbox_oldest_age_seconds", help: "Age of the oldest event not yet published", registers });
  new Gauge({
    name: "outbox_waiting",
    help: "Events not yet published",
    registers,
    async collect() {
      if (!hasSink) return;
      const backlog = await store.tx((tx) => tx.outbox.backlog());
      this.set(backlog.waiting);
      parked.set(backlog.parked);
      oldest.set(backlog.oldestAt === undefined ? 0 : Math.max(now() - backlog.oldestAt, 0) / 1_000);
    },
  });

  return {
    begun: ({ id, createdAt }) => void lastEventAt.set(id, createdAt),
    progressed(event) {
      const before = lastEventAt.get(event.attemptId);
      if (before !== undefined && event.type !== "HEALTH_WAITING") step.observe({ step: event.type }, (event.at - before) / 1_000);
      lastEventAt.set(event.attemptId, event.at);
    },
    ended(attempt, error, atMs) {
      lastEventAt.delete(attempt.id);
      const { type } = attempt;
      started.inc({ type });
      duration.observe({ type }, (atMs - attempt.createdAt) / 1_000);
      if (error) failed.inc({ type, reason: error.reason });
      else completed.inc({ type });
    },
    reconciled(report, atMs) {
      for (const [kind, count] of Object.entries(report.drift)) drift.set({ kind }, count);
      for (const [action, count] of Object.entries(report.actions)) actions.inc({ action }, count);
      if (report.braked) brakes.inc();
      lastRound.set(atMs / 1_000);
    },
    async render() {
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
