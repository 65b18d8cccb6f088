/** What is counted of events from outside, by source: sources are known at the start. */
import { series, type Measures, type Meter, type Metric } from "../kernel/meter.ts";
import type { InboundStore } from "./records.ts";
import type { InboundStatus, Source } from "./types.ts";

const ends = ["succeeded", "skipped", "failed", "duplicate"] as const;
const waits = ["failed", "parked"] as const;

/** Why a delivery was answered with a 4xx. */
export const deliveryRefusals = [
  "invalid_signature",
  "invalid_webhook_payload",
  "missing_event_fields",
  "invalid_approval_payload",
  "invalid_decision",
] as const;
export type DeliveryRefusal = (typeof deliveryRefusals)[number];

/** The rows of the table; without sources none has a series. */
export function inboundMetrics(sources: readonly Pick<Source, "name">[]) {
  const source = sources.map(({ name }) => name);
  return {
    events: {
      kind: "counter",
      name: "inbound_events_total",
      help: "Deliveries and tries of events from outside here, by their end",
      series: series({ source, result: ends }),
    },
    refused: {
      kind: "counter",
      name: "inbound_refused_total",
      help: "Deliveries refused here, by the code of the answer",
      series: series({ source, code: deliveryRefusals }),
    },
    parked: {
      kind: "counter",
      name: "inbound_parked_total",
      help: "Events parked here because they failed for an hour",
      series: series({ source }),
    },
    waiting: {
      kind: "gauge",
      name: "inbound_waiting",
      help: "Events in the store that have failed and are tried again, or are parked",
      series: series({ source, state: waits }),
    },
  } as const satisfies Readonly<Record<string, Metric>>;
}

export function inboundMeasures(store: InboundStore, sources: readonly Pick<Source, "name">[]): Measures {
  const metrics = inboundMetrics(sources);
  return {
    metrics: Object.values(metrics),
    async collect(meter) {
      const counts = sources.length === 0 ? [] : await store.tx((tx) => tx.inbound.counts());
      for (const { source, state } of metrics.waiting.series) {
        const found = counts.find((one) => one.source === source && one.status.toLowerCase() === state);
        meter.set(metrics.waiting, { source, state }, found?.count ?? 0);
      }
    },
  };
}

export interface InboundMeter {
  received(source: string, end: InboundStatus | "duplicate"): void;
  refused(source: string, code: DeliveryRefusal): void;
  parked(source: string): void;
}

export function inboundMeter(meter: Meter, sources: readonly Pick<Source, "name">[]): InboundMeter {
  const { events, refused, parked } = inboundMetrics(sources);
  return {
    received: (source, end) => meter.count(events, { source, result: end === "PARKED" ? "failed" : (end.toLowerCase() as (typeof ends)[number]) }),
    refused: (source, code) => meter.count(refused, { source, code }),
    parked: (source) => meter.count(parked, { source }),
  };
}
