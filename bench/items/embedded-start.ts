/** Embedded Muster: time from spawn to the listening line, and its idle memory. */
import { setTimeout as pause } from "node:timers/promises";
import { embeddedBacking, startMuster } from "../../test/support/muster.ts";
import { residentMb } from "../process-cost.ts";
import { ms, timesRow, type Row } from "../report.ts";
import { median, quantile } from "../stats.ts";

const idleMs = 3_000;
const startAimMs = 300;
const memoryAimMb = 120;

export async function embeddedStart(times: number): Promise<readonly Row[]> {
  const started: number[] = [];
  const resident: number[] = [];
  for (let round = 0; round < times; round++) {
    await using backing = await embeddedBacking();
    const spawnedAt = performance.now();
    await using muster = await startMuster(backing.env);
    started.push(performance.now() - spawnedAt);
    await pause(idleMs);
    resident.push(await residentMb(muster.pid));
  }
  const memory = `${Math.round(median(resident))} MB · ${Math.round(quantile(resident, 0.99))} MB`;
  return [
    timesRow("embedded: spawn → listening, new database", started, { p50Ms: startAimMs }),
    {
      what: `embedded: resident memory after ${ms(idleMs)} idle`,
      n: times,
      muster: memory,
      floor: "",
      ratio: "",
      aim: `p50 ≤ ${memoryAimMb} MB`,
      met: median(resident) <= memoryAimMb,
    },
  ];
}
