/** What is counted of events from outside, by source. One that is configured later has its series from then on. */
import { series, unlabelled, type Labels, type Measures, type Meter, type Metric } from "../kernel/meter.ts";
import type { InboundStore } from "./records.ts";
import type { InboundStatus, Source } from "./types.ts";

const ends = ["succeeded", "skipped", "failed", "duplicate"] as const;
const waits = ["failed", "parked"] as const;

/** Why a delivery was answered with a 4xx. */
export const deliveryRefusals = [
  "invalid_signature",
  "invalid_sns_message",
  "untrusted_sns_message",
  "invalid_webhook_payload",
  "missing_event_fields",
  "invalid_approval_payload",
  "invalid_decision",
] as const;
export type DeliveryRefusal = (typeof deliveryRefusals)[number];

/** `refused`: an HTTP status other than 200. `unreadable`: no list of events. `failed`: not carried out, because the store was away. */
const pollResults = ["ok", "refused", "unanswered", "denied", "unreadable", "failed"] as const;
export type PollResult = (typeof pollResults)[number];

export const sourcesFileFailures = {
  kind: "counter",
  name: "inbound_file_read_failures_total",
  help: "Looks at the file of sources that found nothing to be used",
  series: unlabelled,
} as const satisfies Metric;

type Named = Pick<Source, "name" | "poll">;

/** The rows of the table; without sources none has a series. */
export function inboundMetrics(sources: readonly Named[]) {
  const source = sources.map(({ name }) => name);
  const polled = sources.filter(({ poll }) => poll !== undefined).map(({ name }) => name);
  return {
    events: {
      kind: "counter",
      name: "inbound_events_total",
      help: "Deliveries and tries of events from outside here, by their end",
      labels: ["source", "result"],
      series: series({ source, result: ends }),
    },
    refused: {
      kind: "counter",
      name: "inbound_refused_total",
      help: "Deliveries refused here, by the code of the answer",
      labels: ["source", "code"],
      series: series({ source, code: deliveryRefusals }),
    },
    parked: {
      kind: "counter",
      name: "inbound_parked_total",
      help: "Events parked here because they failed for an hour or by hand, or cannot be read",
      labels: ["source"],
      series: series({ source }),
    },
    waiting: {
      kind: "gauge",
      name: "inbound_waiting",
      help: "Events in the store that have failed and are tried again, or are parked",
      labels: ["source", "state"],
      series: series({ source, state: waits }),
    },
    polls: {
      kind: "counter",
      name: "inbound_polls_total",
      help: "Requests for the events of a source here, by their end",
      labels: ["source", "result"],
      series: series({ source: polled, result: pollResults }),
    },
    pollAge: {
      kind: "gauge",
      name: "inbound_poll_age_seconds",
      help: "Since the events of a source were last read, by any replica",
      labels: ["source"],
      series: series({ source: polled }),
    },
    starved: {
      kind: "gauge",
      name: "inbound_poll_starved",
      help: "1 while a source may have events that its answers do not reach",
      labels: ["source"],
      series: series({ source: polled }),
    },
  } as const satisfies Readonly<Record<string, Metric>>;
}

export function inboundMeasures(store: InboundStore, sources: () => readonly Named[]): Measures {
  const metrics = inboundMetrics(sources());
  /** Those of before, too: what is not configured any more does not stand still at a value. */
  let seen: readonly Named[] = [];
  return {
    metrics: [...Object.values(metrics), sourcesFileFailures],
    async collect(meter) {
      const configured = sources();
      seen = [...configured, ...seen.filter(({ name }) => !configured.some((one) => one.name === name))];
      const now = inboundMetrics(seen);
      const begin = <L extends Labels>(metric: Metric<L>): void => metric.series.forEach((labels) => meter.count(metric, labels, 0));
      begin(now.events);
      begin(now.refused);
      begin(now.parked);
      begin(now.polls);
      const [counts, states] = seen.length === 0 ? [[], []] : await store.tx(async (tx) => [await tx.inbound.counts(), await tx.inboundPolls.list()] as const);
      for (const { source, state } of now.waiting.series) {
        const found = counts.find((one) => one.source === source && one.status.toLowerCase() === state);
        meter.set(metrics.waiting, { source, state }, found?.count ?? 0);
      }
      for (const { source } of now.pollAge.series) {
        const isPolled = configured.some(({ name, poll }) => name === source && poll !== undefined);
        const state = isPolled ? states.find((one) => one.source === source) : undefined;
        meter.set(metrics.pollAge, { source }, state ? (state.now - (state.succeededAt ?? state.since)) / 1_000 : 0);
        meter.set(metrics.starved, { source }, state?.isStarved ? 1 : 0);
      }
    },
  };
}

export interface InboundMeter {
  received(source: string, end: InboundStatus | "duplicate"): void;
  refused(source: string, code: DeliveryRefusal): void;
  parked(source: string): void;
  polled(source: string, result: PollResult): void;
}

export function inboundMeter(meter: Meter): InboundMeter {
  const { events, refused, parked, polls } = inboundMetrics([]);
  return {
    received: (source, end) => meter.count(events, { source, result: end === "PARKED" ? "failed" : (end.toLowerCase() as (typeof ends)[number]) }),
    refused: (source, code) => meter.count(refused, { source, code }),
    parked: (source) => meter.count(parked, { source }),
    polled: (source, result) => meter.count(polls, { source, result }),
  };
}
