/** What is known of the work that transactions left behind. */
import { unlabelled, type Measures, type Metric } from "../kernel/meter.ts";
import type { Clock, Store } from "../kernel/ports.ts";

const waiting = { kind: "gauge", name: "outbox_waiting", help: "Events not yet published", series: unlabelled } satisfies Metric;
const oldest = { kind: "gauge", name: "outbox_oldest_age_seconds", help: "Age of the oldest event not yet published", series: unlabelled } satisfies Metric;
const parked = { kind: "gauge", name: "outbox_parked", help: "Events that the sink refused for good", series: unlabelled } satisfies Metric;

export function deliveryMeasures({ store, clock }: { readonly store: Store; readonly clock: Clock }): Measures {
  return {
    metrics: [waiting, oldest, parked],
    async collect(meter) {
      const backlog = await store.tx((tx) => tx.outbox.backlog());
      meter.set(waiting, {}, backlog.waiting);
      meter.set(parked, {}, backlog.parked);
      meter.set(oldest, {}, backlog.oldestAt === undefined ? 0 : Math.max(clock.now() - backlog.oldestAt, 0) / 1_000);
    },
  };
}
