/** What webhooks count and time. */
import { series, unlabelled, type Measures, type Meter, type Metric } from "../kernel/meter.ts";
import type { WebhookStore } from "./records.ts";
import { attemptResults, type AttemptResult } from "./types.ts";

type Result = Lowercase<AttemptResult>;

const results = attemptResults.map((result) => result.toLowerCase() as Result);

const attempts = {
  kind: "counter",
  name: "webhook_attempts_total",
  help: "Attempts to deliver an event to an endpoint here, by their end",
  series: series({ result: results }),
} satisfies Metric;
const givenUp = { kind: "counter", name: "webhook_given_up_total", help: "Events given up for an endpoint here", series: unlabelled } satisfies Metric;
const disabled = {
  kind: "counter",
  name: "webhook_disabled_total",
  help: "Endpoints disabled here because they answered 410",
  series: unlabelled,
} satisfies Metric;
const time = {
  kind: "histogram",
  name: "webhook_attempt_seconds",
  help: "Time of an attempt for which something was sent",
  series: unlabelled,
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
} satisfies Metric;
const latency = {
  kind: "histogram",
  name: "webhook_delivery_seconds",
  help: "From an event to its first delivery to an endpoint",
  series: unlabelled,
  buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 60, 600, 3_600, 28_800],
} satisfies Metric;
const waiting = {
  kind: "gauge",
  name: "webhook_waiting",
  help: "Requests of which an endpoint in the store still has to be sent events",
  series: unlabelled,
} satisfies Metric;

export function webhookMeasures(store: WebhookStore): Measures {
  return {
    metrics: [attempts, givenUp, disabled, time, latency, waiting],
    async collect(meter) {
      meter.set(waiting, {}, await store.tx((tx) => tx.webhookCursors.count()));
    },
  };
}

export interface WebhookMeter {
  attempted(result: AttemptResult, ms: number): void;
  /** An event of that age was delivered. */
  delivered(ageMs: number): void;
  gaveUp(count: number): void;
  disabled(): void;
}

export function webhookMeter(meter: Meter): WebhookMeter {
  return {
    attempted(result, ms) {
      meter.count(attempts, { result: result.toLowerCase() as Result });
      if (result !== "HELD_BACK" && result !== "DENIED") meter.observe(time, {}, ms / 1_000);
    },
    delivered: (ageMs) => meter.observe(latency, {}, Math.max(0, ageMs) / 1_000),
    gaveUp: (count) => meter.count(givenUp, {}, count),
    disabled: () => meter.count(disabled, {}),
  };
}
