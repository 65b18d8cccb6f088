/** Sending events again that the log still has. */
import { fits } from "./filter.ts";
import { handOver, openCursor } from "./note.ts";
import type { WebhookDeps } from "./deps.ts";
import type { WebhookTx } from "./records.ts";
import type { Noted } from "./ports.ts";

const pageSize = 500;

export interface Replay {
  readonly tenant: string;
  readonly endpointId: string;
  /** Epoch milliseconds. */
  readonly since: number;
}

/**
 * Goes through the log and moves the endpoint's cursor of each request back before its first event since then, so that the events
 * are sent again in order. Repeated, it sends them once more.
 */
export async function replay(deps: WebhookDeps, { tenant, endpointId, since }: Replay, signal: AbortSignal): Promise<void> {
  for (let after: number | undefined = 0; after !== undefined;) {
    signal.throwIfAborted();
    const from: number = after;
    after = await deps.store.tx(async (tx) => {
      const endpoint = await tx.webhookEndpoints.find(tenant, endpointId);
      if (!endpoint || endpoint.disabled) return undefined;
      const page = await tx.eventLog.read({ after: from, limit: pageSize, types: [], subject: { kind: "approval" } });
      const noted = page.events.flatMap(({ at, payload }) => (at < since ? [] : (deps.source.ofLog(payload) ?? [])));
      const wanted = noted.filter(
        (one) =>
          one.tenant === tenant &&
          (endpoint.approvalId === undefined || endpoint.approvalId === one.approval.id) &&
          fits(endpoint, { type: one.event.type, subject: one.approval.subject }),
      );
      for (const [approvalId, its] of Map.groupBy(wanted, ({ approval }) => approval.id)) await again(tx, deps, endpointId, approvalId, its);
      return page.scanned < page.last ? page.scanned : undefined;
    });
  }
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
