/** Sending events again that the log still has: a page of the log a task, so that one that is repeated sends no more than a page twice. */
import { fits } from "./filter.ts";
import { handOver, openCursor } from "./note.ts";
import type { WebhookDeps } from "./deps.ts";
import type { WebhookTx } from "./records.ts";
import { replayTask } from "./task-types.ts";
import type { Noted } from "./ports.ts";

const pageSize = 500;

export interface Replay {
  readonly tenant: string;
  readonly endpointId: string;
  /** Epoch milliseconds. */
  readonly since: number;
  /** The position in the log up to which it is done. */
  readonly after: number;
}

/**
 * Goes through a page of the log and moves the endpoint's cursor of each request back before its first event since then, so that the
 * events are sent again in order; another task has the next page. Repeated, it sends them once more.
 */
export async function replay(deps: WebhookDeps, { tenant, endpointId, since, after }: Replay): Promise<void> {
  if (after === 0) await numberAll(deps);
  await deps.store.tx(async (tx) => {
    const endpoint = await tx.webhookEndpoints.find(tenant, endpointId);
    if (!endpoint || endpoint.disabled) return;
    const page = await tx.eventLog.read({ after, limit: pageSize, types: [], subject: { kind: "approval" } });
    const noted = page.events.flatMap(({ at, payload }) => (at < since ? [] : (deps.source.ofLog(payload) ?? [])));
    const wanted = noted.filter(
      (one) =>
        one.tenant === tenant &&
        (endpoint.approvalId === undefined || endpoint.approvalId === one.approval.id) &&
        fits(endpoint, { type: one.event.type, subject: one.approval.subject }),
    );
    for (const [approvalId, its] of Map.groupBy(wanted, ({ approval }) => approval.id)) await again(tx, deps, endpointId, approvalId, its);
    if (page.scanned < page.last) await tx.tasks.insert(replayTask, { id: deps.ids.next(), payload: { tenant, endpointId, since, after: page.scanned } });
  });
}

/** Gives every event that is committed by now its place in the log: what happened just before is replayed, too. */
async function numberAll({ store }: Pick<WebhookDeps, "store">): Promise<void> {
  while ((await store.tx((tx) => tx.eventLog.number(pageSize))).length === pageSize);
}

async function again(tx: WebhookTx, { ids }: WebhookDeps, endpointId: string, approvalId: string, events: readonly Noted[]): Promise<void> {
  const sequences = events.map(({ event }) => event.sequence);
  const acked = Math.min(...sequences) - 1;
  const wanted = Math.max(...sequences);
  const cursor = await tx.webhookCursors.lock(endpointId, approvalId);
  if (!cursor) return openCursor(tx, ids, { endpointId, approvalId, tenant: events[0]?.tenant ?? "", acked, wanted });
  await tx.webhookCursors.raise(endpointId, approvalId, Math.max(wanted, cursor.wanted));
  await handOver(tx, ids, { endpointId, approvalId, taskId: cursor.taskId, acked: Math.min(acked, cursor.acked) });
}
