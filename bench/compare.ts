/**
 * Floor and Muster in turns, ABBA: floor, Muster, Muster, floor, … so that other load on the machine affects both. Each
 * round uses its own modules and removes them again, so that the catalog is equally full for both sides.
 */
import type { Farm } from "./farm.ts";
import type { Sample, Side } from "./sides.ts";
import { median } from "./stats.ts";

export interface Comparison<T> {
  readonly floor: readonly (readonly T[])[];
  readonly muster: readonly (readonly T[])[];
}

export interface Sides {
  readonly floor: Side;
  readonly muster: Side;
}

/** `rounds` is even; `round` gives the samples of one round of one side. */
export async function inTurns<T>({ floor, muster }: Sides, rounds: number, round: (side: Side) => Promise<readonly T[]>): Promise<Comparison<T>> {
  const result: { floor: (readonly T[])[]; muster: (readonly T[])[] } = { floor: [], muster: [] };
  for (let done = 0; done < rounds; done++) {
    const order = done % 2 === 0 ? (["floor", "muster"] as const) : (["muster", "floor"] as const);
    for (const name of order) result[name].push(await round(name === "floor" ? floor : muster));
  }
  return result;
}

/** One round of new modules, `limit` at a time. */
export async function registerFresh(side: Side, farm: Farm, count: number, limit: number): Promise<readonly Sample[]> {
  const modules = await farm.fresh(count);
  const samples = await side.register(modules, limit);
  await side.remove(modules);
  return samples;
}

/** Muster's median over the floor's, of each pair of rounds. */
export function roundRatios({ floor, muster }: Comparison<number>): readonly number[] {
  return muster.map((round, index) => median(round) / median(floor[index] ?? []));
}
