import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { Labels, Meter, Metric } from "../../kernel/meter.ts";

export interface MetricsPage {
  readonly contentType: string;
  readonly body: string;
}

export interface PromMeter extends Meter {
  page(): Promise<MetricsPage>;
}

/**
 * Creates every series of every metric, so that the page has them from the start. Also measures the process itself.
 * Frequent callers pass the label objects of the metric's table itself: their series is found by identity, without
 * comparing labels.
 */
export function createPromMeter(metrics: readonly Metric[]): PromMeter {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  const counted = new Map<Labels, Counter.Internal>();
  const timed = new Map<Labels, Histogram.Internal<string>>();
  for (const { kind, name, help, labels: names, series, buckets } of metrics) {
    const common = { name, help, labelNames: [...(names ?? Object.keys(series[0] ?? {}))], registers: [registry] };
    if (kind === "counter") {
      const counter = new Counter(common);
      for (const labels of series) {
        counter.inc(labels, 0);
        counted.set(labels, counter.labels(labels));
      }
      counters.set(name, counter);
    } else if (kind === "gauge") {
      const gauge = new Gauge(common);
      for (const labels of series) gauge.set(labels, 0);
      gauges.set(name, gauge);
    } else {
      const histogram = new Histogram({ ...common, ...(buckets ? { buckets: [...buckets] } : {}) });
      for (const labels of series) {
        histogram.zero(labels);
        timed.set(labels, histogram.labels(labels));
      }
      histograms.set(name, histogram);
    }
  }
  return {
    count({ name }, labels, by = 1) {
      const known = counted.get(labels);
      if (known) known.inc(by);
      else counters.get(name)?.inc(labels, by);
    },
    set: ({ name }, labels, value) => gauges.get(name)?.set(labels, value),
    observe({ name }, labels, seconds) {
      const known = timed.get(labels);
      if (known) known.observe(seconds);
      else histograms.get(name)?.observe(labels, seconds);
    },
    page: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}
