/** The printed table: one row per figure, Muster beside the floor, with the aim and whether it was met. */
import { median, quantile } from "./stats.ts";
import { roundRatios, type Comparison } from "./compare.ts";

export interface Row {
  readonly what: string;
  readonly n: number;
  readonly muster: string;
  /** Empty where there is no floor. */
  readonly floor: string;
  readonly ratio: string;
  readonly aim: string;
  readonly met: boolean | undefined;
}

const columns = ["what", "n", "Muster p50 · p99", "floor p50 · p99", "ratio of medians [quartiles of rounds]", "aim", "met"] as const;

export function printHeader(): void {
  printCells(columns);
  printCells(columns.map(() => "---"));
}

export function printRow({ what, n, muster, floor, ratio, aim, met }: Row): void {
  printCells([what, String(n), muster, floor, ratio, aim, met === undefined ? "" : met ? "yes" : "**no**"]);
}

function printCells(cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(" | ")} |\n`);
}

export interface Aim {
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly ratio?: number;
}

/** A row for times in milliseconds of one side alone. */
export function timesRow(what: string, times: readonly number[], aim: Aim): Row {
  return { what, n: times.length, muster: spread(times), floor: "", ratio: "", ...judged(times, undefined, aim) };
}

/** A row for times in milliseconds of both sides. */
export function comparisonRow(what: string, comparison: Comparison<number>, aim: Aim): Row {
  const muster = comparison.muster.flat();
  const floor = comparison.floor.flat();
  const ratio = median(muster) / median(floor);
  const rounds = roundRatios(comparison);
  const quartiles = `[${quantile(rounds, 0.25).toFixed(2)}–${quantile(rounds, 0.75).toFixed(2)}]`;
  return { what, n: muster.length, muster: spread(muster), floor: spread(floor), ratio: `${ratio.toFixed(2)} ${quartiles}`, ...judged(muster, ratio, aim) };
}

function judged(times: readonly number[], ratio: number | undefined, { p50Ms, p99Ms, ratio: maxRatio }: Aim): Pick<Row, "aim" | "met"> {
  const parts = [
    { text: p50Ms && `p50 ≤ ${ms(p50Ms)}`, met: p50Ms === undefined || median(times) <= p50Ms },
    { text: p99Ms && `p99 ≤ ${ms(p99Ms)}`, met: p99Ms === undefined || quantile(times, 0.99) <= p99Ms },
    { text: maxRatio && `ratio ≤ ${maxRatio.toFixed(2)}`, met: maxRatio === undefined || (ratio ?? Number.NaN) <= maxRatio },
  ].filter(({ text }) => text !== undefined);
  return { aim: parts.map(({ text }) => text).join(", "), met: parts.length === 0 ? undefined : parts.every(({ met }) => met) };
}

function spread(times: readonly number[]): string {
  return `${ms(median(times))} · ${ms(quantile(times, 0.99))}`;
}

export function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}
