/** The same request again, for a module that is registered, passing and unchanged. */
import { inTurns, type Sides } from "../compare.ts";
import type { Farm } from "../farm.ts";
import { comparisonRow, type Row } from "../report.ts";

export async function unchanged({ floor, muster }: Sides, farm: Farm, rounds: number, perRound: number): Promise<readonly Row[]> {
  const modules = await farm.fresh(2);
  const [forFloor, forMuster] = modules;
  if (!forFloor || !forMuster) throw new Error("the farm gave no modules");
  await floor.register([forFloor], 1);
  await muster.register([forMuster], 1);
  const times = await inTurns({ floor, muster }, rounds, (side) => side.repeat(side === floor ? forFloor : forMuster, perRound));
  await floor.remove([forFloor]);
  await muster.remove([forMuster]);
  return [comparisonRow("unchanged module again → COMPLETED", times, { p50Ms: 15 })];
}
