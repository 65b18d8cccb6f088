/** What is sent after a commit. */
import type { TaskKind } from "../kernel/task-kind.ts";
import { sendOnce } from "./deliveries.ts";
import type { WebhookDeps } from "./deps.ts";
import { replay } from "./replay.ts";
import { runMs, runSeries } from "./series.ts";
import { replayTask, sendTask, seriesTask } from "./task-types.ts";

/** Requests of which events are sent, or wait for a place at their endpoint, at once in a process. */
const seriesAtOnce = 128;
const attemptMs = 10_000;
/** For a page of the log. */
const pageMs = 60_000;
/** For a place at the endpoint, and the store. */
const marginMs = 15_000;

export function webhookTasks(deps: WebhookDeps): readonly TaskKind[] {
  const series: TaskKind<Parameters<typeof runSeries>[1]> = {
    ...seriesTask,
    places: seriesAtOnce,
    limitMs: runMs + attemptMs + marginMs,
    run: (payload, signal) => runSeries(deps, payload, signal),
  };
  const send: TaskKind<Parameters<typeof sendOnce>[1]> = {
    ...sendTask,
    limitMs: attemptMs + marginMs,
    run: (payload, signal) => sendOnce(deps, payload, signal),
  };
  const again: TaskKind<Parameters<typeof replay>[1]> = { ...replayTask, limitMs: pageMs, run: (payload) => replay(deps, payload) };
  return [series, send, again];
}
