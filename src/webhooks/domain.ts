/** Webhooks as a whole: use cases, joined with what they share, and what they bring to the process. */
import type { Domain } from "../kernel/domain.ts";
import type { Meter } from "../kernel/meter.ts";
import type { TaskKind } from "../kernel/task-kind.ts";
import { webhookAudits } from "./audits.ts";
import { sendOnce } from "./deliveries.ts";
import type { WebhookDeps } from "./deps.ts";
import { addCallback, type By, type Callback } from "./endpoints.ts";
import { webhookMeasures, webhookMeter } from "./metrics.ts";
import { noteEvents } from "./note.ts";
import { createPlaces } from "./places.ts";
import type { Noted } from "./ports.ts";
import type { WebhookTx } from "./records.ts";
import { replay } from "./replay.ts";
import { runMs, runSeries } from "./series.ts";
import { replayTask, sendTask, seriesTask } from "./task-types.ts";

/** How long deliveries are listed. */
const deliveriesKeptMs = 30 * 86_400_000;
const pruned = 1_000;
/** Requests of which events are sent, or wait for a place at their endpoint, at once in a process. */
const seriesAtOnce = 128;
const attemptMs = 10_000;
/** For a place at the endpoint, and the store. */
const marginMs = 15_000;

export interface WebhooksOptions extends Omit<WebhookDeps, "meter" | "places"> {
  readonly meter: Meter;
}

export interface Webhooks extends Domain {
  readonly deps: WebhookDeps;
  /** To be called in the transaction that inserts events of a request, which all are of one request, whose row is locked. */
  note(tx: WebhookTx, events: readonly Noted[]): Promise<void>;
  /** To be called before the events of the request are noted; without a request it only checks the callback. */
  addCallback(tx: WebhookTx, approvalId: string | undefined, callback: Callback, by: By): Promise<void>;
}

export function createWebhooks({ meter, ...options }: WebhooksOptions): Webhooks {
  const { store, clock, ids } = options;
  const deps: WebhookDeps = { ...options, meter: webhookMeter(meter), places: createPlaces(clock) };
  return {
    deps,
    note: (tx, events) => noteEvents(tx, ids, events),
    addCallback: (tx, approvalId, callback, by) => addCallback(tx, deps, approvalId, callback, by),
    tasks: webhookTasks(deps),
    loops: [],
    measures: webhookMeasures(store),
    audits: webhookAudits(store),
    prune: async () => (await store.tx((tx) => tx.webhookDeliveries.prune(deliveriesKeptMs, pruned))) === pruned,
    drain: () => Promise.resolve(),
  };
}

function webhookTasks(deps: WebhookDeps): readonly TaskKind[] {
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
  const again: TaskKind<Parameters<typeof replay>[1]> = { ...replayTask, limitMs: 300_000, run: (payload, signal) => replay(deps, payload, signal) };
  return [series, send, again];
}
