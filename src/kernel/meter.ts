/**
 * Metrics. A metric is a row of its domain's table: its name, and every possible value of each of its labels.
 * So a counter is 0 before the first event, and no label takes an external value.
 */
export type Labels = Readonly<Record<string, string>>;

export interface Metric<L extends Labels = Labels> {
  readonly kind: "counter" | "gauge" | "histogram";
  /** In Prometheus' terms: unit and `_total` in the name, seconds and bytes as units. */
  readonly name: string;
  readonly help: string;
  /** Names of its labels, for a metric that may begin without a series. */
  readonly labels?: readonly (keyof L & string)[];
  /** Each possible set of labels; one empty set for a metric without labels. */
  readonly series: readonly L[];
  /** Upper bounds of a histogram's buckets, in seconds. */
  readonly buckets?: readonly number[];
}

export interface Meter {
  /** Adds `by` (1 by default) to a counter. */
  count<L extends Labels>(metric: Metric<L>, labels: L, by?: number): void;
  set<L extends Labels>(metric: Metric<L>, labels: L, value: number): void;
  /** Adds one duration to a histogram. */
  observe<L extends Labels>(metric: Metric<L>, labels: L, seconds: number): void;
}

/** A domain's metrics, and the function that sets the gauges just before a page is rendered. */
export interface Measures {
  readonly metrics: readonly Metric[];
  collect?(meter: Meter): void | Promise<void>;
}

/** For a metric without labels. */
export const unlabelled: readonly Readonly<Record<never, string>>[] = [{}];

/** Every combination of the values of these labels. */
export function series<const V extends Readonly<Record<string, readonly string[]>>>(values: V): readonly { readonly [L in keyof V]: V[L][number] }[] {
  return Object.entries(values).reduce<readonly Labels[]>(
    (sets, [label, its]) => sets.flatMap((set) => its.map((value) => ({ ...set, [label]: value }))),
    [{}],
  ) as readonly { readonly [L in keyof V]: V[L][number] }[];
}
