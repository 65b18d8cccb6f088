/**
 * The meter on prom-client, and the page that Prometheus reads.
 *
 * Loading the library takes a large share of a start, so it is loaded after the first calls (`load`), or when the page is
 * requested; earlier measurements are queued in memory, in order, and counted then.
 */
import type { Meter, Measures, Metric } from "../../kernel/meter.ts";
import type { MetricsPage, PromMeter } from "./prom-meter.ts";

export interface Metering extends Meter {
  /** Loads the library. */
  load(): Promise<void>;
  render(): Promise<MetricsPage>;
}

/** `measures` is called when the library is loaded; its sources exist by then. */
export function createMeter(measures: () => readonly Measures[]): Metering {
  let meter: Meter | undefined;
  let waiting: ((to: Meter) => void)[] = [];
  let loading: Promise<PromMeter> | undefined;

  async function open(): Promise<PromMeter> {
    const { createPromMeter } = await import("./prom-meter.ts");
    const opened = createPromMeter(measures().flatMap(({ metrics }): readonly Metric[] => metrics));
    meter = opened;
    for (const note of waiting) note(opened);
    waiting = [];
    return opened;
  }

  function note(to: (meter: Meter) => void): void {
    if (meter) to(meter);
    else waiting.push(to);
  }

  const loaded = (): Promise<PromMeter> => (loading ??= open());
  return {
    count: (metric, labels, by) => note((to) => to.count(metric, labels, by)),
    set: (metric, labels, value) => note((to) => to.set(metric, labels, value)),
    observe: (metric, labels, seconds) => note((to) => to.observe(metric, labels, seconds)),
    load: async () => void (await loaded()),
    async render() {
      const to = await loaded();
      // One after the other: they read the store.
      for (const { collect } of measures()) await collect?.(to);
      return to.page();
    },
  };
}
