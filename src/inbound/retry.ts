/** Events that have failed: tried again by themselves for an hour, then parked, and tried by hand. */
import type { Again } from "../kernel/task-kind.ts";
import type { InboundDeps } from "./deps.ts";
import { noEvent, succeededAlready } from "./errors.ts";
import { receiveAgain } from "./receive.ts";
import { pauseMs } from "./retry-task.ts";
import type { InboundRecord } from "./types.ts";

/** One run of the task of an event. Resolves to when it is tried next; undefined when it is settled or parked. */
export async function runRetry(deps: InboundDeps, { id }: { readonly id: string }): Promise<Again | undefined> {
  const before = await deps.store.tx((tx) => tx.inbound.lock(id));
  if (before?.status !== "FAILED") return undefined;
  await receiveAgain(deps, before, "task");
  const after = await deps.store.tx((tx) => tx.inbound.lock(id));
  return after?.status === "FAILED" ? { againInMs: pauseMs(after.tries) } : undefined;
}

/** Tries an event now, because somebody asks for it: also one that was skipped or parked. Throws INBOUND_EVENT_NOT_FOUND and INBOUND_EVENT_SUCCEEDED. */
export async function retryEvent(deps: InboundDeps, tenant: string, id: string): Promise<InboundRecord> {
  const before = await getEvent(deps, tenant, id);
  if (before.status === "SUCCEEDED") throw succeededAlready(id);
  await receiveAgain(deps, before, "hand");
  return getEvent(deps, tenant, id);
}

export async function getEvent({ store }: Pick<InboundDeps, "store">, tenant: string, id: string): Promise<InboundRecord> {
  const event = await store.tx((tx) => tx.inbound.get(tenant, id));
  if (!event) throw noEvent(id);
  return event;
}
