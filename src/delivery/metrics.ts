/** Measures of outbox and tasks. */
import { series, unlabelled, type Measures, type Metric } from "../kernel/meter.ts";
import type { Clock, Store } from "../kernel/ports.ts";

const waiting = { kind: "gauge", name: "outbox_waiting", help: "Events not yet published", series: unlabelled } satisfies Metric;
const oldest = { kind: "gauge", name: "outbox_oldest_age_seconds", help: "Age of the oldest event not yet published", series: unlabelled } satisfies Metric;
const parked = { kind: "gauge", name: "outbox_parked", help: "Events that can never be published", series: unlabelled } satisfies Metric;

export interface DeliveryMeasured {
  readonly store: Store;
  readonly clock: Clock;
  /** Without a sink no event waits to be published. */
  readonly hasSink: boolean;
  /** Of tasks: those that this program knows. */
  readonly kinds: readonly string[];
}

export function deliveryMeasures({ store, clock, hasSink, kinds }: DeliveryMeasured): Measures {
  const byKind = series({ kind: kinds });
  const tasksWaiting: Metric = { kind: "gauge", name: "tasks_waiting", help: "Tasks that are due, running or to be retried, by kind", series: byKind };
  const tasksParked: Metric = { kind: "gauge", name: "tasks_parked", help: "Tasks that are not retried, by kind", series: byKind };
  return {
    metrics: [waiting, oldest, parked, tasksWaiting, tasksParked],
    async collect(meter) {
      const tasks = await store.tx((tx) => tx.tasks.backlog());
      for (const kind of new Set([...kinds, ...tasks.map((it) => it.kind)])) {
        const its = tasks.find((it) => it.kind === kind);
        meter.set(tasksWaiting, { kind }, its?.waiting ?? 0);
        meter.set(tasksParked, { kind }, its?.parked ?? 0);
      }
      if (!hasSink) return;
      const backlog = await store.tx((tx) => tx.outbox.backlog());
      meter.set(waiting, {}, backlog.waiting);
      meter.set(parked, {}, backlog.parked);
      meter.set(oldest, {}, backlog.oldestAt === undefined ? 0 : Math.max(clock.now() - backlog.oldestAt, 0) / 1_000);
    },
  };
}
