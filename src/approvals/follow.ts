/** The events of one request from any sequence on. */
import type { EventLogFeed } from "./ports.ts";
import { notFound } from "./change.ts";
import { evolve } from "./evolve.ts";
import type { ApprovalStore } from "./records.ts";
import { isOpen, type Approval, type ApprovalEvent, type Decision } from "./request.ts";

export interface FollowedEvent {
  readonly event: ApprovalEvent;
  /** The state of the request after it. */
  readonly decision: Decision;
  readonly approval: Approval;
}

export interface FollowOptions {
  readonly tenant: string;
  readonly id: string;
  readonly afterSequence: number;
  /** Ends after the event that decides the request. */
  readonly untilDecided: boolean;
}

/**
 * Events after a sequence, in order and without a gap, from the store; the log of events says when there may be new ones, at any
 * replica. Rejects with APPROVAL_NOT_FOUND and with the signal's reason.
 */
export async function* follow(
  store: ApprovalStore,
  feed: EventLogFeed,
  { tenant, id, afterSequence, untilDecided }: FollowOptions,
  signal: AbortSignal,
): AsyncGenerator<FollowedEvent> {
  const wakes = feed.watch({ types: [], subject: { kind: "approval", id } }, undefined, signal);
  try {
    // Its first item is the position from which it watches: what is committed later wakes us.
    await wakes.next();
    let state: Approval | undefined;
    for (;;) {
      const events = await readAfter(store, tenant, id, state?.sequence ?? 0);
      for (const event of events) {
        state = evolve(state, event);
        if (event.sequence > afterSequence) yield { event, decision: state.decision, approval: state };
        if (untilDecided && !isOpen(state)) return;
      }
      if (untilDecided && state && !isOpen(state)) return;
      await nextEvents(wakes);
    }
  } finally {
    await wakes.return(undefined);
  }
}

function readAfter(store: ApprovalStore, tenant: string, id: string, sequence: number): Promise<readonly ApprovalEvent[]> {
  return store.tx(async (tx) => {
    if (sequence === 0 && !(await tx.approvals.find(tenant, id))) throw notFound(id);
    return tx.approvals.events(id, sequence);
  });
}

/** Waits until the log has events of the request. */
async function nextEvents(wakes: ReturnType<EventLogFeed["watch"]>): Promise<void> {
  for (;;) {
    const { value, done } = await wakes.next();
    if (done || value.events.length > 0) return;
  }
}
