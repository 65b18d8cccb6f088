/** Events of requests become work for endpoints, in the transaction of the events. */
import type { Ids } from "../kernel/ports.ts";
import { fits } from "./filter.ts";
import type { Noted } from "./ports.ts";
import type { Listener, WebhookTx } from "./records.ts";
import { seriesTask } from "./task-types.ts";

/** After so many failures of an event, a final one overtakes it. */
export const triesBeforeOvertaken = 2;

const finalTypes: ReadonlySet<string> = new Set(["request_approved", "request_rejected", "request_expired", "request_cancelled"]);

/** True of the events that decide a request for good. */
export function isFinal(type: string): boolean {
  return finalTypes.has(type);
}

/** Raises what every endpoint of the tenant, and every callback of the request, is to be sent of it. All events are of one request, whose row is locked. */
export async function noteEvents(tx: WebhookTx, ids: Ids, events: readonly Noted[]): Promise<void> {
  const [first] = events;
  if (!first) return;
  const { tenant, approval } = first;
  for (const listener of await tx.webhookEndpoints.listeners(tenant, approval.id)) {
    const wanted = events.filter(({ event, approval: { subject } }) => fits(listener.endpoint, { type: event.type, subject }));
    if (wanted.length > 0) await want(tx, ids, listener, wanted);
  }
}

async function want(tx: WebhookTx, ids: Ids, { endpoint: { id: endpointId }, hasCursor }: Listener, events: readonly Noted[]): Promise<void> {
  const sequences = events.map(({ event }) => event.sequence);
  const wanted = Math.max(...sequences);
  const { tenant, approval } = events[0] as Noted;
  if (hasCursor && (await tx.webhookCursors.raise(endpointId, approval.id, wanted))) {
    if (!events.some(({ event }) => isFinal(event.type))) return;
    // As it is now: a failure may have been recorded since the listeners were read.
    const cursor = await tx.webhookCursors.lock(endpointId, approval.id);
    if (cursor && cursor.tries >= triesBeforeOvertaken) await handOver(tx, ids, { endpointId, approvalId: approval.id, taskId: cursor.taskId });
    return;
  }
  await openCursor(tx, ids, { endpointId, approvalId: approval.id, tenant, acked: Math.min(...sequences) - 1, wanted });
}

/** A new cursor, with the task that sends its events. */
export async function openCursor(
  tx: WebhookTx,
  ids: Ids,
  cursor: { readonly endpointId: string; readonly approvalId: string; readonly tenant: string; readonly acked: number; readonly wanted: number },
): Promise<void> {
  const { endpointId, approvalId } = cursor;
  const taskId = ids.next();
  await tx.webhookCursors.insert({ ...cursor, taskId });
  await tx.tasks.insert(seriesTask, { id: taskId, payload: { endpointId, approvalId, taskId } });
}

/** Has a cursor carried on at once, by another task than `taskId`, which finds nothing to do if it runs. With `acked`, from there. */
export async function handOver(
  tx: WebhookTx,
  ids: Ids,
  { endpointId, approvalId, taskId, acked }: { readonly endpointId: string; readonly approvalId: string; readonly taskId: string; readonly acked?: number },
): Promise<void> {
  const next = ids.next();
  await tx.webhookCursors.hand(endpointId, approvalId, next, acked);
  await tx.tasks.done(taskId);
  await tx.tasks.insert(seriesTask, { id: next, payload: { endpointId, approvalId, taskId: next } });
}
