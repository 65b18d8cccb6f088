/** A new module, from the request to COMPLETED. */
import { inTurns, registerFresh, type Comparison, type Sides } from "../compare.ts";
import type { Farm } from "../farm.ts";
import { comparisonRow, type Aim, type Row } from "../report.ts";
import type { Sample } from "../sides.ts";

export interface NewModuleOptions {
  readonly rounds: number;
  readonly perRound: number;
  readonly inFlight: number;
  readonly aim: Aim;
}

/**
 * Two rows: the whole, and the whole without the wait for Consul's first passing probe. That wait is a random draw (a new
 * check is first probed at a random moment of its interval) and the same for both sides; without it the difference shows.
 */
export async function newModule(sides: Sides, farm: Farm, { rounds, perRound, inFlight, aim }: NewModuleOptions): Promise<readonly Row[]> {
  const samples = await inTurns<Sample>(sides, rounds, (side) => registerFresh(side, farm, perRound, inFlight));
  return [
    comparisonRow(
      `new module → COMPLETED, ${inFlight} in flight`,
      of(samples, ({ totalMs }) => totalMs),
      aim,
    ),
    comparisonRow(
      "  the same without the wait for the first probe",
      of(samples, ({ totalMs, waitMs }) => totalMs - waitMs),
      {},
    ),
  ];
}

function of({ floor, muster }: Comparison<Sample>, value: (sample: Sample) => number): Comparison<number> {
  return { floor: floor.map((round) => round.map(value)), muster: muster.map((round) => round.map(value)) };
}
