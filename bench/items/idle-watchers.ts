/** Ten thousand idle watchers: their memory, and the time until all have received a change. */
import { setTimeout as pause } from "node:timers/promises";
import { residentMb } from "../process-cost.ts";
import type { Row } from "../report.ts";
import { median } from "../stats.ts";
import { startWorker } from "../worker.ts";
import type { WatchersReply, WatchersRequest } from "../watchers.ts";

const memoryAimMb = 200;
const reachAimMs = 1_000;

export async function idleWatchers(
  muster: { readonly address: string; readonly pid: number },
  count: number,
  prefix: string,
  put: (id: string) => Promise<void>,
): Promise<readonly Row[]> {
  await pause(2_000);
  const before = await residentMb(muster.pid);
  await using watchers = startWorker<WatchersRequest, WatchersReply>(new URL("../watchers.ts", import.meta.url));
  const opened = await watchers.ask({ open: count, address: muster.address });
  if (opened.reached < count) throw new Error(`${opened.reached} of ${count} watches were opened`);
  await pause(5_000);
  const more = (await residentMb(muster.pid)) - before;
  const took: number[] = [];
  for (let round = 0; round < 5; round++) {
    const name = `${prefix}-news-${round}-`;
    await put(name);
    const changedAt = Date.now();
    const heard = await watchers.ask({ news: round, timeoutMs: 20_000 });
    if (heard.reached < count) throw new Error(`${heard.reached} of ${count} watchers heard of it`);
    took.push(heard.lastAt - changedAt);
  }
  const after = (await residentMb(muster.pid)) - before;
  const slowest = Math.max(...took);
  const common = { n: count, floor: "", ratio: "" };
  return [
    {
      ...common,
      what: "idle watchers: memory above idle",
      muster: `${Math.round(more)} MB (${Math.round(after)} MB after 5 changes)`,
      aim: `< ${memoryAimMb} MB`,
      met: more < memoryAimMb,
    },
    {
      ...common,
      what: "one change, until the last watcher has the list",
      muster: `${Math.round(median(took))} ms, slowest of 5: ${slowest} ms`,
      aim: `< ${reachAimMs} ms`,
      met: slowest < reachAimMs,
    },
  ];
}
