/** Webhooks as a whole: use cases, joined with what they share, and what they bring to the process. */
import type { Domain } from "../kernel/domain.ts";
import type { Meter } from "../kernel/meter.ts";
import { webhookAudits } from "./audits.ts";
import type { WebhookDeps } from "./deps.ts";
import { addCallback, type By, type Callback } from "./endpoints.ts";
import { webhookMeasures, webhookMeter } from "./metrics.ts";
import { noteEvents } from "./note.ts";
import { createPlaces } from "./places.ts";
import type { Noted } from "./ports.ts";
import type { WebhookTx } from "./records.ts";
import { webhookTasks } from "./tasks.ts";

/** How long deliveries are listed. */
const deliveriesKeptMs = 30 * 86_400_000;
const pruned = 1_000;

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
